import Domain
import Foundation
import Postgres
import TestSupport
import Testing

@testable import Retention

/// What is on record: the list of runs, certificates, archives and looks, and what became of one customer or video.
@Suite struct RecordTests {
    /// The rows of a CSV list, by their columns.
    private static func csv(_ purging: Purging, _ arguments: [String]) async throws -> [[String: String]] {
        let run = try await purging.retention(["list", "--format", "csv"] + arguments)
        #expect(run.exitCode == 0, "\(run.errors)")
        let lines = run.output.dropFirst().components(separatedBy: "\r\n").filter { !$0.isEmpty }
        let header = lines[0].components(separatedBy: ",")
        return lines.dropFirst().map { line in
            Dictionary(uniqueKeysWithValues: zip(header, line.components(separatedBy: ",")))
        }
    }

    @Test func `runs, certificates, archives and looks are listed with their state and end, in three forms`()
        async throws
    {
        try await withPurging { purging in
            let empty = try await purging.retention(["list"])
            #expect(empty.exitCode == 0 && empty.output.hasPrefix("Head of the chain: 000"), "\(empty.output)")
            let alone = Purging.date + ["--account", "customer9"]
            #expect(try await purging.purge(["--archive-days", "1"], date: alone).exitCode == 0)
            try await execute(
                "UPDATE daybook.purge_run SET archive_expires_at = clock_timestamp() - interval '1 s'",
                in: purging.settings)
            func states() async throws -> [String] {
                try await Self.csv(purging, []).map { row in
                    ["record", "number", "state"].map { row[$0] ?? "" }.joined(separator: " ")
                }
            }
            #expect(try await states() == ["run 1 certified", "certificate 1 with parts", "archive 1 past its end"])
            #expect(
                try await purging.retention(["expire-archives", "--certificates", purging.certificates]).exitCode == 0)
            try await purging.begin()
            try await execute(
                """
                INSERT INTO daybook.retention_look (run_id, relations, relation_oids, data_classes, row_counts, reason,
                    until_at)
                VALUES (1, '{public.seen_access_log}', '{1}', '{access_log}', '{42}', 'a complaint',
                    clock_timestamp() + interval '1 day')
                """, in: purging.settings)
            #expect(
                try await states() == [
                    "run 1 certified", "run 2 interrupted", "certificate 1 with parts", "certificate 2 with parts",
                    "archive 1 destroyed", "archive 2 kept", "look 1 open",
                ])
            let rows = try await Self.csv(purging, [])
            let taken = try await purging.number("SELECT sum(row_count)::text FROM daybook.purge_total")
            #expect(rows[0]["rows"] == String(taken) && rows[0]["account"] == "customer9")
            #expect(rows[4]["rows"] == String(taken) && rows[4]["ends_at"]?.hasPrefix("20") == true)
            #expect(rows[6]["rows"] == "42" && rows[6]["what"] == "a complaint")
            let head = try await purging.lines(
                "SELECT sha256 FROM daybook.retention_certificate ORDER BY sequence DESC LIMIT 1")[0]
            #expect(rows[3]["sha256"] == head && rows[3]["what"] == "archive_expiry")
            let table = try await purging.retention(["list"])
            for title in ["Runs\n", "Certificates\n", "Archives\n", "Looks into archives\n"] {
                #expect(table.output.contains(title), "\(table.output)")
            }
            #expect(table.output.hasSuffix("Head of the chain: \(head)\n"), "\(table.output)")
            let json = try await purging.retention(["list", "--format", "json"])
            let listed = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [[String: Any]]
            #expect(listed?.count == 7 && listed?[6]["rows"] as? Int == 42 && listed?[6]["sha256"] is NSNull)
            #expect(try await Self.csv(purging, ["--since", "2199-01-01"]).isEmpty)
            #expect(try await Self.csv(purging, ["--account", "customer5"]).isEmpty)
        }
    }

    @Test func `what was taken is listed by customer and class, under which days, and where it is`() async throws {
        try await withPurging { purging in
            let plan = try await PlanFile(purging.settings, Purging.date)
            #expect(try await purging.purge(date: Purging.date + ["--account", "customer9"]).exitCode == 0)
            #expect(try await purging.purge().exitCode == 0)
            let rows = try await Self.csv(purging, ["--taken", "--since", "2026-01-01"])
            let recorded = try await purging.lines(
                """
                SELECT t.run_id, coalesce(a.slug, ''), t.data_class, sum(t.row_count) FROM daybook.purge_total AS t
                LEFT JOIN daybook.account AS a ON a.user_id = t.user_id
                GROUP BY 1, 2, 3 ORDER BY t.run_id, coalesce(a.slug, '') COLLATE "C", t.data_class COLLATE "C"
                """)
            let listed = rows.map { row in
                ["run", "account", "data_class", "rows"].map { row[$0] ?? "" }.joined(separator: "|")
            }
            #expect(listed.sorted() == recorded.sorted() && listed.count > 10)
            // The cutoffs are the plan's, and each line names the certificate that proves it.
            for row in rows where row["data_class"] == "access_log" {
                let planned = try plan.row(account: row["account"] ?? "", dataClass: "access_log")
                #expect(row["cutoff"] == planned["cutoff"] && row["retention_days"] == planned["retention_days"])
                #expect(row["certificate"] == row["run"] && row["archive"] == "kept")
                #expect(row["action"] == "delete" && row["put_back_by"] == "")
            }
            let manifest = purging.archive + "/run-000001/manifest.json"
            let restored = try await purging.retention(["restore", manifest, "--certificates", purging.certificates])
            #expect(restored.exitCode == 0, "\(restored.errors)")
            let own = try await Self.csv(purging, ["--taken", "--account", "customer9"])
            #expect(Set(own.map { $0["account"] }) == ["customer9"])
            #expect(own.filter { $0["run"] == "1" }.allSatisfy { $0["put_back_by"] == "3" })
            #expect(own.filter { $0["run"] == "2" }.allSatisfy { $0["put_back_by"] == "" })
        }
    }

    @Test func `an account is shown with what there is of it, due when, held by whom, gone in which purge`()
        async throws
    {
        try await withPurging { purging in
            let added = try await purging.retention(
                ["hold", "add", "--account", "customer5", "--matter", "case 7", "--requested-by", "counsel"])
            #expect(added.exitCode == 0, "\(added.errors)")
            #expect(try await purging.purge().exitCode == 0)
            func show(_ name: String) async throws -> String {
                let run = try await purging.retention(["show", name])
                #expect(run.exitCode == 0, "\(run.errors)")
                return run.output
            }
            let owner = try await purging.lines("SELECT user_id::text FROM daybook.account WHERE slug = 'customer9'")[0]
            let output = try await show("customer9")
            #expect(try await show(owner.uppercased()) == output && output.contains("owner       \(owner)"))
            for line in try await purging.lines(
                "SELECT data_class, row_count FROM daybook.purge_total WHERE user_id = '\(owner)'")
            {
                let parts = line.components(separatedBy: "|")
                let gone = try Regex("    1  \(parts[0]) +all of it +\(parts[1])  20.*  1  kept")
                #expect(output.firstMatch(of: gone) != nil, "\(line): \(output)")
            }
            // The sample's newest access, 30 days in Kathmandu: the first as-of date that takes it.
            let due = try await purging.lines(
                """
                SELECT count(*), (max(l.created_at) AT TIME ZONE 'Asia/Kathmandu')::date + 31
                FROM video_external_access_log AS l JOIN video_tasks AS t ON t.id = l.video_id
                WHERE t.user_id = '\(owner)'
                """)[0].components(separatedBy: "|")
            let line = try #require(output.split(separator: "\n").first { $0.hasPrefix("access_log") })
            let cells = line.replacing(",", with: "").split(separator: " ").map(String.init)
            #expect(cells[1] == due[0] && cells[7] == "30" && cells[9] == due[1], "\(line) \(due)")
            let held = try await show("customer5")
            #expect(held.contains("hold 1") && held.contains("case 7") && held.contains("1 in force"), "\(held)")
            let csv = try await show("customer10")
            #expect(csv.contains("accounts.csv") && csv.contains("matter 2026-114"), "\(csv)")
            let nobody = try await purging.retention(["show", UUID().uuidString])
            #expect(nobody.exitCode == 64 && nobody.errors.contains("There is no account, video, task or owner"))
            #expect(try await purging.retention(["show", "customer99"]).exitCode == 64)
        }
    }

    @Test func `a video is shown with its purge, its archive's end and its holds, and explain says the same`()
        async throws
    {
        try await withPurging { purging in
            #expect(try await purging.purge().exitCode == 0)
            let task = try await purging.lines(
                """
                SELECT d.task_id::text, t.batch_job_id::text, l.id FROM daybook.task_redaction AS d
                JOIN video_tasks AS t ON t.id = d.task_id
                JOIN credit_ledger AS l ON l.ref_id = t.batch_job_id::text AND l.ref_type = 'batch_upfront'
                ORDER BY d.task_id LIMIT 1
                """)[0].components(separatedBy: "|")
            let hold = ["hold", "add", "--batch", task[1], "--matter", "case 8", "--requested-by", "counsel"]
            #expect(try await purging.retention(hold).exitCode == 0)
            let end = try await purging.lines("SELECT archive_expires_at::date FROM daybook.purge_run")[0]
            let run = try await purging.retention(["show", task[0]])
            #expect(run.exitCode == 0 && run.output.contains("case 8"), "\(run.errors)")
            let gone = try Regex("    1  task_content  this task +1  20.*  1  kept +\(end)T")
            #expect(run.output.firstMatch(of: gone) != nil, "\(run.output)")
            let line = try #require(run.output.split(separator: "\n").first { $0.hasPrefix("task_content") })
            // One task, and it is emptied already: nothing of it is due.
            #expect(line.split(separator: " ")[1...2] == ["1", "1"] && line.hasSuffix("  0"), "\(line)")
            func explain(_ reference: String) async throws -> ProgramRun {
                try await ProgramRun(["ledger", "explain", reference] + purging.database)
            }
            let explained = try await explain(task[0])
            #expect(explained.exitCode == 0, "\(explained.errors)")
            let redacted = try Regex("Its content\n.*\n-.*\nredacted +1  20.*  1  kept +\(end)T")
            #expect(explained.output.firstMatch(of: redacted) != nil, "\(explained.output)")
            #expect(try await !explain(task[1]).output.contains("Its content"))
            let whole = try await purging.lines(
                """
                SELECT t.id::text FROM video_tasks AS t
                JOIN credit_ledger AS l ON l.ref_id = t.batch_job_id::text AND l.ref_type = 'batch_upfront'
                WHERE NOT EXISTS (SELECT FROM daybook.task_redaction AS d WHERE d.task_id = t.id)
                ORDER BY t.id LIMIT 1
                """)[0]
            #expect(try await !explain(whole).output.contains("Its content"))
        }
    }

    @Test func `accounts show and list name every hold in force, whatever it covers, and none that was released`()
        async throws
    {
        try await withPurging { purging in
            func accounts(_ arguments: [String]) async throws -> String {
                try await ProgramRun.expectingSuccess(["accounts"] + arguments + purging.database)
            }
            #expect(try await accounts(["show", "customer9"]).contains("legal hold        none"))
            let task = try await purging.lines(
                """
                SELECT t.id::text, t.batch_job_id::text FROM video_tasks AS t
                JOIN daybook.account AS a ON a.user_id = t.user_id WHERE a.slug = 'customer9' ORDER BY t.id LIMIT 1
                """)[0].components(separatedBy: "|")
            for (scope, matter) in [
                (["--account", "customer9"], "case 1"), (["--video", task[0]], "case 2"),
                (["--batch", task[1]], "case 3"), (["--account", "customer10"], "case 4"),
            ] {
                let added = try await purging.retention(
                    ["hold", "add", "--matter", matter, "--requested-by", "counsel"] + scope)
                #expect(added.exitCode == 0, "\(added.errors)")
            }
            let shown = try await accounts(["show", "customer9"])
            for line in ["hold 1: case 1", "hold 2 (video \(task[0])): case 2", "hold 3 (batch \(task[1])): case 3"] {
                #expect(shown.contains("legal hold        \(line)\n"), "\(shown)")
            }
            let both = try await accounts(["show", "customer10"])
            #expect(both.contains("accounts.csv: matter 2026-114") && both.contains("hold 4: case 4"), "\(both)")
            #expect(try await purging.retention(["hold", "release", "1", "--reason", "settled"]).exitCode == 0)
            let lines = try await accounts(["list"]).split(separator: "\n")
            let own = try #require(lines.first { $0.hasPrefix("customer9 ") })
            #expect(own.contains("case 2") && own.contains("case 3") && !own.contains("case 1"), "\(own)")
            #expect(lines.filter { $0.contains("hold 4: case 4") }.count == 1)
            #expect(lines.filter { $0.contains("case") }.count == 2, "\(lines)")
        }
    }
}
