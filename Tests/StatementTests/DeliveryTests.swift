import Foundation
import Postgres
import TestSupport
import Testing

/// Sending statements and letters.
@Suite struct DeliveryTests {
    /// Reads a message with Python's own parser and prints what it holds.
    private static let reader = """
        import email, email.policy, json, sys
        message = email.message_from_binary_file(open(sys.argv[1], 'rb'), policy=email.policy.default)
        parts = [p for p in message.iter_attachments()]
        body = message.get_body(preferencelist=('plain',)).get_content()
        for p in parts if len(sys.argv) > 2 else []:
            with open(sys.argv[2] + '/' + p.get_filename(), 'wb') as file: file.write(p.get_payload(decode=True))
        print(json.dumps({'subject': message['subject'], 'to': message['to'], 'from': message['from'], 'body': body,
            'names': [p.get_filename() for p in parts], 'sizes': [len(p.get_content()) if isinstance(p.get_content(), bytes)
            else len(p.get_content().encode()) for p in parts], 'defects': len(message.defects)}))
        """

    /// - Parameter folder: where the attachments are saved under the names that the message gives them.
    static func read(_ path: String, into folder: String? = nil) async throws -> [String: Any] {
        let output = try await ProgramRun.expectingSuccess(
            ["-c", reader, path] + (folder.map { [$0] } ?? []), program: TestPython.path)
        return try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any] ?? [:]
    }

    @Test func `a statement is sent once, with its files attached under the customer's own name`() async throws {
        try await withSample { settings in
            let arguments = [
                "--month", "2026-10", "--account", "customer2", "--email", "--from", "finance@example.org",
            ]
            let run = try await StatementRuns(settings, arguments)
            #expect(run.run.output.contains("handed over"), "\(run.run.output)")
            let message = try await Self.read(run.folder.file("outbox/statement-customer2-2026-10.eml"))
            #expect(
                message["names"] as? [String] == [
                    "长风视频科技 2026-10.xlsx", "长风视频科技 2026-10.html", "长风视频科技 2026-10.zip",
                ])
            #expect(message["subject"] as? String == "Statement customer2-2026-10, October 2026")
            #expect((message["body"] as? String)?.contains("Dear 长风视频科技,") == true)
            #expect(message["defects"] as? Int == 0)
            let page = FileManager.default.contents(atPath: run.folder.file("statement-customer2-2026-10.html"))
            #expect((message["sizes"] as? [Int])?[1] == page?.count)
            let again = try await StatementRuns(settings, arguments)
            #expect(again.run.output.contains("it was handed over at"))
            #expect(!FileManager.default.fileExists(atPath: again.folder.file("outbox")))
            let forced = try await StatementRuns(settings, arguments + ["--force"])
            #expect(forced.run.output.contains("handed over\n"))
        }
    }

    @Test func `the letter of a statement adds up, shows every check and claims no more than they do`() async throws {
        try await withSample { settings in
            let run = try await StatementRuns(
                settings,
                ["--month", "2026-10", "--account", "customer5", "--email", "--from", "finance@example.org"]
                    + Self.accepted)
            let message = try await Self.read(run.folder.file("outbox/statement-customer5-2026-10.eml"))
            let body = try #require(message["body"] as? String).replacing("\r\n", with: "\n")
            func value(_ title: String) -> Int64? {
                let line = body.split(separator: "\n").first { $0.hasPrefix("  \(title)  ") }
                let number = line?.dropFirst(title.count + 2).split(separator: " ").first
                return number.flatMap { Int64($0.replacing(",", with: "").replacing("\u{2212}", with: "-")) }
            }
            let movements = [
                "Bought", "Given as a bonus", "Taken for your videos", "Given back", "Corrected", "Bonus that expired",
            ]
            let moved = try movements.reduce(Int64(0)) { try $0 + #require(value($1), "\($1)") }
            #expect(value("You began with") == 1_832_600 && value("You ended with") == 1_832_600 + moved)
            #expect(value("Unreconciled") == 0 && value("Expired, not booked") == 0 && value("Unexplained") == 777)
            #expect(body.contains("Not all of the checks are 0") && !body.contains("every credit is explained"))
            #expect(!body.contains("signed"))
        }
    }

    private static let accepted = ["--accept", "customer5", "--reason", "looked at"]

    private static func send(
        _ sendmail: Sendmail, _ settings: ConnectionSettings, _ more: [String] = []
    ) async throws -> ProgramRun {
        try await sendmail.send(["statement", "--all"] + accepted + more, settings)
    }

    @Test func `a message that a program does not take is not recorded as sent, and nobody else is tried`() async throws
    {
        try await withSample { settings in
            let failing = try Sendmail("cd \(NSTemporaryDirectory()); exit 1")
            let run = try await Self.send(failing, settings)
            #expect(run.exitCode == 75 && run.errors.contains("was not sent"), "\(run.errors)")
            #expect(run.output.contains("not sent: the run ended before its turn"), "\(run.output)")
            let taking = try Sendmail("echo $to >> $(dirname $0)/log")
            let sent = try await Self.send(taking, settings)
            #expect(sent.exitCode == 2 && taking.recipients().count == 9, "\(sent.errors) \(sent.output)")
            #expect(Set(taking.recipients()).count == 9)
        }
    }

    @Test
    func `a database that goes away while a mail is under way is said to be that, and the mail may have gone out`()
        async throws
    {
        try await withSample { settings in
            let ending = try Sendmail(
                """
                echo $to >> $(dirname $0)/log; psql -XAtq "\(Deployment.conninfo(settings))" -c "SELECT \
                pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND \
                pid <> pg_backend_pid()" > /dev/null
                """)
            let run = try await Self.send(ending, settings)
            #expect(run.exitCode == 69 && ending.recipients().count == 1, "\(run.exitCode) \(run.errors)")
            #expect(run.output.contains("not sent, or it is not known"), "\(run.output)")
            let taking = try Sendmail("echo $to >> $(dirname $0)/log")
            let next = try await Self.send(taking, settings)
            #expect(next.exitCode == 2 && next.output.contains("it may have gone out at"), "\(next.output)")
            #expect(Set(taking.recipients()).isDisjoint(with: ending.recipients()) && taking.recipients().count == 8)
        }
    }

    @Test func `one recipient's failure is his alone, and he is named`() async throws {
        try await withSample { settings in
            let picky = try Sendmail(
                "case $to in *customer2*) echo no such user >&2; exit 67;; esac; echo $to >> $(dirname $0)/log")
            let run = try await Self.send(picky, settings)
            #expect(run.exitCode == 2, "\(run.errors)")
            #expect(
                run.output.contains("customer2, billing2@customer2.example: not sent: no such user"), "\(run.output)")
            #expect(picky.recipients().count == 8)
            let taking = try Sendmail("echo $to >> $(dirname $0)/log")
            _ = try await Self.send(taking, settings)
            #expect(taking.recipients() == ["billing2@customer2.example"])
        }
    }

    @Test(arguments: ["INT", "TERM"])
    func `an interruption ends after the mail under way, and everybody gets his once`(_ signal: String) async throws {
        try await withSample { settings in
            let interrupted = try Sendmail("echo $to >> $(dirname $0)/log; kill -\(signal) $PPID")
            let run = try await Self.send(interrupted, settings)
            #expect(
                run.exitCode == 130 && run.errors.contains("interrupted after the message under way"), "\(run.errors)")
            let first = interrupted.recipients()
            #expect((1..<9).contains(first.count), "\(first)")
            let taking = try Sendmail("echo $to >> $(dirname $0)/log")
            _ = try await Self.send(taking, settings)
            #expect(Set(first + taking.recipients()).count == 9 && first.count + taking.recipients().count == 9)
        }
    }

    @Test func `what was killed may have gone out, and is not sent again unless somebody says so`() async throws {
        try await withSample { settings in
            let killed = try Sendmail("kill -KILL $PPID; echo $to >> $(dirname $0)/log")
            let run = try await Self.send(killed, settings)
            #expect(run.exitCode == 137)
            let taking = try Sendmail("echo $to >> $(dirname $0)/log")
            let next = try await Self.send(taking, settings)
            #expect(next.exitCode == 2 && next.output.contains("it may have gone out at"), "\(next.output)")
            let others = taking.recipients()
            #expect(others.count == 8 && Set(others).isDisjoint(with: killed.recipients()), "\(others)")
            let forced = try await Self.send(taking, settings, ["--force"])
            #expect(forced.exitCode == 2 && taking.recipients().count == 8 + 9, "\(forced.output)")
        }
    }

    @Test func `a letter draws its figures from the last final report, and leaves nothing unfilled`() async throws {
        try await withSample { settings in
            let folder = try ScratchFolder()
            let letter = [
                "letter", "introduction", "--to", "cto@example.com", "--from", "sales@example.org", "--sla",
                folder.path,
                "--output", folder.file("letter.eml"), "--set", "name=Dr. Sömmer", "--set", "company=Kranich & Söhne",
                "--set", "sender=Ada",
            ]
            let bare = try await ProgramRun(letter + ["--set", "proposal=Tuesday?"])
            #expect(bare.exitCode == 65 && bare.errors.contains("no final SLA report"), "\(bare.errors)")
            let report = try await daybook(
                settings, ["report", "sla", "--month", "2026-10", "--quiet", "--no-tasks", "--output", folder.path])
            #expect(report.exitCode == 0)
            let unfilled = try await ProgramRun(letter)
            #expect(unfilled.exitCode == 64 && unfilled.errors.contains("needs proposal"))
            let invented = try await ProgramRun(letter + ["--set", "proposal=x", "--set", "availability=100 %"])
            #expect(invented.exitCode == 64 && invented.errors.contains("measured"))
            #expect(
                unfilled.errors == "daybook: The letter introduction needs proposal: give each with --set name=value.\n"
            )
            // Who writes of missed promises is asked first; nobody is there.
            let asked = try await ProgramRun(letter + ["--set", "proposal=Tuesday?"])
            #expect(asked.exitCode == 64 && asked.errors.contains("tells of missed promises"), "\(asked.errors)")
            #expect(asked.errors.contains("of sora-2, 92.5547 % of 95.0000 %") && asked.errors.contains("say --yes"))
            #expect(!FileManager.default.fileExists(atPath: folder.file("letter.eml")))
            let filled = try await ProgramRun(letter + ["--set", "proposal=Tuesday?", "--yes"])
            #expect(filled.exitCode == 0, "\(filled.errors)")
            let message = try await Self.read(folder.file("letter.eml"))
            let body = try #require(message["body"] as? String)
            #expect(body.contains("Dear Dr. Sömmer,") && body.contains("99.9193 %") && !body.contains("{{"))
            #expect(message["subject"] as? String == "Batch video generation for Kranich & Söhne, with the books open")
            for name in ["follow-up", "technical"] {
                let other = try await ProgramRun(["letter", name] + letter.dropFirst(2))
                #expect(other.exitCode == 64 && other.errors.contains("needs"), "\(name): \(other.errors)")
            }
        }
    }
}

