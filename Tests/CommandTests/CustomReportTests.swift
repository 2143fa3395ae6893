import Foundation
import Postgres
import TestSupport
import Testing

/// Reports that are folders: those that ship, and one that a user adds.
@Suite struct CustomReportTests {
    /// A copy of the sample, as a login that only reads.
    private nonisolated(nonsending) func withReadSample(
        _ body: (ConnectionSettings) async throws -> Void
    ) async throws {
        try await withSample { try await withLogin($0) { try await body($0) } }
    }

    @Test(arguments: [
        ["access", "--param", "month=2026-10"], ["access", "--param", "month=2026-10", "--param", "account=customer5"],
        ["failures", "--param", "month=2026-10"], ["credits", "--param", "from=2026-04", "--param", "to=2026-10"],
    ])
    func `every shipped report runs, twice to the same bytes`(arguments: [String]) async throws {
        try await withReadSample { settings in
            var runs: [[String: Data]] = []
            for _ in 0..<2 {
                let folder = try ScratchFolder()
                let run = try await ProgramRun(
                    ["report", "run"] + arguments + [
                        "--quiet", "--output", folder.path, "--database", Deployment.conninfo(settings),
                    ])
                #expect(run.exitCode == 0, "\(run.errors)")
                runs.append(try folder.contents().filter { !$0.key.hasSuffix("manifest.json") })
            }
            #expect(runs[0] == runs[1])
            #expect(runs[0].keys.filter { $0.hasSuffix(".xlsx") || $0.hasSuffix(".html") }.count == 2)
        }
    }

    @Test func `credits by model add up to the ledger`() async throws {
        try await withReadSample { settings in
            let folder = try ScratchFolder()
            let run = try await ProgramRun([
                "report", "run", "credits", "--param", "from=2026-04", "--param", "to=2026-10", "--format", "csv",
                "--quiet",
                "--output", folder.path, "--database", Deployment.conninfo(settings),
            ])
            #expect(run.exitCode == 0, "\(run.errors)")
            let file = try #require(try folder.contents().first { $0.key.hasSuffix("by_model.csv") })
            let rows = String(decoding: file.value, as: UTF8.self).components(separatedBy: "\r\n").dropFirst().filter {
                !$0.isEmpty
            }
            let spent = rows.compactMap { Int($0.components(separatedBy: ",").last ?? "") }.reduce(0, +)
            let connection = try await Connection.open(settings)
            let expected = try await connection.run { session in
                try session.query(
                    """
                    SELECT -sum(credits_delta) AS n FROM credit_ledger WHERE ref_type IN ('batch_upfront', 'batch_refund')
                    AND created_at < '2026-11-01Z'
                    """)[0].int("n")
            }
            await connection.close()
            #expect(Int64(spent) == expected)
        }
    }

    @Test func `a report that a user adds is listed, runs read-only, and is refused where it is wrong`() async throws {
        try await withReadSample { settings in
            let folder = try ScratchFolder()
            let home = folder.file("ours/newest")
            try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
            let manifest = """
                {"title": "Newest batches", "parameters": [{"name": "count", "type": "integer", "default": "3"}],
                 "sheets": [{"title": "Batches", "query": "batches", "columns": {"cost_usd": {"format": "usd"}}}]}
                """
            let sql =
                "SELECT id, created_at, frozen_credits * 0.049 AS cost_usd, '=1+1' AS note FROM batch_jobs ORDER BY created_at DESC, id LIMIT :count"
            try manifest.write(toFile: home + "/report.json", atomically: false, encoding: .utf8)
            try sql.write(toFile: home + "/batches.sql", atomically: false, encoding: .utf8)
            let list = try await ProgramRun(["report", "list", "--reports", folder.file("ours")])
            #expect(
                list.output.contains("newest") && list.output.contains("count=3") && list.output.contains("failures"))
            let base = [
                "report", "run", "newest", "--quiet", "--reports", folder.file("ours"), "--output", folder.file("out"),
                "--database", Deployment.conninfo(settings),
            ]
            let run = try await ProgramRun(base)
            #expect(run.output.contains("Batches: 3 rows"), "\(run.errors)")
            let csv = try String(contentsOfFile: folder.file("out/newest/batches.csv"), encoding: .utf8)
            #expect(csv.contains("'=1+1") && csv.contains("T"))

            for (text, code, why) in [
                ("DELETE FROM public.batch_jobs RETURNING id", Int32(78), "newest/batches.sql is not a query"),
                ("SELECT pg_sleep(5)", 75, "time limit"), ("SELECT :nothing", 78, ":nothing"),
            ] {
                try text.write(toFile: home + "/batches.sql", atomically: false, encoding: .utf8)
                let arguments = base + (code == 75 ? ["--statement-timeout", "1"] : [])
                try manifest.replacingOccurrences(of: ", \"columns\": {\"cost_usd\": {\"format\": \"usd\"}}", with: "")
                    .write(toFile: home + "/report.json", atomically: false, encoding: .utf8)
                let failed = try await ProgramRun(arguments)
                #expect(failed.exitCode == code, "\(text): \(failed.exitCode) \(failed.errors)")
                #expect(failed.errors.contains(why), "\(failed.errors)")
            }
            for (old, new) in [
                ("\"sheets\"", "\"shets\""), ("integer", "float"), ("Batches", "A/B"),
                ("\"query\": \"batches\"", "\"query\": \"zz\""),
            ] {
                try manifest.replacingOccurrences(of: old, with: new).write(
                    toFile: home + "/report.json", atomically: false, encoding: .utf8)
                #expect(try await ProgramRun(base).exitCode == 78)
            }
        }
    }
}
