import Domain
import Foundation
import Postgres
import TestSupport
import Testing

/// What was kept when a month was closed is compared with its digests, its manifest and its link of the chain on every
/// way out.
@Suite struct KeptTests {
    private static let base = "statement-customer5-2026-10"

    /// A forgery of what was kept of October, and what names it.
    struct Forgery: Sendable, CustomTestStringConvertible {
        let change: String
        let file: String
        var testDescription: String { file + ": " + change.prefix(60) }

        /// Changes the content of a file; with its digest where the forger thought of that.
        static func content(_ file: String, withDigest: Bool) -> Forgery {
            let forged = "content || convert_to(E'\\n', 'UTF8')"
            let digest = withDigest ? ", sha256 = encode(sha256(\(forged)), 'hex')" : ""
            return Forgery(
                change: "UPDATE daybook.month_close_file SET content = \(forged)\(digest) WHERE name LIKE '%\(file)'",
                file: file)
        }

        static let all: [Forgery] =
            ["summary.csv", "entries.csv", "manifest.json", ".html", ".xlsx"].flatMap {
                [content($0, withDigest: false), content($0, withDigest: true)]
            } + [
                Forgery(
                    change: """
                        UPDATE daybook.month_close_file SET sha256 = repeat('0', 64) WHERE name LIKE '%usage.csv'
                        """, file: "usage.csv"),
                Forgery(
                    change: "DELETE FROM daybook.month_close_file WHERE name LIKE '%.html'", file: ".html"),
                Forgery(
                    change: """
                        INSERT INTO daybook.month_close_file SELECT user_id, month, revision, '../escaped.csv', sha256, content
                        FROM daybook.month_close_file WHERE name LIKE '%usage.csv'
                        """, file: "../escaped.csv"),
                Forgery(
                    change: """
                        UPDATE daybook.month_close_file SET name = '\(base)/../../escaped.html' WHERE name LIKE '%.html'
                        """, file: "../../escaped.html"),
                Forgery(
                    change: """
                        INSERT INTO daybook.month_close_file SELECT user_id, month, revision, '\(base)/more.csv', sha256, content
                        FROM daybook.month_close_file WHERE name LIKE '%usage.csv'
                        """, file: "more.csv"),
                Forgery(
                    change: "UPDATE daybook.month_close SET statement_sha256 = repeat('0', 64)", file: "hash"),
                Forgery(
                    change: "UPDATE daybook.month_close SET closing_balance = closing_balance + 1", file: "hash"),
            ]
    }

    private static func close(_ month: String, _ more: [String], _ settings: ConnectionSettings) async throws {
        let run = try await closing(settings, [month, "--quiet"] + more)
        #expect(run.exitCode == 0, "\(run.errors)")
    }

    /// A column of one row each as it is, to be put back.
    private static let save = """
        CREATE TABLE public.saved_file AS SELECT * FROM daybook.month_close_file;
        CREATE TABLE public.saved_close AS SELECT * FROM daybook.month_close;
        """
    private static let restore = """
        DELETE FROM daybook.month_close_file; DELETE FROM daybook.month_close;
        INSERT INTO daybook.month_close SELECT * FROM public.saved_close;
        INSERT INTO daybook.month_close_file SELECT * FROM public.saved_file;
        """

