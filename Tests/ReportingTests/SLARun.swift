import Foundation
import Postgres
import TestSupport

/// One run of `daybook report sla` into a folder of its own.
struct SLARun {
    let run: ProgramRun
    let folder: ScratchFolder

    init(_ settings: ConnectionSettings, _ arguments: [String]) async throws {
        folder = try ScratchFolder()
        run = try await ProgramRun(
            ["report", "sla", "--quiet", "--output", folder.path, "--database", Deployment.conninfo(settings)]
                + arguments)
        if run.exitCode != 0 { throw TestSupportError("report sla ended with \(run.exitCode): \(run.errors)") }
    }

    /// The folder of CSV files, which is the only folder.
    func csvFolder() throws -> String {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        guard let name = names.first(where: { !$0.contains(".") }) else {
            throw TestSupportError("no folder in \(names)")
        }
        return folder.file(name)
    }

    /// The lines of a CSV file without its byte order mark.
    func lines(_ name: String) throws -> [String] {
        let text = String(
            decoding: FileManager.default.contents(atPath: try csvFolder() + "/" + name + ".csv") ?? Data(),
            as: UTF8.self)
        let body = text.unicodeScalars.first == "\u{FEFF}" ? String(text.unicodeScalars.dropFirst()) : text
        return body.components(separatedBy: "\r\n").filter { !$0.isEmpty }
    }

    /// Every file but the manifest, which alone may differ between two runs.
    func comparableFiles() throws -> [String: Data] {
        try folder.contents().filter { !$0.key.hasSuffix("manifest.json") }
    }
}
