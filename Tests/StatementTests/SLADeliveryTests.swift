import Foundation
import Postgres
import TestSupport
import Testing

/// The SLA reports of all customers, and how each goes to its own.
@Suite struct SLADeliveryTests {
    private static let october = ["--month", "2026-10", "--no-tasks", "--quiet"]
    private static let mail = ["--email", "--from", "service@example.org"]

    private static func sla(
        _ settings: ConnectionSettings, _ folder: ScratchFolder, _ more: [String]
    ) async throws -> ProgramRun {
        try await daybook(settings, ["report", "sla", "--output", folder.path] + october + more)
    }

    private static func send(
        _ sendmail: Sendmail, _ settings: ConnectionSettings, _ more: [String] = []
    ) async throws
        -> ProgramRun
    {
        try await sendmail.send(["sla", "--all", "--no-tasks"] + more, settings)
    }

    private static func lines(_ sql: String, _ settings: ConnectionSettings) async throws -> [String] {
        let connection = try await Connection.open(settings)
        let lines = try await connection.transaction { session in
            try session.query("SELECT t::text AS line FROM (\(sql)) AS t").map { try $0.text("line") }
        }
        await connection.close()
        return lines
    }

    private static func forgetAddress(_ settings: ConnectionSettings) async throws {
        try await execute(
            """
            UPDATE public.users SET email = ''
            WHERE id = (SELECT user_id FROM daybook.account WHERE slug = 'customer7')
            """, in: settings)
    }

    @Test func `the reports of all are those of each alone, over its own month, and name nobody else`() async throws {
        try await withSample { settings in
            let folder = try ScratchFolder()
            let all = try await Self.sla(settings, folder, ["--all"])
            #expect(all.exitCode == 0, "\(all.errors)")
            let files = try folder.contents()
            let manifests = files.keys.filter { $0.hasSuffix("/manifest.json") }
            #expect(manifests.count == 12)
            for slug in ["customer2", "customer9", "customer11"] {
                let alone = try ScratchFolder()
                let run = try await Self.sla(settings, alone, ["--account", slug])
                #expect(run.exitCode == 0, "\(run.errors)")
                let own = try alone.contents().filter { !$0.key.hasSuffix("manifest.json") }
                #expect(own.count > 10 && own == files.filter { own[$0.key] != nil })
            }
            let manifest = try #require(files["sla-customer9-2026-10/manifest.json"])
            let document = try JSONSerialization.jsonObject(with: manifest) as? [String: Any]
            #expect(document?["time_zone"] as? String == "Asia/Kathmandu")
            let owners = try await Self.lines("SELECT slug, user_id, name FROM daybook.account", settings).map { line in
                line.dropFirst().dropLast().split(separator: ",").map { $0.filter { $0 != "\"" } }
            }
            for (name, bytes) in files where !name.hasSuffix(".xlsx") {
                let text = String(decoding: bytes, as: UTF8.self)
                for owner in owners where !name.contains("-\(owner[0])-") {
                    #expect(!text.contains(owner[1]) && !text.contains(owner[2]), "\(name) names \(owner)")
                }
            }
        }
    }