    @Test func `what was kept leaves on no way where it is not what was closed, and the file is named`() async throws {
        try await withSample { settings in
            try await Self.close("2026-10", ["--account", "customer5"], settings)
            try await execute(Self.save, in: settings)
            let folder = try ScratchFolder()
            let place = ["--output", folder.file("out/deep"), "--quiet", "--month", "2026-10"]
            let mail = ["--email", "--from", "finance@example.org"]
            for forgery in Forgery.all {
                try await execute(forgery.change, in: settings)
                for arguments in [
                    ["report", "statement", "--account", "customer5"] + place + mail, ["close", "diff", "2026-10"],
                ] {
                    let run = try await daybook(settings, arguments)
                    #expect(run.exitCode == 65, "\(forgery) \(arguments): \(run.errors)")
                    #expect(
                        run.errors.contains("The closed month 2026-10 of customer5 is refused")
                            && run.errors.contains(forgery.file), "\(forgery) \(arguments): \(run.errors)")
                }
                let list = try await daybook(settings, ["close", "list"])
                #expect(list.exitCode == 2, "\(forgery)")
                #expect(list.output.contains(forgery.file == "hash" ? "broken" : forgery.file), "\(list.output)")
                // Nothing appeared, in the folder or above it.
                let appeared = try folder.contents().keys.sorted()
                #expect(appeared.isEmpty, "\(forgery): \(appeared)")
                try await execute(Self.restore, in: settings)
            }
            #expect(try await daybook(settings, ["close", "list"]).exitCode == 0)
            #expect(try await daybook(settings, ["close", "diff", "2026-10"]).exitCode == 0)
        }
    }

    @Test func `of all statements none appears where one is refused, and every one that is refused is named`()
        async throws
    {
        try await withSample { settings in
            try await Self.close("2026-10", [], settings)
            try await execute(
                """
                UPDATE daybook.month_close_file SET content = content || '\\x0a'::bytea
                WHERE name LIKE 'statement-customer3-%/usage.csv' OR name LIKE 'statement-customer7-%.html'
                """, in: settings)
            let folder = try ScratchFolder()
            let place = ["--output", folder.path, "--quiet", "--month", "2026-10"]
            let all = try await daybook(settings, ["report", "statement", "--all"] + place)
            #expect(all.exitCode == 65, "\(all.errors)")
            #expect(all.errors.contains("customer3 is refused") && all.errors.contains("So are those of customer7"))
            #expect(try folder.contents().isEmpty)
            let other = try await daybook(settings, ["report", "statement", "--account", "customer5"] + place)
            #expect(other.exitCode == 0, "\(other.errors)")
        }
    }

    @Test func `a month that is closed twice at once is refused, and nothing is chained to a forged close`()
        async throws
    {
        try await withSample { settings in
            let five = ["--account", "customer5"]
            try await Self.close("2026-09", five, settings)
            try await execute(
                "UPDATE daybook.month_close SET closing_balance = closing_balance + 1", in: settings)
            let chained = try await closing(settings, ["2026-10", "--quiet"] + five)
            #expect(chained.exitCode == 65 && chained.errors.contains("2026-09 of customer5"), "\(chained.errors)")
            try await execute(
                "UPDATE daybook.month_close SET closing_balance = closing_balance - 1", in: settings)
            let reopened = try await daybook(settings, ["close", "reopen", "2026-09", "--reason", "x"] + five)
            #expect(reopened.exitCode == 0, "\(reopened.errors)")
            try await Self.close("2026-09", five, settings)
            try await execute("DELETE FROM daybook.month_reopen", in: settings)
            let folder = try ScratchFolder()
            let run = try await daybook(
                settings, ["report", "statement", "--month", "2026-09", "--output", folder.path] + five)
            #expect(run.exitCode == 65 && run.errors.contains("closed twice"), "\(run.errors)")
        }
    }

    @Test func `a closed month keeps its names when the account gets another slug`() async throws {
        try await withSample { settings in
            try await Self.close("2026-10", ["--account", "customer5"], settings)
            let before = try await StatementRuns(settings, ["--month", "2026-10", "--account", "customer5"])
            try await execute("UPDATE daybook.account SET slug = 'renamed' WHERE slug = 'customer5'", in: settings)
            let after = try await StatementRuns(settings, ["--month", "2026-10", "--account", "renamed"])
            #expect(try after.folder.contents() == before.folder.contents())
            let check = try await ProgramRun(["report", "check", after.folder.file(Self.base)])
            #expect(check.exitCode == 0, "\(check.errors)")
        }
    }
}
