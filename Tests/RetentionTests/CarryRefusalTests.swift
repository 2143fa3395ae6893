import Foundation
import Postgres
import TestSupport
import Testing

/// The ledger carried forward: what is refused, what is found out, and what a kill leaves.
@Suite struct CarryRefusalTests {
    private static let kills = Int(ProcessInfo.processInfo.environment["DAYBOOK_PURGE_KILLS"] ?? "") ?? 8

    /// The ledger and all that is remembered of it, without the numbers that an attempt leaves a gap in.
    private static func fingerprint(_ purging: Purging) async throws -> [String] {
        try await purging.lines(
            """
            SELECT md5(string_agg(t, ' ' ORDER BY t COLLATE "C")) FROM (
                SELECT concat_ws('|', CASE WHEN ref_type = 'carried_forward' THEN 0 ELSE id END, user_id, type, credits_delta,
                    ref_type, ref_id, meta, created_at) AS t FROM credit_ledger
                UNION ALL SELECT 'lot ' || l FROM daybook.carried_lot AS l
                UNION ALL SELECT 'draw ' || d FROM daybook.carried_draw AS d
                UNION ALL SELECT concat_ws('|', user_id, batch_id, role, model, entries, credits, last_posted_at)
                    FROM daybook.carried_batch
                UNION ALL SELECT concat_ws('|', user_id, row_count, oldest, newest) FROM daybook.purge_total
            ) AS t
            """)
    }

    @Test func `a deployment is refused with a sentence, and no policy of a customer is about the ledger`() async throws
    {
        try await withPurging { purging in
            let books = try await purging.books()
            for arguments in [["--dry-run"], ["--yes"] + purging.places] {
                let run = try await purging.retention(["carry-forward"] + arguments)
                #expect(run.exitCode == 78 && run.errors.contains("is its application's"), "\(run.errors)")
            }
            let policy = try await purging.retention(
                [
                    "policy", "set", "--account", "customer9", "--class", "credit_ledger", "--days", "400", "--reason",
                    "r",
                ])
            #expect(policy.exitCode == 64, "\(policy.errors)")
            #expect(try await purging.purge().exitCode == 0)
            #expect(try await purging.books() == books)
        }
    }

    @Test func `a purge of everything that is due never touches a ledger that Daybook made`() async throws {
        try await CarriedBooks.with { purging in
            let books = try await purging.books()
            #expect(try await purging.purge().exitCode == 0)
            #expect(try await purging.number("SELECT count(*)::text FROM daybook.task_redaction") > 0)
            #expect(try await purging.books() == books)
        }
    }

    @Test func `a plan changes nothing, and nobody is asked where nobody is there`() async throws {
        try await CarriedBooks.with { purging in
            let before = try await purging.fingerprint()
            let asked = try await purging.retention(["carry-forward"] + CarriedBooks.date + purging.places)
            #expect(asked.exitCode == 64 && asked.errors.contains("--yes"), "\(asked.errors)")
            for flags in [["--account", "one"], ["--no-rests"]] {
                let refused = try await purging.retention(["carry-forward", "--dry-run"] + CarriedBooks.date + flags)
                #expect(refused.exitCode == 64, "\(refused.errors)")
                #expect(refused.errors.contains("there is no \(flags[0]) here"), "\(refused.errors)")
            }
            let plan = try await purging.retention(["carry-forward", "--dry-run"] + CarriedBooks.date)
            #expect(plan.exitCode == 0 && plan.output.contains("2016-10"), "\(plan.output)\(plan.errors)")
            #expect(!plan.output.contains("2016-11  "), "\(plan.output)")
            let future = try await purging.retention(["carry-forward", "--dry-run", "--as-of", "2190-01-01"])
            #expect(future.exitCode == 64 && future.errors.contains("future"), "\(future.errors)")
            let none = try await purging.retention(
                ["carry-forward", "--yes", "--years", "90"] + CarriedBooks.date + purging.places)
            #expect(none.exitCode == 0 || none.exitCode == 64, "\(none.errors)")
            #expect(try await purging.fingerprint() == before)
            #expect(!FileManager.default.fileExists(atPath: purging.archive))
        }
    }