    @Test func `each goes to its customer once, with its files, whatever became of the statements`() async throws {
        try await withSample { settings in
            let folder = try ScratchFolder()
            let statement = try await daybook(
                settings,
                [
                    "report", "statement", "--quiet", "--month", "2026-10", "--account", "customer2", "--output",
                    folder.path,
                ] + Self.mail)
            #expect(statement.exitCode == 0, "\(statement.errors)")
            let run = try await Self.sla(settings, folder, ["--account", "customer2"] + Self.mail)
            #expect(run.exitCode == 0 && run.output.contains("handed over"), "\(run.errors)")
            let message = try await DeliveryTests.read(folder.file("outbox/sla-customer2-2026-10.eml"))
            #expect(
                message["names"] as? [String] == [
                    "长风视频科技 SLA 2026-10.xlsx", "长风视频科技 SLA 2026-10.html", "长风视频科技 SLA 2026-10.zip",
                ])
            #expect(message["subject"] as? String == "Service level report customer2-2026-10, October 2026")
            let body = try #require(message["body"] as? String)
            #expect(body.contains("Dear 长风视频科技,") && body.contains("Availability, batch-api:"), "\(body)")
            #expect(!body.contains("{{") && message["defects"] as? Int == 0)
            let page = FileManager.default.contents(atPath: folder.file("sla-customer2-2026-10.html"))
            #expect((message["sizes"] as? [Int])?[1] == page?.count)
            let again = try await Self.sla(settings, folder, ["--account", "customer2"] + Self.mail)
            #expect(again.exitCode == 0 && again.output.contains("it was handed over at"), "\(again.output)")
            let sent = try await Self.lines("SELECT report, sequence FROM daybook.statement_delivery", settings)
            #expect(Set(sent) == ["(statement,1)", "(sla,2)"])
        }
    }

    @Test func `what was killed may have gone out, and is not sent again unless somebody says so`() async throws {
        try await withSample { settings in
            try await Self.forgetAddress(settings)
            let killed = try Sendmail("kill -KILL $PPID; echo $to >> $(dirname $0)/log")
            #expect(try await Self.send(killed, settings).exitCode == 137)
            let taking = try Sendmail("echo $to >> $(dirname $0)/log")
            let next = try await Self.send(taking, settings)
            #expect(next.exitCode == 2 && next.output.contains("it may have gone out at"), "\(next.output)")
            #expect(next.output.contains("not sent: no mail address is known"), "\(next.output)")
            let others = taking.recipients()
            #expect(others.count == 10 && Set(others).isDisjoint(with: killed.recipients()), "\(others)")
            let forced = try await Self.send(taking, settings, ["--force"])
            #expect(forced.exitCode == 2 && taking.recipients().count == 10 + 11, "\(forced.output)")
        }
    }

    @Test func `a report that may still change, or that judges nothing, stays behind and is named`() async throws {
        try await withSample { settings in
            let folder = try ScratchFolder()
            let account = ["--account", "customer2"] + Self.mail
            let early = try await Self.sla(settings, folder, account + ["--cutoff", "2026-10-15T00:00:00Z"])
            #expect(early.exitCode == 2, "\(early.errors)")
            #expect(early.output.contains("not sent: it is preliminary, and final from 2026-11-"), "\(early.output)")
            let empty = try await daybook(
                settings, ["report", "sla", "--quiet", "--month", "2020-01", "--output", folder.path] + account)
            #expect(empty.exitCode == 2, "\(empty.errors)")
            #expect(empty.output.contains("not sent: it judges nothing, for want of data"), "\(empty.output)")
            // Written they are all the same: to be looked at.
            #expect(FileManager.default.fileExists(atPath: folder.file("sla-customer2-2020-01.html")))
            #expect(!FileManager.default.fileExists(atPath: folder.file("outbox")))
            #expect(try await Self.lines("SELECT FROM daybook.statement_delivery", settings).isEmpty)
        }
    }

    @Test func `a dry run lists recipient, verdicts and status, and writes nothing`() async throws {
        try await withSample { settings in
            try await Self.forgetAddress(settings)
            let folder = try ScratchFolder()
            let run = try await Self.sla(settings, folder, ["--all", "--dry-run"] + Self.mail)
            #expect(run.exitCode == 2, "\(run.errors)")
            let line = run.output.split(separator: "\n").first { $0.hasPrefix("customer2 ") } ?? ""
            #expect(line.contains("billing2@customer2.example") && line.contains("final"), "\(run.output)")
            #expect(line.contains("would be handed over"), "\(run.output)")
            #expect(run.output.contains("not sent: no mail address is known"), "\(run.output)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
            #expect(try await Self.lines("SELECT FROM daybook.statement_delivery", settings).isEmpty)
        }
    }

    @Test func `everybody's report is nobody's to be sent, and one account is not all of them`() async throws {
        let folder = try ScratchFolder()
        for (options, sentence) in [
            (Self.mail, "--email sends a customer's own report"),
            (["--all", "--account", "customer2"], "not both"), (["--all", "--sql"], "one report alone"),
            (["--all", "--format", "csv"] + Self.mail, "leave both in --format"),
            (["--all", "--dry-run"], "Without --email nothing is sent"),
        ] {
            let run = try await ProgramRun(["report", "sla", "--output", folder.path] + Self.october + options)
            #expect(run.exitCode == 64 && run.errors.contains(sentence), "\(run.errors)")
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }
}
