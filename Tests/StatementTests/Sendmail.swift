import Foundation
import Postgres
import TestSupport

/// A program that takes messages, in place of sendmail: what it does with one is a script of the shell's.
struct Sendmail {
    let folder: ScratchFolder

    /// The shell's variable `to` is the recipient.
    init(_ script: String) throws {
        folder = try ScratchFolder()
        try Data("cat > message; to=$(sed -n 's/^To: //p' message | tr -d '\\r'); \(script)\n".utf8)
            .write(to: URL(fileURLWithPath: folder.file("script")))
    }

    /// Sends the reports of October.
    func send(_ report: [String], _ settings: ConnectionSettings) async throws -> ProgramRun {
        try await daybook(
            settings,
            ["report"] + report + [
                "--quiet", "--month", "2026-10", "--output", folder.file("out"), "--email", "--from",
                "finance@example.org", "--sendmail", "/bin/sh \(folder.file("script"))",
            ])
    }

    /// Who got something, in order; one twice who got two.
    func recipients() -> [String] {
        let log = (try? String(contentsOfFile: folder.file("log"), encoding: .utf8)) ?? ""
        return log.split(separator: "\n").map(String.init)
    }
}
