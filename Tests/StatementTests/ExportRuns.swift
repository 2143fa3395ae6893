import Foundation
import Postgres
import TestSupport

/// One run of `daybook report focus` or `daybook report journal` into a folder of its own.
struct ExportRun {
    let run: ProgramRun
    let folder: ScratchFolder
    private let report: String

    static let sampleMonths = ["2026-04", "2026-05", "2026-06", "2026-07", "2026-08", "2026-09", "2026-10"]
    static let issuer = "Kestrel Frames GmbH"

    init(_ report: String, _ settings: ConnectionSettings, _ arguments: [String]) async throws {
        self.report = report
        folder = try ScratchFolder()
        run = try await ProgramRun(
            ["report", report, "--quiet", "--output", folder.path, "--database", Deployment.conninfo(settings)]
                + (report == "focus" ? ["--issuer", Self.issuer] : []) + arguments)
        if run.exitCode != 0 { throw TestSupportError("report \(report) ended with \(run.exitCode): \(run.errors)") }
    }

    /// The rows of the CSV file by the names of its columns.
    func rows(_ name: String) throws -> [[String: String]] {
        let records = try StatementRuns.records(folder.file("\(name)/\(report).csv"))
        return records.dropFirst().map { record in
            Dictionary(uniqueKeysWithValues: zip(records[0], record))
        }
    }

    func columns(_ name: String) throws -> [String] {
        try StatementRuns.records(folder.file("\(name)/\(report).csv"))[0]
    }

    /// What the manifest says of each account.
    func totals(_ name: String) throws -> [String: [String: Any]] {
        let data = try Data(contentsOf: URL(fileURLWithPath: folder.file("\(name)/manifest.json")))
        let manifest = try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
        let accounts = manifest["accounts"] as? [[String: Any]] ?? []
        return Dictionary(
            uniqueKeysWithValues: accounts.map { (($0["subject"] as? [String: Any])?["account"] as? String ?? "", $0) })
    }
}

/// An amount of dollars in millionths; 0 for none.
func micros(_ text: Any?) -> Int64 {
    guard let text = text as? String, !text.isEmpty, let value = Decimal(string: text) else { return 0 }
    return NSDecimalNumber(decimal: value * 1_000_000).int64Value
}
