import Domain
import Foundation
import TestSupport
import Testing

/// The units for systemd, cron and Kubernetes, and the commands in them.
@Suite struct OperationsTests {
    private static let folder = Deployment.root + "/docs/operations/"

    private func text(_ name: String) throws -> String {
        try String(contentsOfFile: Self.folder + name, encoding: .utf8)
    }

    @Test func `systemd accepts the service and its timer`() async throws {
        let scratch = try ScratchFolder()
        let service = try text("daybook-retention.service").replacing(
            "/usr/local/bin/daybook", with: ProgramRun.daybook)
        let paths = [
            try scratch.write(service, to: "daybook-retention.service"),
            try scratch.write(try text("daybook-retention.timer"), to: "daybook-retention.timer"),
        ]
        let run = try await ProgramRun(["verify"] + paths, program: "/usr/bin/systemd-analyze")
        #expect(run.exitCode == 0 && run.errors.isEmpty, "\(run.errors)")
        // A unit that is wrong is refused: the test can fail.
        let wrong = try scratch.write(service.replacing("Type=oneshot", with: "Typo=oneshot"), to: "wrong.service")
        let refused = try await ProgramRun(["verify", wrong], program: "/usr/bin/systemd-analyze")
        #expect(refused.errors.contains("Typo"), "\(refused.errors)")
    }

    @Test func `the CronJob is YAML of the kind, and forbids two purges at once`() async throws {
        let script = """
            import sys, yaml
            job = yaml.safe_load(open(sys.argv[1]))
            spec = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
            print(job["apiVersion"], job["kind"], job["spec"]["concurrencyPolicy"], spec["restartPolicy"])
            steps = spec["initContainers"] + spec["containers"]
            for step in steps: print(" ".join(step["command"]))
            volumes = {volume["name"] for volume in spec["volumes"]}
            for step in steps:
                assert {mount["name"] for mount in step["volumeMounts"]} == volumes
                assert {variable["name"] for variable in step["env"]} == {"DAYBOOK_HOME", "DATABASE_URL"}
            """
        let run = try await ProgramRun(
            ["-c", script, Self.folder + "daybook-retention.cronjob.yaml"], program: TestPython.path)
        #expect(run.exitCode == 0, "\(run.errors)")
        #expect(run.output.hasPrefix("batch/v1 CronJob Forbid Never\n"))
        try await checkCommands(run.output)
    }

    @Test func `every command in the units is one that the program knows`() async throws {
        let line = try text("daybook-retention.crontab").components(separatedBy: "\n").filter { !$0.hasPrefix("#") }[0]
        let fields = line.split(separator: " ", maxSplits: 5)
        #expect(fields.prefix(5).allSatisfy { $0.allSatisfy { $0.isNumber || $0 == "*" } })
        try await checkCommands(line)
        try await checkCommands(try text("daybook-retention.service"))
    }

    @Test func `the month's service, timer and line for cron run what the program knows`() async throws {
        let scratch = try ScratchFolder()
        let service = try text("daybook-month.service")
        let paths = [
            try scratch.write(
                service.replacing("/usr/local/bin/daybook", with: ProgramRun.daybook), to: "daybook-month.service"),
            try scratch.write(try text("daybook-month.timer"), to: "daybook-month.timer"),
        ]
        let run = try await ProgramRun(["verify"] + paths, program: "/usr/bin/systemd-analyze")
        #expect(run.exitCode == 0 && run.errors.isEmpty, "\(run.errors)")
        // The timer's and the crontab's third day of the month: none of both is before the month is final anywhere.
        let next = try await ProgramRun(
            ["calendar", "--base-time=2026-11-30 12:00:00 UTC", "*-*-03 06:00:00 UTC"],
            program: "/usr/bin/systemd-analyze")
        #expect(try text("daybook-month.timer").contains("OnCalendar=*-*-03 06:00:00 UTC\n"))
        #expect(next.output.contains("2026-12-03 06:00:00 UTC"), "\(next.output)")
        let line = try text("daybook-month.crontab").components(separatedBy: "\n").filter { !$0.hasPrefix("#") }[0]
        #expect(line.hasPrefix("0 6 3 * *  /usr/local/bin/daybook month run last "))
        for text in [service, line] {
            let command = try #require(text.firstMatch(of: /daybook (month run [^\n]+)/)?.output.1)
            let help = try await ProgramRun(["month", "run", "--help"])
            for option in command.split(separator: " ") where option.hasPrefix("--") {
                #expect(help.output.contains(option), "\(option)")
            }
        }
    }

