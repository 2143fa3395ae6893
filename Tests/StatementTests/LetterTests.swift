import Domain
import Foundation
import Postgres
import TestSupport
import Testing

/// Letters that were sent, those that are to follow, and the paragraphs that are chosen.
@Suite struct LetterTests {
    /// A letter without figures, of its own templates.
    private struct Plain {
        let sendmail: Sendmail
        let settings: ConnectionSettings

        /// - Parameter script: What the program does that takes the letters.
        init(_ settings: ConnectionSettings, _ script: String = "echo $to >> $(dirname $0)/log") throws {
            self.settings = settings
            sendmail = try Sendmail(script)
            let letters = sendmail.folder.file("own/letters")
            try FileManager.default.createDirectory(atPath: letters, withIntermediateDirectories: true)
            for name in ["introduction", "follow-up", "technical"] {
                _ = try sendmail.folder.write(
                    "Subject: Hello {{company}}\n\nDear {{name}}\n", to: "own/letters/\(name).txt")
            }
        }

        func send(_ name: String, to recipient: String, _ more: [String] = []) async throws -> ProgramRun {
            try await daybook(
                settings,
                [
                    "letter", name, "--to", recipient, "--from", "sales@example.org", "--set", "name=Dr. Sömmer",
                    "--set",
                    "company=Kranich & Söhne", "--templates", sendmail.folder.file("own"), "--sendmail",
                    "/bin/sh \(sendmail.folder.file("script"))",
                ] + more)
        }
    }

    private static func list(_ settings: ConnectionSettings, _ more: [String] = []) async throws -> [[String: Any]] {
        let run = try await daybook(settings, ["letter", "list", "--format", "json"] + more)
        #expect(run.exitCode == 0, "\(run.errors)")
        return try #require(JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [[String: Any]])
    }

