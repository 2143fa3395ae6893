import Domain
import Foundation

/// One question to a web address, asked by curl: the reporting tool carries no HTTP stack for one request a minute.
struct HTTPProbe: Sendable {
    let isUp: Bool
    /// Nil where there was no answer.
    let latencyMilliseconds: Int64?
    let remark: String

    /// Asks once. Throws `configuration` if curl is not installed.
    static func ask(_ url: String, timeoutSeconds: Int) async throws -> HTTPProbe {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue(label: "daybook.probe").async {
                continuation.resume(with: Result { try answer(url, timeoutSeconds: timeoutSeconds) })
            }
        }
    }

    private static func answer(_ url: String, timeoutSeconds: Int) throws -> HTTPProbe {
        let curl = Process()
        curl.executableURL = URL(fileURLWithPath: "/usr/bin/curl")
        curl.arguments = [
            "--silent", "--output", "/dev/null", "--max-time", String(timeoutSeconds), "--proto", "=http,https",
            "--write-out", "%{http_code} %{time_total}", "--url", url,
        ]
        let pipe = Pipe()
        curl.standardOutput = pipe
        curl.standardError = FileHandle.nullDevice
        curl.standardInput = FileHandle.nullDevice
        do {
            try curl.run()
        } catch {
            throw DaybookError.configuration("curl cannot be started; install it: apt-get install curl")
        }
        let words = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self).split(
            separator: " ")
        curl.waitUntilExit()
        guard curl.terminationStatus == 0, words.count == 2, let code = Int(words[0]),
            let micros = FixedPoint.parse(String(words[1]), places: 6)
        else { return HTTPProbe(isUp: false, latencyMilliseconds: nil, remark: "no answer within \(timeoutSeconds) s") }
        return HTTPProbe(
            isUp: (200..<400).contains(code), latencyMilliseconds: micros / 1000,
            remark: "HTTP \(code) in \(micros / 1000) ms")
    }
}
