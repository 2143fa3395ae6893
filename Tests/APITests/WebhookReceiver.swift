import Formats
import Foundation
import TestSupport

/// A receiver of webhooks in another language, with what it got.
struct WebhookReceiver: Sendable {
    let folder: ScratchFolder
    let program: RunningProgram
    private static let script = Deployment.root + "/Tests/APITests/Receiver/receiver.py"

    private var log: String { folder.file("received") }

    static func run<Result>(_ body: (WebhookReceiver) async throws -> Result) async throws -> Result {
        let folder = try ScratchFolder()
        let program = try await RunningProgram.start([script, folder.file("received")], program: TestPython.path)
        let receiver = WebhookReceiver(folder: folder, program: program)
        do {
            let result = try await body(receiver)
            await program.stop()
            return result
        } catch {
            await program.stop()
            throw error
        }
    }

    /// The address of a way to behave: `ok`, `fail`, `late` (fails twice), `gone`, `away`, `busy`, `slow`, `hang`, `reset`.
    func url(_ behaviour: String) -> String { program.firstLine + "/" + behaviour }

    /// A message as it came.
    struct Message: Sendable {
        let path: String
        let id: String
        let body: String
        let at: Double
        let event: String
    }

    func received(_ behaviour: String? = nil) throws -> [Message] {
        guard FileManager.default.fileExists(atPath: log) else { return [] }
        return try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").compactMap { text in
            let line = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
            let headers = line?["headers"] as? [String: String]
            guard let path = line?["path"] as? String, let body = line?["body"] as? String,
                let id = headers?["webhook-id"], let at = line?["at"] as? Double
            else { throw TestSupportError("no message: \(text)") }
            guard behaviour == nil || path == "/" + (behaviour ?? "") else { return nil }
            guard case .string(let event)? = try JSON(parsing: Array(body.utf8))["event"] else {
                throw TestSupportError("no event: \(body)")
            }
            return Message(path: path, id: id, body: body, at: at, event: event)
        }
    }

    /// What the libraries of receivers say of each message under a secret.
    func checked(_ secret: String) async throws -> [[String: Any]] {
        let run = try await ProgramRun.expectingSuccess([Self.script, log, secret], program: TestPython.path)
        return try run.split(separator: "\n").compactMap {
            try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
        }
    }
}
