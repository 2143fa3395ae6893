import Domain
import Foundation
import Postgres
import TestSupport
import Testing

@testable import Reporting

/// Final months that were recorded: the trend takes them, and nothing else differs.
@Suite struct RecordedMonthTests {
    private static let october = ["--month", "2026-10", "--format", "csv,html", "--no-tasks"]
    private static let recordSeptember = ["--month", "2026-09", "--format", "csv", "--no-tasks", "--record"]

    /// A run whose exit code is looked at.
    private static func run(_ settings: ConnectionSettings, _ arguments: [String]) async throws -> ProgramRun {
        let folder = try ScratchFolder()
        return try await ProgramRun(
            ["report", "sla", "--quiet", "--output", folder.path, "--database", Deployment.conninfo(settings)]
                + arguments)
    }

    private static func recordings(_ settings: ConnectionSettings) async throws -> [String] {
        let connection = try await Connection.open(settings)
        let rows = try await connection.run { session in
            try session.query(
                """
                SELECT left(user_id::text, 8) || ' ' || to_char(month, 'YYYY-MM') || ' ' || version AS recording
                FROM daybook.recorded_month ORDER BY user_id, month, version
                """
            ).map { try $0.text("recording") }
        }
        await connection.close()
        return rows
    }

    /// One of August's tasks that ended well did not.
    private static let changedAugust = """
        UPDATE public.video_tasks SET status = 'failed', failure_type = 'model_error' WHERE id = (
            SELECT id FROM public.video_tasks WHERE created_at >= '2026-08-10Z' AND created_at < '2026-08-20Z'
                AND status = 'succeeded' AND model = 'sora-2' ORDER BY id LIMIT 1)
        """

    /// Who may switch the guard off changes what stands there.
    private static func forged(_ change: String) -> String {
        """
        ALTER TABLE daybook.recorded_month DISABLE TRIGGER recorded_month_kept;
        UPDATE daybook.recorded_month SET \(change) WHERE month = '2026-08-01';
        ALTER TABLE daybook.recorded_month ENABLE TRIGGER recorded_month_kept
        """
    }

    @Test func `a trend of recorded months is the same bytes as one that counts them, and the manifest names them`()
        async throws
    {
        try await withSample { settings in
            let counted = try await SLARun(settings, Self.october)
            #expect(try counted.recordedMonths().isEmpty)
            _ = try await SLARun(settings, Self.recordSeptember)
            #expect(try await Self.recordings(settings).count == 13)
            let taken = try await SLARun(settings, Self.october)
            #expect(try taken.comparableFiles() == counted.comparableFiles())
            let months = try taken.recordedMonths()
            #expect(months.count == 12 && months.first?["month"] == "2025-10" && months.last?["month"] == "2026-09")
            #expect(months.allSatisfy { $0["sha256"]?.count == 64 && $0["recorded_at"] != nil })
        }
    }

    @Test func `so is that of every customer's own report, each over its own months`() async throws {
        try await withSample { settings in
            let counted = try await SLARun(settings, Self.october + ["--all"])
            _ = try await SLARun(settings, Self.recordSeptember + ["--all"])
            let recordings = try await Self.recordings(settings)
            #expect(recordings.count == 12 * 13 && !recordings.contains { $0.hasPrefix("00000000 ") })
            let taken = try await SLARun(settings, Self.october + ["--all"])
            #expect(try taken.comparableFiles() == counted.comparableFiles())
            let own = try await SLARun(settings, Self.october + ["--account", "customer5"])
            #expect(try own.recordedMonths().count == 12)
            // Everybody's months are nobody's own.
            #expect(try await SLARun(settings, Self.october).recordedMonths().isEmpty)
        }
    }

    /// Generated deployments of everybody and of one account, with other contracts and clocks beside the standard one:
    /// two, and all of them in a long sweep.
    private static let seeds =
        ProcessInfo.processInfo.environment["DAYBOOK_SEEDS"] == nil ? [5, 24] : [5, 6, 18, 24, 30, 36]

