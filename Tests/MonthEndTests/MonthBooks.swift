import Domain
import Foundation
import Postgres
import TestSupport

/// The sample deployment with three of its customers, two of one zone: one of them has a statement that is not whole.
enum MonthBooks {
    static let slugs = ["customer0", "customer1", "customer5"]

    static let template = TemplateDatabase { settings in
        let folder = try ScratchFolder()
        let sample = try String(contentsOfFile: Deployment.root + "/sample/accounts.csv", encoding: .utf8)
        let lines = sample.components(separatedBy: "\n")
        let kept = lines.enumerated().filter { number, line in
            number == 0 || slugs.contains { line.contains(",\($0),") }
        }
        let accounts = try folder.write(kept.map(\.element).joined(separator: "\n") + "\n", to: "accounts.csv")
        let script = try folder.write(try Deployment.sampleScript(), to: "sample.sql")
        try await Deployment.load(file: script, into: settings)
        for arguments in [
            ["database", "migrate"], ["accounts", "import", accounts],
            ["availability", "import", Deployment.root + "/sample/probes.csv.gz"],
        ] {
            try await ProgramRun.expectingSuccess(arguments + ["--database", Deployment.conninfo(settings)])
        }
    }

    /// Runs the body with a copy, and a folder for its months.
    nonisolated(nonsending) static func with<Result>(
        _ body: (MonthBooks.Place) async throws -> Result
    ) async throws -> Result {
        let folder = try ScratchFolder()
        return try await template.with { try await body(Place(settings: $0, folder: folder)) }
    }

    /// A database and the folder of its months.
    struct Place {
        let settings: ConnectionSettings
        let folder: ScratchFolder

        /// A command of the program about a month.
        func month(
            _ arguments: [String], output: String = "months", killAfter: Double? = nil
        ) async throws -> ProgramRun {
            let writes = ["run", "approve"].contains(arguments[0])
            return try await ProgramRun(
                ["month"] + arguments + (writes ? ["--quiet", "--output", folder.file(output)] : []) + [
                    "--database", Deployment.conninfo(settings),
                ], killAfter: killAfter)
        }

        func daybook(_ arguments: [String]) async throws -> ProgramRun {
            try await ProgramRun(arguments + ["--database", Deployment.conninfo(settings)])
        }

        /// Every file of a month but the manifests, which alone may differ between runs, and what was sent.
        func files(_ output: String = "months", month: String = "2026-10") throws -> [String: Data] {
            let root = folder.file(output) + "/month-\(month)"
            var files: [String: Data] = [:]
            for name in try FileManager.default.subpathsOfDirectory(atPath: root) {
                var isFolder: ObjCBool = false
                guard FileManager.default.fileExists(atPath: root + "/" + name, isDirectory: &isFolder),
                    !isFolder.boolValue, !name.hasSuffix("manifest.json"), !name.hasPrefix("outbox/")
                else { continue }
                files[name] = FileManager.default.contents(atPath: root + "/" + name)
            }
            return files
        }

        /// Every file of a month that has appeared, the manifests too: without the two instants of their run, which
        /// alone may differ.
        func everyFile(_ output: String = "months", month: String = "2026-10") throws -> [String: Data] {
            let root = folder.file(output) + "/month-\(month)"
            guard let names = try? FileManager.default.subpathsOfDirectory(atPath: root) else { return [:] }
            var files: [String: Data] = [:]
            for name in names where !name.contains(".daybook-") {
                var isFolder: ObjCBool = false
                guard FileManager.default.fileExists(atPath: root + "/" + name, isDirectory: &isFolder),
                    !isFolder.boolValue, let content = FileManager.default.contents(atPath: root + "/" + name)
                else { continue }
                files[name] = name.hasSuffix("manifest.json") ? Self.withoutInstants(content) : content
            }
            return files
        }

        private static func withoutInstants(_ manifest: Data) -> Data {
            let lines = String(decoding: manifest, as: UTF8.self).split(separator: "\n").filter { line in
                !line.contains("\"generated_at\" :") && !line.contains("\"snapshot_at\" :")
            }
            return Data(lines.joined(separator: "\n").utf8)
        }

        func lines(_ sql: String) async throws -> [String] {
            let connection = try await Connection.open(settings)
            let lines = try await connection.run { session in
                try session.query(sql).map { row in
                    try row.columns.indices.map { try row.string($0) ?? "" }.joined(separator: "|")
                }
            }
            await connection.close()
            return lines
        }
    }
}
