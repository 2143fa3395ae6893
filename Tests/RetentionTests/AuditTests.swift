import Foundation
import TestSupport
import Testing

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
                let row = try Regex("  \(parts[0]) +\(parts[1]) +(delete|redact) +\(parts[2])  .*  \(parts[3])  20")
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