    @Test(arguments: seeds)
    func `and that of the month after a generated deployment's`(seed: Int) async throws {
        let folder = try ScratchFolder()
        let input = folder.file("deployment")
        let arguments = try await Oracle.generate(seed: seed, into: input)
        try await withDatabase { settings in
            try await Deployment.load(file: input + "/load.sql", into: settings)
            try await OracleTests.importBooks(input, into: settings)
            let whose = arguments.firstIndex(of: "--account").map { Array(arguments[$0...($0 + 1)]) } ?? []
            let month = try #require(Month(arguments[1]))
            let next = try #require(month.adding(months: 1)).description
            let report = ["--month", next, "--format", "csv"] + whose
            let counted = try await SLARun(settings, report)
            #expect(try counted.lines("trend").contains { $0.hasPrefix("completion,") && $0.contains(",\(month),") })
            let recording = try await Self.run(
                settings, ["--month", month.description, "--record", "--format", "csv"] + whose)
            #expect(recording.exitCode == 0, "seed \(seed): \(recording.errors)")
            let taken = try await SLARun(settings, report)
            #expect(try taken.recordedMonths().count == 12)
            #expect(try taken.comparableFiles() == counted.comparableFiles(), "seed \(seed)")
            let recounted = try await Self.run(settings, report + ["--recount"])
            #expect(recounted.exitCode == 0 && recounted.errors.isEmpty, "seed \(seed): \(recounted.errors)")
        }
    }

    @Test func `what was recorded stays when rows change, --recount names it, and a further version takes its place`()
        async throws
    {
        try await withSample { settings in
            _ = try await SLARun(settings, Self.recordSeptember)
            let before = try await SLARun(settings, Self.october).comparableFiles()
            try await execute(Self.changedAugust, in: settings)
            #expect(try await SLARun(settings, Self.october).comparableFiles() == before)
            let recount = try await Self.run(settings, Self.october + ["--recount"])
            #expect(recount.exitCode == 2)
            let lines = recount.errors.split(separator: "\n")
            #expect(lines.count == 3, "\(recount.errors)")
            let figure =
                /2026-08, completion of sora-2: recorded (\d+) of (\d+) tasks good; counted anew (\d+) of (\d+) tasks/
            let numbers = try #require(recount.errors.firstMatch(of: figure)).output
            #expect(Int(numbers.1) == Int(numbers.3).map { $0 + 1 } && numbers.2 == numbers.4)
            #expect(lines.contains { $0.hasPrefix("daybook: 2026-08, auto_refund: recorded ") })
            #expect(recount.errors.contains("--record --recount"))
            #expect(try await Self.recordings(settings).count == 13)

            let again = try await Self.run(settings, Self.october + ["--record", "--recount"])
            #expect(again.exitCode == 2 && again.output.contains("Recorded: 2026-08 (version 2), 2026-10"))
            #expect(try await Self.recordings(settings).filter { $0.contains("2026-08") }.count == 2)
            let after = try await SLARun(settings, Self.october)
            #expect(try after.recordedMonths().count == 12)
            #expect(try after.comparableFiles() != before)
            #expect(try await Self.run(settings, Self.october + ["--recount"]).exitCode == 0)
        }
    }

    @Test func `months that were recorded under another profile are counted anew`() async throws {
        try await withSample { settings in
            _ = try await SLARun(settings, Self.recordSeptember)
            let before = try await SLARun(settings, Self.october)
            let profile = try String(
                contentsOfFile: Deployment.root + "/reports/sla/standard-profile.json", encoding: .utf8
            ).replacing("\"version\": 1", with: "\"version\": 2").replacing(
                "\"maintenance_notice_hours\": 48", with: "\"maintenance_notice_hours\": 8000")
            let folder = try ScratchFolder()
            let file = try folder.write(profile, to: "profile.json")
            try await ProgramRun.expectingSuccess(
                ["profiles", "import", file, "--database", Deployment.conninfo(settings)])
            try await execute(
                "UPDATE daybook.contract_profile SET imported_at = '2026-10-05Z' WHERE version = 2", in: settings)
            let after = try await SLARun(settings, Self.october)
            #expect(try after.recordedMonths().isEmpty)
            #expect(try after.comparableFiles() != before.comparableFiles())
            let recount = try await Self.run(settings, Self.october + ["--recount"])
            #expect(recount.errors.contains("the same figures, recorded by other contract terms"), "\(recount.errors)")
        }
    }

