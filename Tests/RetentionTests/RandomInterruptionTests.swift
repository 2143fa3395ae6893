import Foundation
import Postgres
import TestSupport
import Testing

/// Interruptions at random instants of everything that commits in steps: what was said is what is true.
@Suite struct RandomInterruptionTests {
    private static let interruptions = Int(ProcessInfo.processInfo.environment["DAYBOOK_INTERRUPTIONS"] ?? "") ?? 6

    /// What is interrupted.
    private enum Work: String, CaseIterable {
        case months = "purges with months"
        case purge = "purges"
        case restore = "restores"
        case carry = "carry-forwards"
        case look = "looks"
        case chores = "partitions, looks ended and archives destroyed"
    }

    /// How many ended in which way.
    private struct Tally {
        var counts: [String: Int] = [:]
        mutating func count(_ way: String) { counts[way, default: 0] += 1 }
        var text: String { counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ") }
    }

    @Test func `interrupted at random instants, everything that commits in steps says what is true`() async throws {
        let seed =
            ProcessInfo.processInfo.environment["DAYBOOK_INTERRUPTION_SEED"].flatMap { UInt64($0) }
            ?? .random(in: 0 ... .max)
        var random = SeededRandom(seed: seed)
        var (tally, lasting) = (Tally(), [Work: Double]())
        for trial in 0..<Self.interruptions {
            let work = Work.allCases[trial % Work.allCases.count]
            let signal = Bool.random(using: &random) ? "INT" : "TERM"
            let part = Double.random(in: 0...1.1, using: &random)
            // Most of a purge is its plan: half of the purges are met between their first row and their end.
            let isUnderWay = [.months, .purge].contains(work) && Bool.random(using: &random)
            let what = "seed \(seed), trial \(trial), \(work.rawValue), SIG\(signal) at \(part)"
            let way = try await trying(work, what) { purging, arguments in
                // Measured on this machine, when it is first needed.
                let seconds = part * (isUnderWay ? 0.4 : lasting[work] ?? 1.2)
                let begunAt = ContinuousClock.now
                let run = try await Self.interrupt(
                    arguments, purging, signal, after: seconds, from: isUnderWay ? Self.untilFirstRows : "SELECT 1")
                if run.exitCode == 0, lasting[work] == nil {
                    lasting[work] = (ContinuousClock.now - begunAt) / .seconds(1)
                }
                try await purging.waitForOthers()
                return run
            }
            tally.count(way)
        }
        print("\(Self.interruptions) interruptions with seed \(seed): \(tally.text)")
    }

    private static let untilFirstRows = """
        DO $$ BEGIN
            FOR look IN 1..6000 LOOP
                EXIT WHEN EXISTS (SELECT FROM daybook.purge_segment);
                PERFORM pg_sleep(0.005);
            END LOOP;
        END $$
        """

    /// Runs a command, and sends it a signal a while after the database has come to a point.
    private static func interrupt(
        _ arguments: [String], _ purging: Purging, _ signal: String, after seconds: Double, from point: String
    ) async throws -> ProgramRun {
        let script = """
            delay=$1 signal=$2 point=$3; shift 3
            "$@" & program=$!
            psql --no-psqlrc --quiet --tuples-only --dbname "$0" --command "$point" > /dev/null
            sleep "$delay"
            kill -"$signal" $program 2> /dev/null
            wait $program
            """
        return try await ProgramRun(
            ["-c", script, Deployment.conninfo(purging.settings), String(seconds), signal, point, ProgramRun.daybook]
                + arguments + purging.database, program: "/bin/sh")
    }

    private typealias Interrupting = (Purging, [String]) async throws -> ProgramRun

    /// Prepares a database, lets a command be interrupted, and compares what it said; gives how it ended in a word.
    private func trying(_ work: Work, _ what: String, _ interrupting: Interrupting) async throws -> String {
        var way = ""
        switch work {
        case .months: try await MonthlyLog.with { way = try await self.purge($0, what, interrupting) }
        case .purge: try await withPurging { way = try await self.purge($0, what, interrupting) }
        case .restore: try await withPurged { way = try await self.restore($0, what, interrupting) }
        case .carry: try await CarriedBooks.with { way = try await self.carry($0, what, interrupting) }
        case .look: try await withPurged { way = try await self.look($0, what, interrupting) }
        case .chores: try await withPurged { way = try await self.chores($0, what, interrupting) }
        }
        return way
    }

    private func withPurged(_ body: (Purging) async throws -> Void) async throws {
        try await MonthlyLog.with { purging in
            #expect(try await purging.purge().exitCode == 0)
            try await body(purging)
        }
    }

    private func purge(_ purging: Purging, _ what: String, _ interrupting: Interrupting) async throws -> String {
        let before = try await EndingTruth.accesses(purging)
        let rows = try await PlanFile(purging.settings, Purging.date).sum("due_rows")
        let run = try await interrupting(
            purging,
            ["retention", "purge", "--yes", "--quiet", "--expect-rows", String(rows)] + Purging.date + purging.places)
        let truth = try await EndingTruth(purging, accesses: before)
        #expect([0, 130, 143].contains(run.exitCode), "\(what): \(run.exitCode) \(run.errors)")
        try truth.expect(run, what)
        guard run.exitCode != 0 else { return "done before" }
        var resumed = try await purging.resume()
        if resumed.output.contains("Nothing to resume") { resumed = try await purging.purge() }
        #expect(resumed.exitCode == 0, "\(what): \(resumed.errors)")
        #expect(try await purging.retention(["verify"]).exitCode == 0, "\(what)")
        guard truth.isBegun else { return "before anything was on record" }
        return truth.taken > 0 ? "with rows gone and nothing certified" : "with nothing gone yet"
    }

