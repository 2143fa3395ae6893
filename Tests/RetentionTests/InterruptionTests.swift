import Foundation
import Postgres
import TestSupport
import Testing

/// Purges that are killed, interrupted, or run out of disk or server, and are resumed.
@Suite struct InterruptionTests {
    private static let kills = Int(ProcessInfo.processInfo.environment["DAYBOOK_PURGE_KILLS"] ?? "") ?? 10
    private static let crashes = Int(ProcessInfo.processInfo.environment["DAYBOOK_PURGE_CRASHES"] ?? "") ?? 3

    /// Rows that are gone or redacted, by the tables themselves.
    private static let gone = """
        SELECT ((SELECT \(total) - count(*) FROM video_external_access_log) + (SELECT count(*) FROM daybook.task_redaction)
            + (SELECT count(*) FROM enterprise_api_usage WHERE ip IS NULL AND user_agent IS NULL))::text
        """
    private static let total = 19_000

    /// The tables that differ from what an undisturbed purge leaves: none, however often a purge was interrupted.
    private func difference(_ purging: Purging, _ expected: [String: String]) async throws -> [String] {
        let outcome = try await purging.fingerprint()
        return Set(outcome.keys).union(expected.keys).filter { outcome[$0] != expected[$0] }.sorted()
    }

    /// What an undisturbed purge leaves. Its run has the second number: no outcome may depend on that.
    private func undisturbed() async throws -> [String: String] {
        var result: [String: String] = [:]
        try await withPurging { purging in
            _ = try await purging.lines("SELECT nextval(pg_get_serial_sequence('daybook.purge_run', 'run_id'))")
            #expect(try await purging.purge().exitCode == 0)
            result = try await purging.fingerprint()
        }
        return result
    }

    @Test func `killed at random points and resumed, a purge ends as if nothing had happened`() async throws {
        let expected = try await undisturbed()
        let seed = UInt64.random(in: 0 ... .max)
        var random = SeededRandom(seed: seed)
        var midway = 0
        for trial in 0..<Self.kills {
            try await withPurging { purging in
                let isUnderWay = trial.isMultiple(of: 2)
                let delay = Double.random(in: isUnderWay ? 0...0.1 : 0.02...1.2, using: &random)
                if isUnderWay {
                    // It does not take long: half of the kills wait for its first rows.
                    _ = try await purge(purging, signal: "KILL", after: String(delay))
                } else {
                    _ = try await purging.purge(killAfter: delay)
                }
                // The statement that it was in may still be under way on the server.
                try await purging.waitForOthers()
                // What is gone is in the archive, whatever the instant of the death.
                let gone = try await purging.number(Self.gone)
                let archived = try await purging.number(
                    "SELECT coalesce(sum(row_count), 0)::text FROM daybook.purge_segment")
                #expect(gone == archived, "seed \(seed), trial \(trial), \(delay) s")
                try await Self.checkFiles(purging, "seed \(seed), trial \(trial)")
                let certificates = try await purging.number("SELECT count(*)::text FROM daybook.retention_certificate")
                let finished = try await purging.number(
                    "SELECT count(*)::text FROM daybook.purge_run WHERE state = 'finished'")
                #expect(certificates == finished)
                if gone > 0, finished == 0 { midway += 1 }
                var resumed = try await purging.resume()
                if resumed.output.contains("Nothing to resume") {
                    resumed = try await purging.purge()
                }
                #expect(resumed.exitCode == 0, "seed \(seed), trial \(trial), \(delay) s: \(resumed.errors)")
                #expect(try await difference(purging, expected) == [], "seed \(seed), trial \(trial), \(delay) s")
                let verified = try await purging.retention(["verify"])
                #expect(verified.exitCode == 0, "seed \(seed), trial \(trial): \(verified.output)")
            }
        }
        #expect(midway > 0, "seed \(seed): no kill met a purge that was under way")
        print("\(Self.kills) kills with seed \(seed), \(midway) of them between the first row and the certificate")
    }

    /// Every recorded segment is there, whole, with as many rows as recorded.
    static func checkFiles(_ purging: Purging, _ what: String) async throws {
        let segments = try await purging.lines(
            "SELECT run_id::text, file_name, sha256 FROM daybook.purge_segment ORDER BY run_id, segment")
        for segment in segments {
            let parts = segment.components(separatedBy: "|")
            let run = String(repeating: "0", count: 6 - parts[0].count) + parts[0]
            let path = "\(purging.archive)/run-\(run)/\(parts[1])"
            let digest = try Command.run(["/usr/bin/sha256sum", path]).prefix(64)
            #expect(String(digest) == parts[2], "\(what): \(path)")
        }
    }

    /// Runs a program, and sends it a signal a while after something has happened in the database.
    private static let signalling = """
        wait=$1 delay=$2 signal=$3; shift 3
        "$@" & program=$!
        psql --no-psqlrc --quiet --dbname "$0" --command "$wait" && sleep "$delay"
        kill -"$signal" $program
        wait $program
        """
    private static let untilFirstRows = """
        DO $$ BEGIN
            FOR look IN 1..6000 LOOP
                EXIT WHEN EXISTS (SELECT FROM daybook.purge_segment);
                PERFORM pg_sleep(0.005);
            END LOOP;
        END $$
        """