    @Test func `the terms and the zone of one customer make its months others, and nobody else's but everybody's`()
        async throws
    {
        try await withSample { settings in
            let reports = [[], ["--account", "customer1"], ["--account", "customer5"]]
            for whose in reports { _ = try await SLARun(settings, Self.recordSeptember + whose) }
            func taken() async throws -> [Int] {
                var counts: [Int] = []
                for whose in reports {
                    counts.append(try await SLARun(settings, Self.october + whose).recordedMonths().count)
                }
                return counts
            }
            #expect(try await taken() == [12, 12, 12])
            // From September on one customer has another contract: what was before stays as it was recorded.
            try await execute(
                """
                INSERT INTO daybook.contract_profile (name, version, document, sha256, imported_at)
                SELECT 'own', 1, replace(document, '"standard"', '"own"'), 'x', '2026-01-01Z' FROM (
                    SELECT $json$\(Self.profile())$json$ AS document
                ) AS p;
                INSERT INTO daybook.account_terms (
                    user_id, from_month, plan, currency, time_zone, monthly_fee_usd, contract_profile)
                SELECT user_id, '2026-09-01', plan, currency, time_zone, monthly_fee_usd, 'own'
                FROM daybook.account_terms
                WHERE user_id = (SELECT user_id FROM daybook.account WHERE slug = 'customer5')
                """, in: settings)
            #expect(try await taken() == [11, 12, 11])
            try await execute(
                """
                UPDATE daybook.account_terms SET time_zone = 'Asia/Kathmandu'
                WHERE user_id = (SELECT user_id FROM daybook.account WHERE slug = 'customer1')
                """, in: settings)
            #expect(try await taken() == [11, 0, 11])
        }
    }

    private static func profile() -> String {
        (try? String(contentsOfFile: Deployment.root + "/reports/sla/standard-profile.json", encoding: .utf8)) ?? ""
    }

    @Test func `months that were recorded by other queries are counted anew`() async throws {
        try await withSample { settings in
            _ = try await SLARun(settings, Self.recordSeptember)
            let before = try await SLARun(settings, Self.october)
            let folder = try ScratchFolder()
            try FileManager.default.copyItem(
                atPath: Deployment.root + "/reports/sla", toPath: folder.file("sla"))
            let copied = ["--reports", folder.path]
            try await withLogin(settings) { reader in
                #expect(try await SLARun(reader, Self.october + copied).recordedMonths().count == 12)
                // A relation that one of the queries names: all of them are others by that.
                let path = folder.file("sla/sources/judged_batch.sql")
                let text = try String(contentsOfFile: path, encoding: .utf8)
                try ("-- Another one.\n" + text).write(toFile: path, atomically: true, encoding: .utf8)
                let other = try await SLARun(reader, Self.october + copied)
                #expect(try other.recordedMonths().isEmpty)
                #expect(try other.lines("trend") == before.lines("trend"))
                let refused = try await Self.run(reader, Self.recordSeptember + copied)
                #expect(refused.exitCode == 64 && refused.errors.contains("--record"), "\(refused.errors)")
            }
        }
    }

