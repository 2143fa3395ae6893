import Formats
import Foundation
import Ledger
import Postgres
import TestSupport
import Testing

/// `daybook ledger verify` and `explain` on the sample.
@Suite struct VerifyTests {
    /// The defects that were planted in the sample.
    private static let planted = Deployment.root + "/Tests/StatementTests/planted.csv"

    @Test func `the planted defects are found, and nothing else`() async throws {
        try await withSample { settings in
            let run = try await daybook(settings, ["ledger", "verify", "--format", "csv"])
            #expect(run.exitCode == 2, "\(run.errors)")
            let scratch = try ScratchFolder()
            let found = try StatementRuns.records(try scratch.write(run.output, to: "found.csv"))
            let expected = try StatementRuns.records(Self.planted)
            #expect(found.map { Array($0.prefix(3)) } == expected)
            #expect(found.dropFirst().allSatisfy { $0.count == 6 && !$0[4].isEmpty && !$0[5].isEmpty })
        }
    }

    @Test func `one account is checked alone, and money at stake is totalled`() async throws {
        try await withSample { settings in
            let run = try await daybook(settings, ["ledger", "verify", "--account", "customer5"])
            #expect(run.exitCode == 2)
            #expect(run.output.contains("3 findings, 887 credits at stake"))
            let whole = try await daybook(settings, ["ledger", "verify", "--account", "customer8"])
            #expect(whole.exitCode == 0 && whole.output.hasPrefix("The books are whole"))
            let unknown = try await daybook(settings, ["ledger", "verify", "--account", "nobody"])
            #expect(unknown.exitCode == 64)
        }
    }

    @Test func `the books are read a few times, however many invariants there are`() async throws {
        try await withSample { settings in
            let connection = try await Connection.open(settings)
            let verification = LedgerVerification(definitionFolder: Deployment.root + "/reports", account: nil)
            let readings = try await TableReadings(connection) { connection in
                _ = try await verification.run(connection)
            }
            await connection.close()
            // Once for their sums, batches once more for what their tasks cost and for keys that came twice; the rest
            // is what the sample does not say of its settlements.
            for table in ["public.batch_jobs", "public.video_tasks", "public.credit_ledger"] {
                #expect((1...7).contains(readings.passes(over: table)), "\(table): \(readings.passes(over: table))")
            }
        }
    }

    @Test func `findings come as JSON and as a workbook`() async throws {
        try await withSample { settings in
            let json = try await daybook(settings, ["ledger", "verify", "--format", "json"])
            let document = try #require(
                try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
            #expect((document["findings"] as? [Any])?.count == 33 && document["is_whole"] as? Bool == false)
            let folder = try ScratchFolder()
            let run = try await daybook(
                settings, ["ledger", "verify", "--format", "xlsx", "--output", folder.file("findings.xlsx")])
            #expect(run.exitCode == 2)
            #expect(
                FileManager.default.contents(atPath: folder.file("findings.xlsx"))?.starts(with: Data("PK".utf8))
                    == true)
        }
    }

    @Test func `a credit is explained from its batch to its purchase and back`() async throws {
        try await withSample { settings in
            let batch = try await daybook(settings, ["ledger", "explain", "0c7b512f-7337-4718-9033-21add42157ef"])
            #expect(batch.exitCode == 0, "\(batch.errors)")
            #expect(batch.output.contains("3000 = 2750 spent + 250 refunded + 0 held + 0 unexplained"))
            #expect(batch.output.contains("9007199254740499") && batch.output.contains("57.142857"))
            let purchase = try await daybook(settings, ["ledger", "explain", "9007199254740499"])
            #expect(purchase.output.contains("0c7b512f-7337-4718-9033-21add42157ef"))
            let stray = try await daybook(settings, ["ledger", "explain", "2add8ef1-aa62-4876-9cd1-fdbaa8ebd866"])
            #expect(stray.output.contains("no batch has this id") && stray.output.contains("unexplained  120"))
            #expect(stray.output.contains("120 = 0 spent + 0 refunded + 0 held + 120 unexplained"))
            let short = try await daybook(settings, ["ledger", "explain", "8be98d75-8aa0-49a1-960c-0c725b8e2ed0"])
            #expect(short.output.contains("120 = 110 spent + 0 refunded + 0 held + 10 unexplained"), "\(short.output)")
            let nothing = try await daybook(settings, ["ledger", "explain", "no-such-thing"])
            #expect(nothing.exitCode == 64)
        }
    }
}
