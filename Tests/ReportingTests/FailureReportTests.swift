import Foundation
import Postgres
import TestSupport
import Testing

/// `report run failures` counts by the promises of the contracts, as the SLA report of the same month does.
@Suite struct FailureReportTests {
    /// The columns of `by_customer.csv` after the valid tasks, as `tasks.csv` of the SLA report names them.
    private static let classes = [
        "late", "failed", "timed_out", "cancelled_late", "in_flight_over", "input_refused",
    ]
    private static let bad: Set<String> = ["late", "failed", "timed_out", "cancelled_late", "in_flight_over"]

    /// Runs the report as a login that only reads, and gives the records of each table without its header.
    private func failures(
        _ settings: ConnectionSettings, account: String? = nil, _ folder: ScratchFolder
    ) async throws -> [String: [[String]]] {
        let only = account.map { ["--param", "account=\($0)"] } ?? []
        try await withLogin(settings) { login in
            _ = try await ProgramRun.expectingSuccess(
                [
                    "report", "run", "failures", "--param", "month=2026-10", "--quiet", "--output", folder.path,
                    "--database", Deployment.conninfo(login),
                ] + only)
        }
        let base = folder.file((["failures"] + (account.map { [$0] } ?? []) + ["2026-10"]).joined(separator: "-"))
        return try Dictionary(
            uniqueKeysWithValues: ["by_cause", "by_customer", "by_day"].map { table in
                let text = try String(contentsOfFile: "\(base)/\(table).csv", encoding: .utf8)
                let lines = text.components(separatedBy: "\r\n").dropFirst().filter { !$0.isEmpty }
                return (table, lines.map { $0.components(separatedBy: ",") })
            })
    }

    /// The tasks of the SLA report by customer and model, with their counts in the columns of `by_customer.csv`.
    private func judged(_ report: SLARun) throws -> [String: [Int]] {
        let tasks = try report.lines("tasks").dropFirst().map { $0.components(separatedBy: ",") }
        return Dictionary(grouping: tasks) { "\($0[1]),\($0[2])" }.mapValues { own in
            // The reason stands where a task was set aside.
            let names = own.map { $0[12].isEmpty ? $0[11] : $0[12] }
            return [names.count { $0 == "good" || Self.bad.contains($0) }]
                + Self.classes.map { name in names.count { $0 == name } }
        }
    }

    /// A profile with other limits and another default model, which some customers have from October on.
    private func promiseOthers(_ settings: ConnectionSettings, _ folder: ScratchFolder) async throws {
        let standard = try String(
            contentsOfFile: Deployment.root + "/reports/sla/standard-profile.json", encoding: .utf8)
        let other = standard.replacing("\"standard\"", with: "\"other\"").replacing("120", with: "45")
            .replacing("\"time_zone\"", with: "\"default_model\": \"veo-pro\", \"time_zone\"")
        _ = try await ProgramRun.expectingSuccess([
            "profiles", "import", try folder.write(other, to: "other.json"),
            "--database", Deployment.conninfo(settings),
        ])
        try await execute(
            """
            INSERT INTO daybook.account_terms
                (user_id, from_month, plan, currency, time_zone, monthly_fee_usd, contract_profile)
            SELECT t.user_id, '2026-10-01', t.plan, t.currency, t.time_zone, t.monthly_fee_usd, 'other'
            FROM daybook.account_terms AS t JOIN daybook.account AS a ON a.user_id = t.user_id
            WHERE a.slug IN ('customer1', 'customer2', 'customer5');
            UPDATE public.video_tasks SET model = NULL WHERE created_at >= '2026-10-10Z' AND created_at < '2026-10-20Z'
            """, in: settings)
    }