/// The letters of reports, which only their reports fill.
@Suite struct ReportLetterTests {
    @Test(arguments: [
        (["statement"], ["adjustments", "closing_balance", "customer", "unreconciled", "verdict"]),
        (["sla", "--no-tasks"], ["customer", "from", "month", "number", "promises", "verdict"]),
    ])
    func `one of your own that has another placeholder is refused with those that it may have`(
        report: [String], known: [String]
    ) async throws {
        try await withSample { settings in
            let taking = try Sendmail("echo $to >> $(dirname $0)/log")
            try FileManager.default.createDirectory(
                atPath: taking.folder.file("own/letters"), withIntermediateDirectories: true)
            _ = try taking.folder.write(
                "Subject: {{number}}\n\nDear {{customer}}, take {{cheque}} and {{flowers}}.\n",
                to: "own/letters/\(report[0]).txt")
            let own = ["--account", "customer2", "--templates", taking.folder.file("own")]
            let run = try await taking.send(report + own, settings)
            #expect(run.exitCode == 64 && taking.recipients() == [], "\(run.output)")
            let said = try #require(run.errors.split(separator: "\n").last)
            #expect(
                said.hasPrefix(
                    "daybook: The letter \(report[0]) has {{cheque}}, {{flowers}}, of which its report knows nothing; "
                        + "mend letters/\(report[0]).txt. It may have {{"), "\(said)")
            for name in known { #expect(said.contains("{{\(name)}}"), "\(name): \(said)") }
            // Nothing is advised that the command does not have.
            let help = try await ProgramRun.expectingSuccess(["report", report[0], "--help"])
            for option in said.matches(of: /--[a-z-]+/) { #expect(help.contains(option.0)) }
            // With those alone it goes out.
            _ = try taking.folder.write(
                "Subject: {{number}}\n\n\(known.map { "{{\($0)}}" }.joined(separator: " "))\n",
                to: "own/letters/\(report[0]).txt")
            _ = try await taking.send(report + own, settings)
            #expect(!taking.recipients().isEmpty)
        }
    }
}

/// A program that takes messages, in place of sendmail: what it does with one is a script of the shell's.
struct Sendmail {
    let folder: ScratchFolder

    /// The shell's variable `to` is the recipient.
    init(_ script: String) throws {
        folder = try ScratchFolder()
        try Data("cat > message; to=$(sed -n 's/^To: //p' message | tr -d '\\r'); \(script)\n".utf8)
            .write(to: URL(fileURLWithPath: folder.file("script")))
    }

    /// Sends the reports of October.
    func send(_ report: [String], _ settings: ConnectionSettings) async throws -> ProgramRun {
        try await daybook(
            settings,
            ["report"] + report + [
                "--quiet", "--month", "2026-10", "--output", folder.file("out"), "--email", "--from",
                "finance@example.org", "--sendmail", "/bin/sh \(folder.file("script"))",
            ])
    }

    /// Who got something, in order; one twice who got two.
    func recipients() -> [String] {
        let log = (try? String(contentsOfFile: folder.file("log"), encoding: .utf8)) ?? ""
        return log.split(separator: "\n").map(String.init)
    }
}