    @Test func `figures that are not what was recorded are refused, and never taken`() async throws {
        try await withSample { settings in
            let counted = try await SLARun(settings, Self.october).comparableFiles()
            _ = try await SLARun(settings, Self.recordSeptember)
            let forgeries = [
                #"figures = regexp_replace(figures, '"good" : \d+', '"good" : 1')"#, "recorded_by = 'somebody'",
                "recorded_at = recorded_at - interval '1 day'", "figures = '{}'",
            ]
            for forgery in forgeries {
                let copy = "CREATE TEMPORARY TABLE kept AS SELECT * FROM daybook.recorded_month;"
                let restored = """
                    ALTER TABLE daybook.recorded_month DISABLE TRIGGER recorded_month_kept;
                    TRUNCATE daybook.recorded_month; INSERT INTO daybook.recorded_month SELECT * FROM kept;
                    ALTER TABLE daybook.recorded_month ENABLE TRIGGER recorded_month_kept
                    """
                let connection = try await Connection.open(settings)
                try await connection.run { try $0.executeScript(copy + Self.forged(forgery)) }
                let refused = try await Self.run(settings, Self.october)
                #expect(refused.exitCode == 65, "\(forgery): \(refused.errors)")
                #expect(refused.errors.contains("The recorded figures of 2026-08 are not what was recorded"))
                let recount = try await Self.run(settings, Self.october + ["--recount"])
                #expect(recount.exitCode == 2, "\(forgery): \(recount.errors)")
                #expect(recount.errors.contains("2026-08, version 1: what stands there is not what was recorded"))
                try await connection.run { try $0.executeScript(restored) }
                await connection.close()
            }
            #expect(try await Self.run(settings, Self.october + ["--recount"]).exitCode == 0)
            // Recorded again, the month is what it is.
            try await execute(Self.forged(forgeries[0]), in: settings)
            #expect(try await Self.run(settings, Self.october + ["--record", "--recount"]).exitCode == 2)
            let healed = try await SLARun(settings, Self.october)
            #expect(try healed.comparableFiles() == counted && healed.recordedMonths().count == 12)
        }
    }

    @Test func `figures that no counting gives are none, whatever their digest is`() throws {
        let whole = try MonthFigures(
            availability: [.init(component: "caf\u{E9}", total: 60, monitored: 50, down: 5, excluded: 2)],
            completion: [.init(model: "cafe\u{301}", good: 3, valid: 4)], refunds: .init(good: 1, valid: 1)
        ).document()
        #expect(try MonthFigures(document: whole)?.document() == whole)
        for (place, forged) in [
            ("\"good\" : 3", "\"good\" : 5"), ("\"good\" : 1", "\"good\" : -1"), ("\"down\" : 5", "\"down\" : 51"),
            ("\"total\" : 60", "\"total\" : 6"), ("\"valid\" : 4", "\"valid\" : 4.5"), ("{\n", "{ \n"),
        ] {
            #expect(whole.contains(place))
            #expect(MonthFigures(document: whole.replacing(place, with: forged)) == nil, "\(forged)")
        }
    }

    @Test func `a reader without the right to look counts the same page, and may record nothing`() async throws {
        try await withSample { settings in
            _ = try await SLARun(settings, Self.recordSeptember)
            let taken = try await SLARun(settings, Self.october)
            let rights = """
                GRANT USAGE ON SCHEMA public, daybook TO LOGIN;
                GRANT SELECT ON ALL TABLES IN SCHEMA public, daybook TO LOGIN
                """
            try await withLogin(settings, rights: rights) { reader in
                #expect(try await SLARun(reader, Self.october).recordedMonths().count == 12)
                let refused = try await Self.run(reader, Self.recordSeptember)
                #expect(refused.exitCode == 78 && refused.errors.contains("may not record months"), "\(refused.errors)")
            }
            try await withLogin(settings, rights: rights + "; REVOKE SELECT ON daybook.recorded_month FROM LOGIN") {
                let counted = try await SLARun($0, Self.october)
                #expect(try counted.recordedMonths().isEmpty)
                #expect(try counted.comparableFiles() == taken.comparableFiles())
            }
            try await execute("DROP TABLE daybook.recorded_month", in: settings)
            #expect(try await SLARun(settings, Self.october).comparableFiles() == taken.comparableFiles())
            let refused = try await Self.run(settings, Self.recordSeptember)
            #expect(refused.exitCode == 78 && refused.errors.contains("daybook database migrate"), "\(refused.errors)")
        }
    }

