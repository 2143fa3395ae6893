import Foundation
import Postgres
import TestSupport

/// `plan.csv` of one run of the program.
struct PlanFile {
    let bytes: Data
    let rows: [[String: String]]

    var text: String { String(decoding: bytes, as: UTF8.self) }

    init(_ settings: ConnectionSettings, _ arguments: [String]) async throws {
        let folder = try ScratchFolder()
        try await ProgramRun.expectingSuccess(
            ["retention", "plan", "--database", Deployment.conninfo(settings), "--output", folder.path] + arguments)
        guard let bytes = FileManager.default.contents(atPath: folder.file("plan.csv")) else {
            throw TestSupportError("there is no plan.csv")
        }
        self.bytes = bytes
        let lines = String(decoding: bytes.dropFirst(3), as: UTF8.self).components(separatedBy: "\r\n")
        let header = lines[0].components(separatedBy: ",")
        rows = lines.dropFirst().filter { !$0.isEmpty }.map { line in
            Dictionary(uniqueKeysWithValues: zip(header, line.components(separatedBy: ",")))
        }
    }

    func sum(_ column: String, dataClass: String? = nil) -> Int {
        rows.filter { dataClass == nil || $0["data_class"] == dataClass }.reduce(0) {
            $0 + (Int($1[column] ?? "") ?? 0)
        }
    }

    func row(account: String, dataClass: String) throws -> [String: String] {
        guard let row = rows.first(where: { $0["account"] == account && $0["data_class"] == dataClass }) else {
            throw TestSupportError("the plan has no row of \(account), \(dataClass)")
        }
        return row
    }
}
