import Foundation
import Postgres
import TestSupport
import Testing

/// One customer or one video at once: what goes, what stays, what is owed, and what becomes of that.
@Suite struct ErasureTests {
    private static let asked = ["--reason", "contract ended", "--requested-by", "Dr. Sommer"]

    /// Runs `daybook retention erase`, archived where the test's purges are.
    private static func erase(_ purging: Purging, _ more: [String]) async throws -> ProgramRun {
        try await purging.retention(["erase", "--yes", "--quiet"] + asked + purging.places + more)
    }

    /// Every row of everybody but one customer, and all of the money, as one digest per table.
    private static func others(_ purging: Purging, but slug: String) async throws -> [String: String] {
        let owner = "(SELECT a.user_id FROM daybook.account AS a WHERE a.slug = '\(slug)')"
        var digests = try await purging.books()
        for (table, condition) in [
            ("public.video_tasks", "r.user_id <> \(owner)"),
            (
                "public.video_external_access_log",
                "NOT EXISTS (SELECT FROM public.video_tasks AS t WHERE t.id = r.video_id AND t.user_id = \(owner))"
            ),
            (
                "public.enterprise_api_usage",
                "NOT EXISTS (SELECT FROM public.enterprise_api_keys AS k WHERE k.id = r.api_key_id "
                    + "AND k.user_id = \(owner))"
            ),
        ] {
            digests[table] = try await digest(purging, table, condition)
        }
        return digests
    }

    private static func digest(_ purging: Purging, _ table: String, _ condition: String) async throws -> String {
        try await purging.lines(
            """
            SELECT count(*) || ' ' || coalesce(md5(string_agg(r::text, E'\\n' ORDER BY r::text COLLATE "C")), '')
            FROM \(table) AS r WHERE \(condition)
            """)[0]
    }

    /// What a customer has left: tasks with content, accesses, and requests with an address.
    private static func left(_ purging: Purging, _ slug: String) async throws -> [String] {
        try await purging.lines(
            """
            SELECT count(*) FILTER (WHERE t.prompt <> '' OR t.video_url IS NOT NULL OR t.error_message IS NOT NULL),
                (SELECT count(*) FROM public.video_external_access_log AS l
                 JOIN public.video_tasks AS o ON o.id = l.video_id WHERE o.user_id = a.user_id),
                (SELECT count(*) FROM public.enterprise_api_usage AS u
                 JOIN public.enterprise_api_keys AS k ON k.id = u.api_key_id
                 WHERE k.user_id = a.user_id AND (u.ip IS NOT NULL OR u.user_agent IS NOT NULL))
            FROM daybook.account AS a LEFT JOIN public.video_tasks AS t ON t.user_id = a.user_id
            WHERE a.slug = '\(slug)' GROUP BY a.user_id
            """)
    }

    /// Every figure of all months: everybody's SLA report and the customer's own, and everybody's statements.
    private static func figures(_ purging: Purging, of slug: String) async throws -> [String: Data] {
        var files: [String: Data] = [:]
        for month in SLAReports.months {
            for report in [["sla"], ["sla", "--account", slug], ["statement", "--all"]] {
                let folder = try ScratchFolder()
                try await ProgramRun.expectingSuccess(
                    ["report"] + report + ["--quiet", "--month", month, "--format", "csv", "--output", folder.path]
                        + purging.database)
                files.merge(try folder.contents().filter { !$0.key.hasSuffix("manifest.json") }) { $1 }
            }
        }
        return files
    }