    @Test(arguments: [false, true], [nil, "customer5"])
    func `late, failed and refused tasks are those of the SLA report, by customer and model`(
        withOthers: Bool, account: String?
    ) async throws {
        try await withSample { settings in
            let folder = try ScratchFolder()
            if withOthers { try await promiseOthers(settings, folder) }
            let tables = try await failures(settings, account: account, folder)
            let report = try await SLARun(
                settings,
                ["--month", "2026-10", "--format", "csv"] + (account.map { ["--account", $0] } ?? []))
            let customers = try #require(tables["by_customer"])
            let counted = Dictionary(
                uniqueKeysWithValues: customers.map { ("\($0[0]),\($0[1])", $0.dropFirst(2).compactMap { Int($0) }) })
            let expected = try judged(report)
            #expect(counted == expected)
            #expect(counted.values.reduce(0) { $0 + $1[1] } > 0)

            let causes = try #require(tables["by_cause"]).filter { $0[0] == "batch" }
            for (place, name) in Self.classes.enumerated() where name != "in_flight_over" {
                let ofCauses = causes.filter { $0[2] == name }.reduce(0) { $0 + (Int($1[5]) ?? 0) }
                #expect(ofCauses == expected.values.reduce(0) { $0 + $1[place + 1] }, "\(name)")
            }
            let days = try #require(tables["by_day"])
            #expect(days.reduce(0) { $0 + (Int($1[8]) ?? 0) } == expected.values.reduce(0) { $0 + $1[1] })
            if withOthers {
                #expect(account == nil || counted.keys.contains("customer5,veo-pro"))
                let standard = try await withSample { try await failures($0, account: account, try ScratchFolder()) }
                #expect(standard["by_customer"] != customers)
            }
            // Which contracts judged is said where the figures are.
            let name = (["failures"] + (account.map { [$0] } ?? []) + ["2026-10"]).joined(separator: "-")
            let manifest = try String(contentsOfFile: folder.file("\(name)/manifest.json"), encoding: .utf8)
            #expect(manifest.contains("\"cutoff\" : \"2026-11-0") && manifest.contains("\"status\" : \"final\""))
            #expect(manifest.contains("\"name\" : \"other\"") == withOthers)
            #expect(manifest.contains("sla/sources/judged_task.sql"))
        }
    }

    @Test func `videos that were bought one by one are counted apart, and never late`() async throws {
        try await withSample { settings in
            let folder = try ScratchFolder()
            try await execute(
                """
                INSERT INTO public.video_tasks (id, user_id, model, prompt, status, failure_type, created_at, completed_at)
                SELECT gen_random_uuid(), a.user_id, NULL, 'a boat', s.status, s.failure_type, '2026-10-09T10:00Z',
                    '2026-10-09T16:00Z'
                FROM daybook.account AS a
                CROSS JOIN (VALUES ('succeeded', NULL), ('failed', 'timeout'), ('failed', 'param_error'))
                    AS s (status, failure_type)
                WHERE a.slug = 'customer5'
                """, in: settings)
            let before = try await withSample { try await failures($0, try ScratchFolder()) }
            let tables = try await failures(settings, folder)
            #expect(tables["by_customer"] == before["by_customer"])
            let single = try #require(tables["by_cause"]).filter { $0[0] == "single" }
            let earlier = try #require(before["by_cause"]).filter { $0[0] == "single" }
            func count(_ rows: [[String]], _ name: String) -> Int {
                rows.filter { $0[1] == "sora-2" && $0[2] == name }.reduce(0) { $0 + (Int($1[5]) ?? 0) }
            }
            for name in ["timed_out", "input_refused"] {
                #expect(count(single, name) == count(earlier, name) + 1, "\(name)")
            }
            #expect(count(single, "late") == 0)
        }
    }

    @Test func `a manifest that asks for promises names one month, and no parameter like theirs`() async throws {
        try await withSample { settings in
            let folder = try ScratchFolder()
            let home = folder.file("ours/judged")
            try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
            try """
            SELECT a.slug, t.model, count(*) AS late FROM judged_task AS t JOIN owner AS a ON a.account = t.account
            WHERE t.is_judging AND t.outcome = 'late' GROUP BY a.slug, t.model ORDER BY a.slug COLLATE "C", t.model COLLATE "C"
            """.write(toFile: home + "/late.sql", atomically: true, encoding: .utf8)
            let month = #"{"name": "month", "type": "month"}"#
            for (promises, parameters, code, why) in [
                ("true", month, Int32(0), ""), ("false", month, 65, "does not have"),
                ("true", #"{"name": "month", "type": "month", "optional": true}"#, 78, "a month that is always given"),
                ("true", month + #", {"name": "clocks", "type": "text", "default": "x"}"#, 78, "something else"),
                ("true", #"{"name": "from", "type": "text", "default": "x"}"#, 78, "period_starts"),
            ] {
                try """
                {"title": "Late", "promises": \(promises), "parameters": [\(parameters)],
                 "sheets": [{"title": "Late", "query": "late"}]}
                """.write(toFile: home + "/report.json", atomically: true, encoding: .utf8)
                let given = parameters.hasPrefix(month) ? ["--param", "month=2026-10"] : []
                let run = try await withLogin(settings) { login in
                    try await ProgramRun(
                        [
                            "report", "run", "judged", "--quiet", "--format", "csv", "--output", folder.path,
                            "--reports", folder.file("ours"), "--database", Deployment.conninfo(login),
                        ] + given)
                }
                #expect(run.exitCode == code, "\(run.errors)")
                #expect(why.isEmpty || run.errors.contains(why), "\(run.errors)")
            }
            let late = try String(contentsOfFile: folder.file("judged-2026-10/late.csv"), encoding: .utf8)
            #expect(late.contains("customer1,sora-2,"))
        }
    }
}