    @Test func `a month that is not final is not recorded, and nothing is written`() async throws {
        try await withSample { settings in
            let now = Date().ISO8601Format().prefix(7)
            let folder = try ScratchFolder()
            for whose in [[], ["--account", "customer5"], ["--all"]] {
                let refused = try await ProgramRun(
                    [
                        "report", "sla", "--quiet", "--output", folder.path, "--month", String(now), "--record",
                        "--database", Deployment.conninfo(settings),
                    ] + whose)
                #expect(refused.exitCode == 75 && refused.errors.contains("is not final before"), "\(refused.errors)")
            }
            #expect(try folder.contents().isEmpty)
            #expect(try await Self.recordings(settings).isEmpty)
            for more in [["--cutoff", "2026-11-10T00:00:00Z"], ["--sql"]] {
                #expect(try await Self.run(settings, ["--month", "2026-10", "--record"] + more).exitCode == 64)
            }
        }
    }

    @Test func `recording again, also twice at once, adds nothing, and nothing is changed or removed`() async throws {
        try await withSample { settings in
            async let one = Self.run(settings, Self.recordSeptember)
            async let other = Self.run(settings, Self.recordSeptember)
            let runs = try await [one, other]
            #expect(runs.allSatisfy { $0.exitCode == 0 }, "\(runs.map(\.errors))")
            let first = try await Self.recordings(settings)
            #expect(first.count == 13 && first.allSatisfy { $0.hasSuffix(" 1") })
            let again = try await Self.run(settings, Self.recordSeptember)
            #expect(again.exitCode == 0 && again.output.contains("Recorded already: nothing was added."))
            #expect(try await Self.recordings(settings) == first)
            for change in [
                "UPDATE daybook.recorded_month SET figures = ''", "DELETE FROM daybook.recorded_month",
                "TRUNCATE daybook.recorded_month",
            ] {
                await #expect(throws: PostgresError.self) { try await execute(change, in: settings) }
            }
        }
    }

    @Test func `a month that is closed is recorded for everybody, and a later trend takes it`() async throws {
        try await withSample { settings in
            let counted = try await SLARun(settings, Self.october).comparableFiles()
            let close = ["close", "month", "2026-09", "--quiet", "--database", Deployment.conninfo(settings)]
            // Whoever is not whole is left out; one account after another records the month once.
            let first = try await ProgramRun(close + ["--account", "customer1"])
            #expect(first.exitCode == 0 && first.errors.isEmpty, "\(first.errors)")
            #expect(try await Self.recordings(settings) == ["00000000 2026-09 1"])
            let rest = try await ProgramRun(close)
            #expect(rest.exitCode == 2 && !rest.errors.contains("SLA"), "\(rest.errors)")
            #expect(try await Self.recordings(settings) == ["00000000 2026-09 1"])
            let taken = try await SLARun(settings, Self.october)
            #expect(try taken.recordedMonths().map { $0["month"] } == ["2026-09"])
            #expect(try taken.comparableFiles() == counted)
        }
    }
}

extension SLARun {
    /// The recorded months that the manifest names.
    fileprivate func recordedMonths() throws -> [[String: String]] {
        let manifest = try JSONSerialization.jsonObject(
            with: try Data(contentsOf: URL(fileURLWithPath: try csvFolder() + "/manifest.json")))
        guard let months = (manifest as? [String: Any])?["recorded_months"] as? [[String: Any]] else {
            throw TestSupportError("the manifest names no recorded months")
        }
        return months.map { $0.mapValues { "\($0)" } }
    }
}
