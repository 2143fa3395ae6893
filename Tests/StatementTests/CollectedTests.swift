import Foundation
import Postgres
import TestSupport
import Testing

/// Everybody's rows in two files, for an accounting import.
@Suite struct CollectedTests {
    @Test func `two files have the rows of everybody's statements, customer after customer`() async throws {
        try await withSample { settings in
            #expect(try await closing(settings, ["2026-10", "--account", "customer5", "--quiet"]).exitCode == 0)
            try await FormerForm.keep("customer5", settings)
            let run = try await StatementRuns(settings, ["--month", "2026-10", "--all"])
            let slugs = try run.folder.contents().keys.compactMap { name in
                name.hasSuffix("/manifest.json")
                    ? String(name.dropFirst("statement-".count).dropLast("-2026-10/manifest.json".count)) : nil
            }
            let order = (0..<slugs.count).map { "customer\($0)" }
            #expect(Set(slugs) == Set(order) && slugs.count > 10)
            for (collected, table) in [("statements", "summary"), ("usage", "usage")] {
                let path = run.folder.file("\(collected)-2026-10.csv")
                let mine = try StatementRuns.records(path)
                var single: [[String]] = []
                for slug in order {
                    let records = try run.wholeRecords("statement-\(slug)-2026-10", table)
                    let isFormer = slug == "customer5"
                    #expect((records[0][0] == "account") != isFormer)
                    if single.isEmpty { single.append(records[0]) }
                    single += records.dropFirst().map { isFormer ? [slug, "2026-10"] + $0 : $0 }
                }
                #expect(mine == single)
                #expect(FileManager.default.contents(atPath: path)?.starts(with: Data([0xEF, 0xBB, 0xBF])) == true)
            }
            // What an accounting import adds up is what the statements say.
            let lines = try StatementRuns.records(run.folder.file("statements-2026-10.csv"))
            for line in ["closing_balance", "spent", "delivered"] {
                var sum: Int64 = 0
                for slug in order {
                    let summary = try run.wholeRecords("statement-\(slug)-2026-10", "summary")
                    sum += summary.first { $0.contains(line) }.flatMap { Int64($0[$0.count - 1]) } ?? 0
                }
                #expect(lines.filter { $0[2] == line }.reduce(0) { $0 + (Int64($1[3]) ?? 0) } == sum, "\(line)")
            }
            #expect(run.run.output.contains("statements-2026-10.csv") && run.run.output.contains("usage-2026-10.csv"))
        }
    }

    @Test func `one account's statement leaves the files of everybody alone`() async throws {
        try await withSample { settings in
            let run = try await StatementRuns(settings, ["--month", "2026-10", "--account", "customer5"])
            #expect(try !run.folder.contents().keys.contains { $0.hasPrefix("statements-") || $0.hasPrefix("usage-") })
        }
    }
}