    private func certificates(_ purging: Purging, _ kind: String) async throws -> Int {
        try await purging.number("SELECT count(*)::text FROM daybook.retention_certificate WHERE kind = '\(kind)'")
    }

    /// Compares what a command said that is done as a whole or not at all.
    private func expectWhole(
        _ run: ProgramRun, isDone: Bool, done: String, undone: String, _ what: String
    ) -> String {
        #expect([0, 130, 143].contains(run.exitCode), "\(what): \(run.exitCode) \(run.errors)")
        if run.exitCode == 0 {
            #expect(isDone && run.output.contains(done), "\(what): \(run.output)")
            return "done before"
        }
        // Before the program could take care of signals, or before it was connected.
        let isNothing =
            run.exitCode == 143 || run.errors.contains(undone) || run.errors.contains("nothing was published")
        #expect(isNothing == !isDone, "\(what): \(isDone) \(run.errors)")
        return isDone ? "after it was certified" : "undone as a whole"
    }

    private func restore(_ purging: Purging, _ what: String, _ interrupting: Interrupting) async throws -> String {
        let manifest = purging.archive + "/run-000001/manifest.json"
        let before = try await EndingTruth.accesses(purging)
        let run = try await interrupting(
            purging, ["retention", "restore", manifest, "--certificates", purging.certificates])
        let isDone = try await certificates(purging, "restore") == 1
        let back = try await EndingTruth.accesses(purging) - before
        let taken = try await purging.number("SELECT sum(row_count)::text FROM daybook.purge_total")
        #expect(back == (isDone ? taken : 0), "\(what): \(back) rows are back")
        return expectWhole(
            run, isDone: isDone, done: "were put back into", undone: "Nothing was put back.", what)
    }

    private func look(_ purging: Purging, _ what: String, _ interrupting: Interrupting) async throws -> String {
        let manifest = purging.archive + "/run-000001/manifest.json"
        let run = try await interrupting(
            purging,
            [
                "retention", "restore", manifest, "--into", "seen", "--reason", "r", "--certificates",
                purging.certificates,
            ])
        let isDone = try await certificates(purging, "look") == 1
        let isThere = try await purging.lines("SELECT (to_regclass('public.seen_access_log') IS NOT NULL)::text")
        #expect(isThere == [isDone ? "true" : "false"], "\(what)")
        return expectWhole(
            run, isDone: isDone, done: "Look 1, until", undone: "Nothing was put back.", what)
    }

    private func carry(_ purging: Purging, _ what: String, _ interrupting: Interrupting) async throws -> String {
        let books = try await purging.books()
        let run = try await interrupting(
            purging,
            ["retention", "carry-forward", "--yes", "--quiet"] + CarriedBooks.date + purging.places)
        let isDone = try await certificates(purging, "carry") == 1
        #expect(try await (purging.books() != books) == isDone, "\(what)")
        let way = expectWhole(run, isDone: isDone, done: "replaced", undone: "Nothing was replaced.", what)
        #expect(try await CarryForwardTests.carry(purging).exitCode == 0, "\(what)")
        #expect(try await certificates(purging, "carry") == 1, "\(what)")
        return way
    }

    /// A look that ends, partitions that are made, and archives that are destroyed: one after another, and the one that
    /// the instant meets says what it did.
    private func chores(_ purging: Purging, _ what: String, _ interrupting: Interrupting) async throws -> String {
        try await execute(
            """
            UPDATE daybook.purge_run SET archive_expires_at = clock_timestamp() - interval '1 s';
            DO $$
            DECLARE v_month text;
            BEGIN
                FOR v_month IN SELECT relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
                    WHERE inhparent = 'public.video_external_access_log'::regclass AND relname ~ '[0-9]$'
                        AND right(relname, 7) >= to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY_MM') LOOP
                    EXECUTE format('DROP TABLE public.%I', v_month);
                END LOOP;
            END $$
            """, in: purging.settings)
        let months = """
            SELECT c.relname::text FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
            WHERE inhparent = 'public.video_external_access_log'::regclass
            """
        let known = Set(try await purging.lines(months))
        let made = try await interrupting(purging, ["database", "partitions"])
        let new = Set(try await purging.lines(months)).subtracting(known)
        #expect([0, 130, 143].contains(made.exitCode), "\(what): \(made.errors)")
        for month in new where made.exitCode != 143 {
            #expect((made.output + made.errors).contains(month), "\(what): \(month) \(made.output)\(made.errors)")
        }
        if made.exitCode == 143 || made.errors.contains("nothing was published")
            || made.errors.contains("No partition was made")
        {
            #expect(new.isEmpty, "\(what): \(new) \(made.errors)")
        }
        let expired = try await interrupting(
            purging, ["retention", "expire-archives", "--certificates", purging.certificates])
        let isDone = try await certificates(purging, "archive_expiry") == 1
        let isThere = FileManager.default.fileExists(atPath: purging.archive + "/run-000001/manifest.json")
        #expect(isThere == !isDone, "\(what): \(expired.errors)")
        let way = expectWhole(
            expired, isDone: isDone, done: "was destroyed", undone: "the archive of purge 1 is still there", what)
        return new.isEmpty || made.exitCode == 0 ? way : "between two partitions"
    }
}