    @Test func `after the cut nothing can be altered or added before it`() async throws {
        try await CarriedBooks.with { purging in
            #expect(try await CarryForwardTests.carry(purging).exitCode == 0)
            for statement in [
                "DELETE FROM credit_ledger WHERE ref_type = 'carried_forward'", "TRUNCATE credit_ledger_2016_03",
                "UPDATE credit_ledger SET credits_delta = 0", "DELETE FROM credit_ledger_2016_03",
                """
                INSERT INTO credit_ledger (user_id, type, credits_delta, created_at)
                VALUES ('\(CarriedBooks.one)', 'adjust', 1, '2016-03-03Z')
                """,
            ] {
                let error = await #expect(throws: PostgresError.self) {
                    try await execute(statement, in: purging.settings)
                }
                #expect(error?.sqlState?.rawValue == "DB001", "\(statement)")
            }
            // An old caller that repeats itself is told what it was told then.
            let batch = try await purging.lines(
                "SELECT batch_id FROM daybook.carried_batch WHERE role = 'refund' ORDER BY 1 LIMIT 1")[0]
            let again = try await purging.lines(
                """
                SELECT public.freeze_credits_for_batch(b.id, b.user_id, b.frozen_credits) ->> 'already',
                    public.finalize_batch_credits(b.id, b.user_id, 0) ->> 'already'
                FROM batch_jobs AS b WHERE id = '\(batch)'
                """)
            #expect(again == ["true|true"])
            for arguments in [["ledger", "explain", batch], ["report", "sla", "--month", "2016-09", "--output", "o"]] {
                let run = try await ProgramRun(arguments + purging.database)
                #expect(run.exitCode == 64 && run.errors.contains("carried forward"), "\(run.errors)")
            }
        }
    }

    @Test func `a row that came late for a closed month has to be shown first`() async throws {
        try await CarriedBooks.with { purging in
            let close = ["close", "month", "2016-08", "--account", "two", "--quiet"] + purging.database
            try await ProgramRun.expectingSuccess(close)
            try await execute(
                """
                INSERT INTO credit_ledger (user_id, type, credits_delta, meta, created_at)
                VALUES ('\(CarriedBooks.two)', 'adjust', 7, '{"reason": "late"}', '2016-07-07Z')
                """, in: purging.settings)
            let run = try await CarryForwardTests.carry(purging)
            #expect(run.exitCode == 64 && run.errors.contains("no statement has shown it"), "\(run.errors)")
        }
    }

    @Test func `what was altered afterwards is found`() async throws {
        try await CarriedBooks.with { purging in
            #expect(try await CarryForwardTests.carry(purging).exitCode == 0)
            #expect(try await purging.retention(["verify"]).exitCode == 0)
            func expectFinding(_ what: String) async throws {
                let run = try await purging.retention(["verify"])
                #expect(run.exitCode == 2 && run.output.contains(what), "\(what): \(run.output)")
            }
            let alterations = [
                (
                    """
                    ALTER TABLE credit_ledger_2016_03 DISABLE TRIGGER USER;
                    UPDATE credit_ledger_2016_03 SET credits_delta = credits_delta + sign WHERE ref_type = 'carried_forward'
                        AND id = (SELECT max(id) FROM credit_ledger_2016_03)
                    """, "the balances of 2016-03"
                ),
                (
                    "UPDATE daybook.carried_lot SET cost_usd = cost_usd + sign WHERE position = 0",
                    "what the credits cost"
                ),
                (
                    "UPDATE daybook.carried_batch SET credits = credits + sign WHERE role = 'refund'",
                    "the sums of batches"
                ),
            ]
            for (statement, what) in alterations {
                try await execute(statement.replacing("sign", with: "1"), in: purging.settings)
                try await expectFinding(what)
                try await execute(statement.replacing("sign", with: "(-1)"), in: purging.settings)
                #expect(try await purging.retention(["verify"]).exitCode == 0)
            }
            let file = purging.certificates + "/certificate-000001.json"
            let text = try String(contentsOfFile: file, encoding: .utf8)
            try text.replacing("\"years\" : 10", with: "\"years\" : 11").write(
                toFile: file, atomically: true, encoding: .utf8)
            try await expectFinding("certificate-000001.json was altered")
            try text.write(toFile: file, atomically: true, encoding: .utf8)
            try await execute(
                "UPDATE daybook.retention_certificate SET document = replace(document, '\"years\" : 10', '\"years\" : 11')",
                in: purging.settings)
            try await expectFinding("its document in the database was altered")
        }
    }

    @Test func `killed at random points, a run has done everything or nothing, and the next one ends the same`()
        async throws
    {
        var untouched: [String] = []
        var carried: [String] = []
        try await CarriedBooks.with { purging in
            untouched = try await Self.fingerprint(purging)
            #expect(try await CarryForwardTests.carry(purging).exitCode == 0)
            carried = try await Self.fingerprint(purging)
        }
        let seed = UInt64.random(in: 0 ... .max)
        var random = SeededRandom(seed: seed)
        var midway = 0
        for trial in 0..<Self.kills {
            try await CarriedBooks.with { purging in
                // The first kill is certain to meet the run before its last step: somebody reads the ledger.
                let reader = trial == 0 ? try await Connection.open(purging.settings) : nil
                try await reader?.run { try $0.executeScript("BEGIN; SELECT FROM public.credit_ledger LIMIT 1") }
                let delay = trial == 0 ? 4 : Double.random(in: 0.05...2, using: &random)
                let killed = try await purging.retention(
                    ["carry-forward", "--yes", "--quiet"] + CarriedBooks.date + purging.places, killAfter: delay)
                await reader?.close()
                try await purging.waitForOthers()
                let left = try await Self.fingerprint(purging)
                let what = "seed \(seed), trial \(trial), \(delay) s, \(killed.exitCode)"
                #expect(left == untouched || left == carried, "\(what)")
                let begun = try await purging.number(
                    "SELECT count(*)::text FROM daybook.ledger_carry WHERE state = 'begun'")
                if begun > 0 { midway += 1 }
                let again = try await CarryForwardTests.carry(purging)
                #expect(again.exitCode == 0, "\(what): \(again.errors)")
                #expect(try await Self.fingerprint(purging) == carried, "\(what)")
                // What the killed run had written to the archive is gone; what was committed is there.
                let folders = try FileManager.default.contentsOfDirectory(atPath: purging.archive)
                #expect(folders.count == 1, "\(what): \(folders)")
                let verified = try await purging.retention(["verify"])
                #expect(verified.exitCode == 0, "\(what): \(verified.output)")
            }
        }
        #expect(midway > 0, "seed \(seed): no kill met a run that was under way")
    }

    /// Runs a program and interrupts it once it has said a word, or after a minute.
    private static let interruptingOnceItSays = """
        log=$0 word=$1; shift
        "$@" 2> "$log" & program=$!
        for look in $(seq 600); do grep -q "$word" "$log" && break; sleep 0.1; done
        kill -INT $program
        wait $program; code=$?
        cat "$log" >&2
        exit $code
        """

    @Test func `an interrupt undoes a run that is under way, and the next one does all of it`() async throws {
        try await CarriedBooks.with { purging in
            let untouched = try await Self.fingerprint(purging)
            // Somebody reads the ledger, so that the run waits before its last step.
            let reader = try await Connection.open(purging.settings)
            try await reader.run { try $0.executeScript("BEGIN; SELECT FROM public.credit_ledger LIMIT 1") }
            let scratch = try ScratchFolder()
            let run = try await ProgramRun(
                [
                    "-c", Self.interruptingOnceItSays, scratch.file("errors"), "archiving", ProgramRun.daybook,
                    "retention",
                    "carry-forward", "--yes",
                ] + CarriedBooks.date + purging.places + purging.database, program: "/bin/sh")
            #expect(run.exitCode == 130 && run.errors.contains("interrupted"), "\(run.exitCode) \(run.errors)")
            #expect(run.errors.contains("archiving"), "\(run.errors)")
            await reader.close()
            #expect(try await Self.fingerprint(purging) == untouched)
            #expect(try await purging.number("SELECT count(*)::text FROM daybook.ledger_carry") == 0)
            #expect(try FileManager.default.contentsOfDirectory(atPath: purging.archive).isEmpty)
            #expect(try await CarryForwardTests.carry(purging).exitCode == 0)
            #expect(try await purging.retention(["verify"]).exitCode == 0)
        }
    }

    @Test func `a run that was killed before it could write its certificate has it written by the next`() async throws {
        try await CarriedBooks.with { purging in
            #expect(try await CarryForwardTests.carry(purging).exitCode == 0)
            let names = ["json", "html"].map { purging.certificates + "/certificate-000001.\($0)" }
            let before = try names.map { try Data(contentsOf: URL(fileURLWithPath: $0)) }
            for name in names { try FileManager.default.removeItem(atPath: name) }
            let again = try await CarryForwardTests.carry(purging)
            #expect(again.exitCode == 0 && again.output.contains("certificate-000001.json"), "\(again.output)")
            #expect(try names.map { try Data(contentsOf: URL(fileURLWithPath: $0)) } == before)
            #expect(try await purging.retention(["verify"]).exitCode == 0)
        }
    }
}