    private func checkCommands(_ text: String) async throws {
        let commands = text.matches(of: /daybook ((?:retention|database)[ a-z-]+)/).map {
            $0.output.1.split(separator: " ").map(String.init)
        }
        // In this order in all of them: what a refusal of the purge must not keep from happening comes first.
        #expect(
            commands.map { $0[0] + " " + $0[1] + ($0.contains("--resume") ? " --resume" : "") } == [
                "database partitions", "retention expire-archives", "retention purge --resume", "retention purge",
                "retention verify",
            ])
        for command in commands {
            let run = try await ProgramRun(command + ["--help"])
            #expect(run.exitCode == 0, "\(command)")
            for option in command where option.hasPrefix("--") { #expect(run.output.contains(option), "\(command)") }
        }
    }
}

/// The auditor's walk of the documents: every command in it, as it stands there.
@Suite struct AuditTests {
    /// The commands under a heading, without their remarks.
    private static func walk() throws -> [String] {
        let text = try String(contentsOfFile: Deployment.root + "/docs/retention.md", encoding: .utf8)
        let section = text.components(separatedBy: "### An auditor's walk\n")
        guard section.count == 2 else { throw TestSupportError("there is no auditor's walk") }
        let block = section[1].components(separatedBy: "```\n")[1]
        return block.split(separator: "\n").map { line in
            (line.components(separatedBy: "  #").first ?? "").trimmingCharacters(in: .whitespaces)
        }
    }

    @Test func `an auditor gets every answer with the commands of the documents`() async throws {
        try await withPurging { purging in
            let folder = purging.folder
            try await ProgramRun.expectingSuccess(["keys", "statement-init", folder.file("statement.key")])
            let held = try await purging.retention(
                ["hold", "add", "--account", "customer7", "--matter", "case 7", "--requested-by", "counsel"])
            #expect(held.exitCode == 0, "\(held.errors)")
            let purged = try await purging.purge([
                "--sign-key", folder.file("statement.key"), "--head-to", "cut -d ' ' -f 2 > '\(folder.file("head"))'",
            ])
            #expect(purged.exitCode == 0, "\(purged.errors)")
            let head = try String(contentsOfFile: folder.file("head"), encoding: .utf8)
                .trimmingCharacters(in: .newlines)
            let commands = try Self.walk()
            var answers: [String: String] = [:]
            for command in commands {
                var words = command.split(separator: " ").map { $0 == "HEAD" ? head : String($0) }
                #expect(words.removeFirst() == "daybook")
                // The customer has no database.
                let database = command.contains("--extract") ? "postgresql://127.0.0.1:9/none" : purging.database[1]
                let run = try await ProgramRun(
                    words, environment: ["DATABASE_URL": database], folder: folder.path)
                #expect(run.exitCode == 0, "\(command): \(run.errors) \(run.output)")
                answers[command] = run.output
            }
            #expect(commands.count == 9 && answers.count == 9)
            func answer(_ part: String) throws -> String {
                try #require(answers.first { $0.key.contains(part) }?.value)
            }
            // What, for whom, under what.
            let taken = try await purging.lines(
                """
                SELECT a.slug, t.data_class, t.row_count, c.retention_days FROM daybook.purge_total AS t
                JOIN daybook.account AS a ON a.user_id = t.user_id
                JOIN daybook.purge_cutoff AS c ON (c.run_id, c.user_id, c.data_class) = (1, t.user_id, t.data_class)
                """)
            let list = try answer("--taken")
            #expect(taken.count > 10)
            for line in taken {
                let parts = line.components(separatedBy: "|")
                let count = GroupedNumber.grouping(parts[2])
                let row = try Regex("  \(parts[0]) +\(parts[1]) +(delete|redact) +\(count)  .*  \(parts[3])  20")
                #expect(list.firstMatch(of: row) != nil, "\(line)")
            }
            #expect(try answer("list --since").contains("certified") && answer("list --since").contains(head))
            #expect(try answer("hold list").contains("case 7") && answer("policy list").contains("customer9"))
            #expect(try answer("verify --key").contains("and nothing that was due as of 2026-11-05 is left"))
            // To one customer, without another's name.
            let extract = try String(contentsOfFile: folder.file("customer9.json"), encoding: .utf8)
            let checked = try answer("--extract")
            for text in [extract, checked] {
                #expect(text.contains("customer9") && !text.contains("case 7"))
                #expect(text.matches(of: /customer[0-9]+/).allSatisfy { $0.output == "customer9" })
            }
            #expect(checked.contains("\(head) is certificate 1; 0 have followed"), "\(checked)")
            // What is left, and what comes next.
            #expect(try answer("show customer9").contains("access_log") && answer("plan").contains("customer9"))
        }
    }
}