    /// The newest certificate.
    private static func certificate(_ purging: Purging) async throws -> [String: Any] {
        let text = try await purging.lines(
            "SELECT document FROM daybook.retention_certificate ORDER BY sequence DESC LIMIT 1")[0]
        return try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any] ?? [:]
    }

    @Test func `a customer's content and accesses go, and no other row, no money and no report moves`() async throws {
        try await withPurging { purging in
            let others = try await Self.others(purging, but: "customer0")
            let figures = try await Self.figures(purging, of: "customer0")
            #expect(figures.count > 550)
            #expect(try await Self.left(purging, "customer0") != ["0|0|0"])

            let run = try await Self.erase(purging, ["--account", "customer0"])
            #expect(run.exitCode == 0 && run.output.contains("rows of customer0"), "\(run.output)\(run.errors)")
            #expect(try await Self.left(purging, "customer0") == ["0|0|0"])
            #expect(try await Self.others(purging, but: "customer0") == others)
            #expect(try await Self.figures(purging, of: "customer0") == figures)
            let taken = try await purging.number("SELECT sum(row_count)::text FROM daybook.purge_total")
            #expect(try purging.archivedRows() == taken && taken > 3000)

            let document = try await Self.certificate(purging)
            let erased = document["erased"] as? [String: Any]
            #expect(document["kind"] as? String == "erasure" && document["limited_to"] as? String == "customer0")
            #expect(erased?["scope"] as? String == "account" && erased?["reference"] as? String == "customer0")
            #expect(erased?["reason"] as? String == "contract ended")
            #expect(erased?["requested_by"] as? String == "Dr. Sommer")
            // Whose it is is told of nobody else's matter.
            #expect((document["holds"] as? [Any])?.isEmpty == true && (document["policies"] as? [Any])?.count == 5)
            let page = try String(contentsOfFile: purging.certificates + "/certificate-000001.html", encoding: .utf8)
            #expect(page.contains("data was erased at once") && page.contains("Nothing of it is left."))
            let verified = try await purging.retention(["verify"])
            #expect(verified.exitCode == 0, "\(verified.output)")

            let before = try await purging.fingerprint()
            let again = try await Self.erase(purging, ["--account", "customer0"])
            #expect(again.exitCode == 0 && again.output.contains("Nothing of customer0 is left"), "\(again.output)")
            #expect(try await purging.fingerprint() == before)
            #expect(try await purging.number("SELECT count(*)::text FROM daybook.purge_run") == 1)
        }
    }

    @Test func `one video goes alone, also where its task is gone, and an id that nobody knows is refused`()
        async throws
    {
        try await withPurging { purging in
            let pair = try await purging.lines(
                """
                SELECT l.video_id::text FROM public.video_external_access_log AS l
                JOIN public.video_tasks AS t ON t.id = l.video_id
                JOIN daybook.account AS a ON a.user_id = t.user_id AND a.slug = 'customer2'
                GROUP BY 1 HAVING count(*) > 1 ORDER BY 1 LIMIT 2
                """)
            try await execute("DELETE FROM public.video_tasks WHERE id = '\(pair[1])'", in: purging.settings)
            func rest(_ video: String) async throws -> [String] {
                [
                    try await Self.digest(purging, "public.video_external_access_log", "r.video_id <> '\(video)'"),
                    try await Self.digest(purging, "public.video_tasks", "r.id <> '\(video)'"),
                    try await Self.digest(purging, "public.enterprise_api_usage", "true"),
                ]
            }
            for video in pair {
                let before = try await rest(video)
                let books = try await purging.books()
                let run = try await Self.erase(purging, ["--video", video.uppercased()])
                #expect(run.exitCode == 0 && run.output.contains("rows of video \(video)"), "\(run.errors)")
                #expect(try await rest(video) == before)
                #expect(try await purging.books() == books)
                let left = try await purging.number(
                    """
                    SELECT ((SELECT count(*) FROM public.video_external_access_log WHERE video_id = '\(video)')
                        + (SELECT count(*) FROM public.video_tasks WHERE id = '\(video)' AND prompt <> ''))::text
                    """)
                #expect(left == 0)
                let again = try await Self.erase(purging, ["--video", video])
                #expect(again.exitCode == 0 && again.output.contains("is left to be erased"), "\(again.errors)")
            }
            for id in ["00000000-0000-0000-0000-0000000000ff", "customer2"] {
                let unknown = try await Self.erase(purging, ["--video", id])
                #expect(unknown.exitCode == 64 && unknown.errors.contains(id), "\(unknown.errors)")
            }
            #expect(try await purging.retention(["verify"]).exitCode == 0)
        }
    }

    @Test func `what is held or open is named, owed, and taken by the first purge after that, and by none before`()
        async throws
    {
        try await withPurging { purging in
            // What is due by the policies goes first: the last purge then takes what is owed, and nothing else.
            #expect(try await purging.purge().exitCode == 0)
            let video = try await purging.lines(
                """
                SELECT t.id::text FROM public.video_tasks AS t JOIN daybook.account AS a ON a.user_id = t.user_id
                WHERE a.slug = 'customer5' AND t.status = 'succeeded' AND t.prompt <> '' ORDER BY 1 LIMIT 1
                """)[0]
            let hold = ["hold", "add", "--matter", "case 7", "--requested-by", "counsel", "--video", video]
            #expect(try await purging.retention(hold).exitCode == 0)
            let run = try await Self.erase(purging, ["--account", "customer5"])
            #expect(run.exitCode == 2, "\(run.output)\(run.errors)")
            #expect(run.output.contains("Not erased: 11 rows of task_content are of tasks that run"), "\(run.output)")
            #expect(run.output.contains("Not erased: 1 rows of task_content are held"), "\(run.output)")
            #expect(run.output.contains("Not erased: 1 rows of access_log have no instant"), "\(run.output)")
            #expect(run.output.contains("Held by hold 1, case 7, asked for by counsel."), "\(run.output)")
            #expect(run.output.contains("Copy: the archive of purge 1, "), "\(run.output)")
            let owed = (try await Self.certificate(purging)["erased"] as? [String: Any])?["owed"] as? [[String: Any]]
            #expect(Set(owed?.compactMap { $0["reason"] as? String } ?? []) == ["held", "open", "undated"])
            let verified = try await purging.retention(["verify"])
            #expect(verified.exitCode == 2 && verified.output.contains("erasure 2 of customer5"), "\(verified.output)")
            #expect(verified.output.contains("owed: 11 rows of task_content"), "\(verified.output)")
            let again = try await Self.erase(purging, ["--account", "customer5"])
            #expect(again.exitCode == 2 && again.output.contains("can be erased now that was not before"))
            let before = try await purging.fingerprint()
            #expect(try await purging.purge().output.contains("Nothing was due"))
            #expect(try await purging.fingerprint() == before)

            #expect(try await purging.retention(["hold", "release", "1", "--reason", "settled"]).exitCode == 0)
            try await execute(
                """
                UPDATE public.video_tasks SET status = 'failed', completed_at = now()
                WHERE status NOT IN ('succeeded', 'failed')
                    AND user_id = (SELECT user_id FROM daybook.account WHERE slug = 'customer5');
                UPDATE public.batch_jobs SET settlement_status = 'refunded' WHERE settlement_status = 'pending'
                    AND user_id = (SELECT user_id FROM daybook.account WHERE slug = 'customer5')
                """, in: purging.settings)
            let others = try await Self.others(purging, but: "customer5")
            let accesses = try await purging.number(
                "SELECT count(*)::text FROM public.video_external_access_log AS l WHERE l.video_id = '\(video)'")
            let purge = try await purging.purge()
            #expect(
                purge.exitCode == 0 && purge.output.contains("took \(12 + accesses) rows"),
                "\(purge.output)\(purge.errors)")
            #expect(try await Self.others(purging, but: "customer5") == others)
            // What has no instant is never due; the certificate of the erasure said so.
            #expect(try await Self.left(purging, "customer5") == ["0|1|0"])
            #expect(try await purging.lines("SELECT settled_run::text FROM daybook.erasure") == ["3"])
            let paid = try await purging.retention(["verify"])
            #expect(paid.exitCode == 0, "\(paid.output)")
        }
    }

    @Test func `of a customer who is held nothing goes, and the request stands until the release`() async throws {
        try await withPurging { purging in
            let before = try await purging.fingerprint()
            let run = try await Self.erase(purging, ["--account", "customer10"])
            #expect(run.exitCode == 2 && run.output.contains("erased 0 rows of customer10"), "\(run.errors)")
            #expect(run.output.contains("matter 2026-114, asked for by accounts.csv"), "\(run.output)")
            let after = try await purging.fingerprint()
            #expect(after.filter { $0.key != "daybook.task_fact" } == before.filter { $0.key != "daybook.task_fact" })
            let again = try await Self.erase(purging, ["--account", "customer10"])
            #expect(again.exitCode == 2)
            #expect(try await purging.number("SELECT count(*)::text FROM daybook.erasure") == 1)
            // Taken back with its archive, though nothing is in that.
            let restored = try await purging.retention(
                ["restore", purging.archive + "/run-000001/manifest.json", "--certificates", purging.certificates])
            #expect(restored.exitCode == 0 && restored.output.contains("took no row"), "\(restored.errors)")
            #expect(try await !purging.retention(["verify"]).output.contains("erasure 1"))
        }
    }
}