    @Test func `what was taken is listed with the digest of the message, and nothing else is`() async throws {
        try await withSample { settings in
            let refusing = try Plain(settings, "exit 67")
            let refused = try await refusing.send("introduction", to: "cto@example.com")
            #expect(refused.exitCode == 1 && refused.errors.contains("was not sent"), "\(refused.errors)")
            let unsure = try Plain(settings, "exit 75")
            let uncertain = try await unsure.send("introduction", to: "cto@example.com")
            #expect(uncertain.exitCode == 1 && uncertain.errors.contains("may have gone out, and is not recorded"))
            let failing = try Plain(settings, "exit 1")
            #expect(try await failing.send("introduction", to: "cto@example.com").exitCode == 75)
            #expect(try await Self.list(settings).isEmpty)
            let none = try await daybook(settings, ["letter", "list"])
            #expect(none.exitCode == 0 && none.output == "No letter is recorded.\n")

            let taking = try Plain(settings, "cp message $(dirname $0)/message; echo $to >> $(dirname $0)/log")
            let sent = try await taking.send("introduction", to: "cto@example.com")
            #expect(sent.exitCode == 0 && sent.output == "introduction to cto@example.com: handed over\n", "\(sent)")
            let letter = try #require(try await Self.list(settings).first)
            let digest = try Command.run(["/usr/bin/sha256sum", taking.sendmail.folder.file("message")])
            #expect(letter["sha256"] as? String == String(digest.prefix(64)))
            let message = try await DeliveryTests.read(taking.sendmail.folder.file("message"))
            #expect(message["subject"] as? String == "Hello Kranich & Söhne")
            let source = try String(contentsOfFile: taking.sendmail.folder.file("message"), encoding: .utf8)
            #expect(source.contains("Message-ID: \(letter["message_id"] as? String ?? "none")\r\n"))
            for (key, value) in [
                "letter": "introduction", "recipient": "cto@example.com", "addressee": "Dr. Sömmer",
                "channel": "sendmail",
                "company": "Kranich & Söhne", "sender": "sales@example.org",
            ] { #expect(letter[key] as? String == value, "\(key)") }
            #expect(letter["author"] as? String != nil && letter["account"] is NSNull)

            let again = try await taking.send("introduction", to: "CTO@example.com")
            #expect(again.exitCode == 64 && again.errors.contains("--force sends it again"), "\(again.errors)")
            #expect(taking.sendmail.recipients() == ["cto@example.com"])
            #expect(try await taking.send("introduction", to: "cto@example.com", ["--force"]).exitCode == 0)
            #expect(try await Self.list(settings).count == 2)
        }
    }

    @Test func `the list takes a letter, an account and a date, and an unknown account is named`() async throws {
        try await withSample { settings in
            let taking = try Plain(settings)
            for (letter, more) in [("introduction", []), ("technical", ["--account", "customer2"])] {
                #expect(try await taking.send(letter, to: "\(letter)@example.com", more).exitCode == 0)
            }
            let told = try await daybook(
                settings,
                [
                    "letter", "record", "introduction", "--to", "old@example.com", "--from", "sales@example.org",
                    "--at",
                    "2026-01-31T23:59:59Z",
                ])
            #expect(told.exitCode == 0 && told.output == "introduction to old@example.com: recorded\n", "\(told)")
            func recipients(_ more: [String]) async throws -> [String] {
                try await Self.list(settings, more).compactMap { $0["recipient"] as? String }
            }
            #expect(
                try await recipients([]) == ["technical@example.com", "introduction@example.com", "old@example.com"])
            #expect(try await recipients(["--since", "2026-02-01"]).count == 2)
            #expect(try await recipients(["--since", "2026-01-31"]).count == 3)
            #expect(
                try await recipients(["--letter", "introduction"]) == ["introduction@example.com", "old@example.com"])
            #expect(try await recipients(["--account", "customer2"]) == ["technical@example.com"])
            let other = try await taking.send("introduction", to: "x@example.com", ["--account", "customer"])
            #expect(other.exitCode == 64 && other.errors.contains("did you mean"), "\(other.errors)")
            #expect(taking.sendmail.recipients().count == 2)
            let table = try await daybook(settings, ["letter", "list"])
            #expect(table.output.contains("told") && !table.output.contains("sha256"), "\(table.output)")
            let csv = try await daybook(settings, ["letter", "list", "--format", "csv"])
            #expect(csv.output.hasPrefix("\u{FEFF}sent_at,letter,recipient,account,addressee,company,"))
            let future = try await daybook(
                settings,
                ["letter", "record", "introduction", "--to", "a@b.de", "--from", "c@d.de", "--at", "2199-01-01"])
            #expect(future.exitCode == 64 && future.errors.contains("has not come"), "\(future.errors)")
            // Who may write it may only add to it.
            try await execute(
                """
                GRANT USAGE ON SCHEMA daybook TO pg_monitor;
                GRANT SELECT, INSERT, DELETE, UPDATE (letter) ON daybook.sent_letter TO pg_monitor
                """, in: settings)
            for change in ["UPDATE daybook.sent_letter SET letter = 'x'", "DELETE FROM daybook.sent_letter"] {
                do {
                    try await execute("SET ROLE pg_monitor; \(change)", in: settings)
                    Issue.record("\(change) was not refused")
                } catch let error as PostgresError {
                    #expect(error.message?.contains("keeps what it knows") == true, "\(error)")
                }
            }
        }
    }

    @Test func `a record that fails after sending says so, and what to type instead of sending again`() async throws {
        try await withSample { settings in
            try await execute(
                """
                CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS
                    $$ BEGIN RAISE EXCEPTION 'the disk is full'; END $$;
                CREATE TRIGGER fails BEFORE INSERT ON daybook.sent_letter
                    FOR EACH ROW EXECUTE FUNCTION public.fail()
                """, in: settings)
            let taking = try Plain(settings)
            let run = try await taking.send("introduction", to: "cto@example.com", ["--account", "customer2"])
            #expect(run.exitCode == 1 && run.errors.contains("WAS SENT to cto@example.com as <"), "\(run.errors)")
            #expect(taking.sendmail.recipients() == ["cto@example.com"] && run.output.isEmpty)
            #expect(try await Self.list(settings).isEmpty)
            let typed = try #require(
                run.errors.split(separator: "\n").last?.split(separator: "record it: daybook ").last)
            try await execute("DROP TRIGGER fails ON daybook.sent_letter", in: settings)
            let shell = try await ProgramRun(
                ["-c", "\(ProgramRun.daybook) \(typed) --database '\(Deployment.conninfo(settings))'"],
                program: "/bin/sh")
            #expect(shell.exitCode == 0, "\(typed): \(shell.errors)")
            let letter = try #require(try await Self.list(settings).first)
            #expect(letter["company"] as? String == "Kranich & Söhne" && letter["account"] as? String == "customer2")
        }
    }

    @Test func `one that is interrupted after it was taken is recorded`() async throws {
        try await withSample { settings in
            let interrupted = try Plain(settings, "echo $to >> $(dirname $0)/log; kill -TERM $PPID")
            let run = try await interrupted.send("introduction", to: "cto@example.com")
            #expect(interrupted.sendmail.recipients() == ["cto@example.com"], "\(run.errors)")
            #expect(try await Self.list(settings).count == 1)
        }
    }

    @Test func `a follow-up is due from the third to the fifth day, and overdue then, until one is sent`() async throws
    {
        try await withSample { settings in
            func record(_ letter: String, _ recipient: String, _ at: String, _ more: [String] = []) async throws {
                let run = try await daybook(
                    settings,
                    ["letter", "record", letter, "--to", recipient, "--from", "sales@example.org", "--at", at] + more)
                #expect(run.exitCode == 0, "\(run.errors)")
            }
            // The hour does not count, the day of UTC does.
            for (day, at) in [
                ("1", "01T00:00:00Z"), ("2", "02T23:59:59Z"), ("5", "05T12:00:00Z"), ("6", "06T00:00:00Z"),
            ] {
                try await record("introduction", "\(day)@example.com", "2026-10-\(at)")
            }
            try await record("introduction", "followed@example.com", "2026-10-02")
            try await record("follow-up", "Followed@example.com", "2026-10-06")
            try await record("introduction", "asked@example.com", "2026-10-02")
            try await record("technical", "asked@example.com", "2026-10-03")
            try await record("introduction", "elsewhere@example.com", "2026-10-02", ["--account", "customer2"])
            try await record("follow-up", "other@example.com", "2026-10-05", ["--account", "customer2"])
            // One of before does not count, and a second introduction begins anew.
            try await record("follow-up", "anew@example.com", "2026-10-02")
            try await record("introduction", "anew@example.com", "2026-10-01")
            try await record("introduction", "anew@example.com", "2026-10-04")

            func due(_ asOf: String) async throws -> [String] {
                let run = try await daybook(settings, ["letter", "due", "--as-of", asOf, "--format", "json"])
                #expect(run.exitCode == 0, "\(run.errors)")
                let rows = try #require(
                    JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [[String: Any]])
                return rows.map {
                    "\($0["standing"] ?? "") \($0["recipient"] ?? "") \($0["days"] ?? "")"
                }
            }
            #expect(
                try await due("2026-10-07") == [
                    "overdue 1@example.com 6", "due 2@example.com 5", "due anew@example.com 3",
                ])
            #expect(
                try await due("2026-10-08") == [
                    "overdue 1@example.com 7", "overdue 2@example.com 6", "due anew@example.com 4",
                    "due 5@example.com 3",
                ])
            // What was sent after the date had not been sent then.
            #expect(
                try await due("2026-10-05").contains("due followed@example.com 3"))
            #expect(try await due("2026-09-30").isEmpty)
            let none = try await daybook(settings, ["letter", "due", "--as-of", "2026-09-30"])
            #expect(none.exitCode == 0 && none.output == "No follow-up is due.\n")
        }
    }

    @Test func `what is to be typed next is the follow-up, once its writer has proposed something`() async throws {
        try await withSample { settings in
            let folder = try ScratchFolder()
            let report = try await daybook(
                settings, ["report", "sla", "--month", "2026-10", "--quiet", "--no-tasks", "--output", folder.path])
            #expect(report.exitCode == 0)
            let taking = try Plain(settings)
            let sent = try await taking.send(
                "introduction", to: "cto@example.com", ["--set", "sender=Ada", "--templates", folder.path])
            #expect(sent.exitCode == 64 && sent.errors.contains("no {{sender}}"), "\(sent.errors)")
            let record = try await daybook(
                settings,
                [
                    "letter", "record", "introduction", "--to", "cto@example.com", "--from", "sales@example.org",
                    "--at",
                    "2026-10-02", "--set", "sender=Ada O'Hara", "--set", "name=Dr. Sömmer", "--set",
                    "company=Kranich & Söhne", "--use-case", "commerce", "--scale", "medium",
                ])
            #expect(record.exitCode == 0, "\(record.errors)")
            let due = try await daybook(settings, ["letter", "due"])
            let next = try #require(due.output.split(separator: "\n").last)
            #expect(
                due.exitCode == 0 && next.hasPrefix("daybook letter follow-up --to cto@example.com"), "\(due.output)")
            func type(_ line: String) async throws -> ProgramRun {
                try await ProgramRun(
                    ["-c", "\(ProgramRun.daybook) \(line.dropFirst("daybook ".count)) --sla \(folder.path) --yes"],
                    program: "/bin/sh")
            }
            let unfilled = try await type(String(next))
            #expect(unfilled.exitCode == 64 && unfilled.errors.contains("needs proposal:"), "\(unfilled.errors)")
            let filled = try await type(next.replacing("proposal=", with: "proposal=Tuesday").description)
            #expect(filled.exitCode == 0, "\(next): \(filled.errors)")
            try Data(filled.output.utf8).write(to: URL(fileURLWithPath: folder.file("letter.eml")))
            let body = try #require(try await DeliveryTests.read(folder.file("letter.eml"))["body"] as? String)
            for words in [
                "Dear Dr. Sömmer,", "on 2 October 2026 I wrote", "Would Tuesday suit", "Ada O'Hara", "For a catalogue",
                "9,500 Sora-2 videos",
            ] { #expect(body.contains(words), "\(words): \(body)") }
        }
    }
}
