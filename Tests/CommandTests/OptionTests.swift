import Foundation
import Postgres
import TestSupport
import Testing

/// What an option refuses it says, and no option that was given is passed over in silence.
@Suite(.timeLimit(.minutes(5))) struct OptionTests {
    @Test(arguments: ProgramHelp.programs) func `a number that no option takes is refused with what it takes`(
        program: String
    )
        async throws
    {
        var numbers = 0
        var tried: Set<[String]> = []
        // What follows `database psql` is psql's own.
        for (words, command) in try await ProgramHelp.commands(program) where words.last != "psql" {
            for argument in command.arguments ?? [] {
                guard let given = argument.given("99999999999999999999999"),
                    tried.insert([given, argument.abstract ?? ""]).inserted
                else { continue }
                // A command that is wrong in any case does nothing, whatever the option takes.
                let run = try await ProgramRun(
                    words + [given, "--no-such-option"], program: RunningProgram.path(program), atOnce: true)
                #expect(run.exitCode == 64, "\(words) \(given): \(run.exitCode)")
                let line = run.errors.split(separator: "\n").first { $0.contains("is invalid for") } ?? ""
                #expect(!line.hasSuffix("'"), "\(words): \(line)")
                if line.contains("whole number") { numbers += 1 }
            }
        }
        #expect(numbers >= 2)
    }

    @Test(arguments: [
        (["credits", "grant", "--credits", "0"], "from 1 to 2147483647"),
        (["credits", "grant", "--credits", "-5"], "from 1 to 2147483647"),
        (["credits", "grant", "--bonus", "9223372036854775808"], "from 1 to 2147483647"),
        (["credits", "grant", "--usd", "-1"], "from 0 to 999999999999.999999"),
        (["credits", "grant", "--usd", "5000000000000"], "from 0 to 999999999999.999999"),
        (["credits", "grant", "--usd", "99999999999999999999"], "from 0 to 999999999999.999999"),
        (["credits", "grant", "--package", "3000"], "choose 2000, 5000 or 10000"),
        (["credits", "adjust", "--by", "-9223372036854775808"], "from -2147483647 to 2147483647"),
        (["credits", "history", "--limit", "0"], "from 1 to 1000000"),
        (["retention", "hold", "release", "99999999999999999999"], "from 1 on"),
        (["retention", "policy", "set", "--days", "-1"], "from 1 to 36500"),
        (["retention", "purge", "--pause-lag", "-1"], "from 0 to 86400"),
        (["retention", "purge", "--expect-rows", "-1"], "from 0 on"),
        (["retention", "carry-forward", "--years", "4"], "from 5 to 100"),
        (["retention", "expire-archives", "--lost", "0"], "from 1 on"),
        (["report", "sla", "--statement-timeout", "-1"], "from 0 to 86400"),
        (["availability", "probe", "--timeout", "61"], "from 1 to 60"),
    ]) func `the range is in the sentence`(arguments: [String], range: String) async throws {
        let run = try await ProgramRun(arguments)
        let line = run.errors.split(separator: "\n").first ?? ""
        #expect(run.exitCode == 64 && line.hasPrefix("Error: The value '") && line.contains(range), "\(run.errors)")
    }

    @Test(arguments: [
        ("daybook", "report statement --month 2026-10 --all --reports ours", "Unknown option '--reports'"),
        ("daybook", "report sla --month 2026-10 --sql --strict", "leave out --strict"),
        ("daybook", "report sla --month 2026-10 --sql -o out", "leave out --output"),
        ("daybook", "report sla --month 2026-10 --sql --format csv", "leave out --format"),
        ("daybook", "report sla --month 2026-10 --sql --mode 0640", "leave out --mode"),
        ("daybook", "report sla --month 2026-10 --sql --templates x", "leave out --templates"),
        ("daybook", "accounts list --database dbname=x --private-database y", "leave one of them out"),
        ("daybook", "ledger verify --mode 0640", "name it with --output"),
        ("daybook", "retention plan --mode 0640", "name it with --output"),
        ("daybook", "letter introduction --to a@b.c --from d@e.f --mode 0640", "name it with --output"),
        ("daybook", "letter introduction --to a@b.c --from d@e.f --account one", "leave out --force, --account"),
        ("daybook", "letter introduction --to a@b.c --from d@e.f --sendmail x -o y", "--output writes the letter"),
        ("daybook", "letter introduction --to a@b.c --from d@e.f --sendmail x --smtp smtp://y", "Choose one"),
        ("daybook", "letter record introduction --to a@b.c --from d@e.f --set proposal=x", "not proposal"),
        ("daybook", "retention purge --no-archive --key-file k", "leave out --archive-days and --key-file"),
        ("daybook", "retention purge --no-archive --archive-days 5", "leave out --archive-days and --key-file"),
        ("daybook", "retention purge --resume --archive-days 5", "leave out --archive-days and --force"),
        ("daybook", "retention purge --resume --force short-policy", "leave out --archive-days and --force"),
        (
            "daybook", "credits grant --account a --reference r --credits 5 --usd 1 --expires 2030-01-01T00:00:00Z",
            "--bonus alone"
        ),
        (
            "daybook", "credits grant --account a --reference r --package 2000 --expires 2030-01-01T00:00:00Z",
            "--bonus alone"
        ),
        ("daybook", "credits grant --account a --reference r --package 2000 --usd 1", "Say what is booked"),
        ("daybook", "credits grant --account a --reference r --bonus 5 --credits 5", "Say what is booked"),
        ("daybookd", "serve --slots 3", "--slots is of a worker"),
        ("daybookd", "serve --chunk 3", "--chunk is of a worker"),
        ("daybookd", "serve --polls 3", "--polls is of a worker"),
        ("daybookd", "serve --spool /nowhere", "--spool is of a worker"),
        ("daybookd", "serve --callback-base https://x.example", "--callback-base is of a worker"),
        ("daybookd", "serve --provider https://x.example", "--provider is of a worker"),
        ("daybookd", "serve --provider-key-file k", "--provider-key-file is of a worker"),
    ]) func `two options of which one would mean nothing are refused`(
        program: String, line: String, text: String
    )
        async throws
    {
        let arguments = line.split(separator: " ").map(String.init)
        // Whatever a command did before it looked at its options, it would have no database.
        let run = try await ProgramRun(
            arguments, program: RunningProgram.path(program), environment: ["DATABASE_URL": "host=/nowhere"],
            killAfter: nil)
        #expect(run.exitCode == 64 && run.errors.contains(text), "\(line): \(run.exitCode) \(run.errors)")
        #expect(run.output.isEmpty)
    }

    @Test func `a letter without measured figures takes no folder of reports`() async throws {
        let folder = try ScratchFolder()
        try FileManager.default.createDirectory(atPath: folder.file("letters"), withIntermediateDirectories: true)
        _ = try folder.write("Subject: Hello\n\nGood day.\n", to: "letters/plain.txt")
        let plain = ["letter", "plain", "--to", "a@b.example", "--from", "c@d.example", "--templates", folder.path]
        #expect(try await ProgramRun(plain).exitCode == 0)
        let run = try await ProgramRun(plain + ["--sla", "."])
        #expect(run.exitCode == 64 && run.errors.contains("leave --sla out"), "\(run.errors)")
    }

    @Test func `the report of the service levels, and statements, are run by commands of their own`() async throws {
        for (name, command) in [
            ("sla", "daybook report sla --month"), ("SLA", "daybook report sla --month"),
            ("statement", "daybook report statement --month"), ("ledger", "daybook ledger verify"),
            ("nothing", "daybook report list"),
        ] {
            let run = try await ProgramRun(["report", "run", name], environment: ["DATABASE_URL": "host=/nowhere"])
            #expect(run.exitCode == 64 && run.errors.contains(command), "\(run.errors)")
            #expect(run.errors.split(separator: "\n").count == 1)
        }
    }

    @Test func `a private database that is named is not overruled by the environment`() async throws {
        let run = try await ProgramRun(
            ["accounts", "list", "--private-database", "x"],
            environment: ["DATABASE_URL": "host=/nowhere dbname=y", "DAYBOOK_HOME": "/proc/none"])
        #expect(run.exitCode != 0 && !run.errors.contains("/nowhere"), "\(run.errors)")
    }
}