    /// A purge that gets a signal some seconds after its first rows.
    private func purge(_ purging: Purging, signal: String, after delay: String) async throws -> ProgramRun {
        let rows = try await PlanFile(purging.settings, Purging.date).sum("due_rows")
        let arguments =
            ["retention", "purge", "--yes", "--quiet", "--expect-rows", String(rows)] + Purging.date + purging.places
            + purging.database
        return try await ProgramRun(
            [
                "-c", Self.signalling, Deployment.conninfo(purging.settings), Self.untilFirstRows, delay, signal,
                ProgramRun.daybook,
            ] + arguments, program: "/bin/sh")
    }

    @Test func `an interrupt ends a purge after its transaction, and it can be continued`() async throws {
        let expected = try await undisturbed()
        var midway = 0
        for delay in ["0", "0.03", "0.1", "0.2"] {
            try await withPurging { purging in
                let run = try await purge(purging, signal: "INT", after: delay)
                #expect(run.exitCode == 130 || run.exitCode == 0 || run.exitCode == 75, "\(run.errors)")
                if run.errors.contains("continue it with") { midway += 1 }
                let resumed = try await purging.resume()
                if resumed.output.contains("Nothing to resume") { _ = try await purging.purge() }
                #expect(try await difference(purging, expected) == [])
            }
        }
        #expect(midway > 0, "no interrupt met a purge that was under way")
    }

    @Test func `an archive whose disk fills up stops the purge, and it goes on when there is room`() async throws {
        let expected = try await undisturbed()
        try await withPurging { purging in
            try await purging.begin(pages: 0..<8)
            let arguments = ["retention", "purge", "--resume", "--quiet"] + purging.places + purging.database
            // No file may be larger than 100 blocks of 512 bytes: as on a full disk, the write fails.
            let run = try await ProgramRun(
                ["-c", "ulimit -f 100; exec \"$@\"", "sh", ProgramRun.daybook] + arguments, program: "/bin/sh")
            #expect(run.exitCode == 73, "\(run.exitCode) \(run.errors)")
            #expect(try await purging.number("SELECT count(*)::text FROM daybook.retention_certificate") == 0)
            let gone = try await purging.number(Self.gone)
            #expect(gone > 0)
            #expect(
                try await purging.number("SELECT coalesce(sum(row_count), 0)::text FROM daybook.purge_segment") == gone)
            let refused = try await purging.purge()
            #expect(refused.exitCode == 75 && refused.errors.contains("--resume"), "\(refused.errors)")
            #expect(try await purging.resume().exitCode == 0)
            #expect(try await difference(purging, expected) == [])
            #expect(try await purging.retention(["verify"]).exitCode == 0)
        }
    }

    /// Returns once a purge has committed something, or a good while has passed.
    private static func waitForFirstRows(_ purging: Purging) async throws {
        let connection = try await Connection.open(purging.settings)
        try await connection.run { session in
            for _ in 0..<6000 {
                // The server waits between two looks.
                let rows = try session.query(
                    "SELECT (SELECT count(*) FROM daybook.purge_segment) AS n, pg_sleep(0.005)::text")
                if try rows[0].int("n") > 0 { return }
            }
        }
        await connection.close()
    }

    @Test func `with the server crashed and restarted, a purge is resumed to the same end`() async throws {
        let expected = try await undisturbed()
        let seed = UInt64.random(in: 0 ... .max)
        var random = SeededRandom(seed: seed)
        let cluster = try TestCluster(port: 5433, settings: ["synchronous_commit": "on"])
        let template = try await TestDatabase.create(in: cluster)
        try await Deployment.loadSample(into: template.settings)
        var midway = 0
        for trial in 0..<Self.crashes {
            let database = try await TestDatabase.create(in: cluster, copyOf: template)
            let purging = try Purging(database.settings)
            let rows = try await PlanFile(purging.settings, Purging.date).sum("due_rows")
            // The first trial is certain to meet the purge under way: after the access log it waits for the tasks.
            let holder = trial == 0 ? try await Connection.open(purging.settings) : nil
            try await holder?.run { session in
                try session.executeScript("BEGIN; LOCK TABLE public.video_tasks IN SHARE ROW EXCLUSIVE MODE")
            }
            let running = Task {
                try await purging.retention(
                    ["purge", "--yes", "--quiet", "--expect-rows", String(rows)] + Purging.date + purging.places)
            }
            try await Self.waitForFirstRows(purging)
            // The server forgets what was committed in its last moments, so the first rows need some time.
            let delay = Double.random(in: 0...1.2, using: &random)
            _ = try await ProgramRun([String(delay)], program: "/usr/bin/sleep")
            try cluster.stop(mode: "immediate")
            await holder?.close()
            _ = try await running.value
            try cluster.start()
            let gone = try await purging.number(Self.gone)
            let archived = try await purging.number(
                "SELECT coalesce(sum(row_count), 0)::text FROM daybook.purge_segment")
            #expect(gone == archived, "seed \(seed), trial \(trial), \(delay) s")
            try await Self.checkFiles(purging, "seed \(seed), trial \(trial)")
            let resumed = try await purging.resume()
            if resumed.output.contains("Nothing to resume") {
                _ = try await purging.purge()
            } else if gone > 0 {
                midway += 1
            }
            #expect(try await difference(purging, expected) == [], "seed \(seed), trial \(trial), \(delay) s")
            #expect(try await purging.retention(["verify"]).exitCode == 0)
            try await database.drop()
        }
        try cluster.stop()
        #expect(midway > 0, "seed \(seed): no crash met a purge that was under way")
        print("\(Self.crashes) crashes with seed \(seed), \(midway) of them between the first row and the certificate")
    }
}
