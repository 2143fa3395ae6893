import Foundation
import Postgres
import TestSupport
import Testing

/// What whoever stops a purge is told, whichever way it stops: the numbers are the database's, and it says what is
/// certified.
@Suite struct EndingTests {
    /// Runs a program; once the database has come to a point something happens, and then the gate is opened.
    private static let atThePoint = """
        event=$1; shift
        "$@" & program=$!
        ask() { psql --no-psqlrc --quiet --tuples-only --dbname "$database" --command "$1" > /dev/null; }
        database=$0
        ask "$DAYBOOK_TEST_POINT"
        eval "$event"
        ask "INSERT INTO public.gate VALUES (0)"
        wait $program
        """

    private static func until(_ condition: String) -> String {
        """
        DO $$ BEGIN
            FOR look IN 1..12000 LOOP
                PERFORM pg_stat_clear_snapshot();
                EXIT WHEN EXISTS (\(condition));
                PERFORM pg_sleep(0.005);
            END LOOP;
        END $$
        """
    }

    private static let atTheGate = """
        SELECT FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database
        WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.classid = 77 AND l.granted
        """
    private static let terminate =
        "ask \"SELECT pg_terminate_backend(l.pid) "
        + atTheGate.replacing("SELECT", with: "", maxReplacements: 1).replacing("\n", with: " ") + "\""

    /// A gate in the transaction that records the piece of a number: it waits until a row says to go on.
    private static func gate(_ piece: Int) -> String {
        """
        CREATE TABLE public.gate (way integer);
        CREATE FUNCTION public.wait_at_gate() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NEW.segment = \(piece) THEN
                PERFORM pg_advisory_xact_lock(77, 1);
                FOR look IN 1..900 LOOP
                    EXIT WHEN EXISTS (SELECT FROM public.gate);
                    PERFORM pg_sleep(0.005);
                END LOOP;
            END IF;
            RETURN NULL;
        END $$;
        CREATE TRIGGER wait_at_gate AFTER INSERT ON daybook.purge_segment
            FOR EACH ROW EXECUTE FUNCTION public.wait_at_gate()
        """
    }

    /// A purge to which something happens at a point.
    private func purge(
        _ purging: Purging, at point: String = atTheGate, _ event: String
    ) async throws -> ProgramRun {
        let rows = try await PlanFile(purging.settings, Purging.date).sum("due_rows")
        let arguments =
            ["retention", "purge", "--yes", "--quiet", "--expect-rows", String(rows)] + Purging.date + purging.places
            + purging.database
        return try await ProgramRun(
            ["-c", Self.atThePoint, Deployment.conninfo(purging.settings), event, ProgramRun.daybook] + arguments,
            program: "/bin/sh", environment: ["DAYBOOK_TEST_POINT": Self.until(point)])
    }

    /// A purge of months that stops, what it said compared with what is there, and its end.
    private func stop(
        piece: Int, with script: String = "", at point: String = atTheGate, _ event: (Purging) -> String,
        exitCode: Int32,
        _ what: String
    ) async throws {
        try await MonthlyLog.with { purging in
            let before = try await EndingTruth.accesses(purging)
            try await execute(Self.gate(piece) + ";" + script, in: purging.settings)
            let run = try await purge(purging, at: point, event(purging))
            #expect(run.exitCode == exitCode && run.errors.contains(what), "\(run.exitCode) \(run.errors)")
            #expect(run.errors.components(separatedBy: "--resume").count == 2, "\(run.errors)")
            let truth = try await EndingTruth(purging, accesses: before)
            try truth.expect(run, what)
            #expect(truth.dropped.count == min(piece, 5) - 1 && truth.certificate == nil, "\(truth)")
            try await execute("DROP TRIGGER wait_at_gate ON daybook.purge_segment", in: purging.settings)
        }
    }

    @Test(arguments: zip(1...6, ["INT", "TERM", "INT", "TERM", "INT", "TERM"]))
    func `at every boundary SIGINT and SIGTERM say what is gone, dropped months among it`(
        piece: Int, signal: String
    ) async throws {
        try await MonthlyLog.with { purging in
            let before = try await EndingTruth.accesses(purging)
            try await execute(Self.gate(piece), in: purging.settings)
            let run = try await purge(purging, "kill -\(signal) $program")
            let truth = try await EndingTruth(purging, accesses: before)
            #expect(run.exitCode == 130 && run.errors.contains("daybook: interrupted. "), "\(piece): \(run.errors)")
            try truth.expect(run, "after piece \(piece)")
            #expect(truth.dropped == Array(MonthlyLog.months.prefix(piece)) && truth.taken > 0, "\(truth)")
            let resumed = try await purging.resume()
            #expect(resumed.exitCode == 0, "\(resumed.errors)")
            #expect(try await purging.retention(["verify"]).exitCode == 0)
        }
    }

    @Test func `a session that the server ends says what is gone`() async throws {
        for piece in [1, 3, 5] {
            try await stop(piece: piece, { _ in Self.terminate }, exitCode: 69, "lost")
        }
    }

    @Test func `a second signal ends a purge at once, which says what it saw committed`() async throws {
        try await MonthlyLog.with { purging in
            let before = try await EndingTruth.accesses(purging)
            try await execute(Self.gate(3), in: purging.settings)
            let run = try await purge(purging, "kill -INT $program; sleep 0.7; kill -INT $program")
            #expect(run.exitCode == 130 && run.errors.contains("ended at once. "), "\(run.errors)")
            try await purging.waitForOthers()
            let truth = try await EndingTruth(purging, accesses: before)
            #expect(truth.dropped.count == 2)
            let said = "purge 1 has taken \(truth.taken) rows (access_log \(truth.taken)) and dropped 2 months whole"
            #expect(run.errors.contains(said) && run.errors.contains("nothing certifies that yet"), "\(run.errors)")
        }
    }

    @Test func `a trigger that fails says what is gone`() async throws {
        // Not at the trial, which has no run on record.
        let failing = """
            CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF EXISTS (SELECT FROM daybook.purge_sweep WHERE state = 'dropped') THEN
                    RAISE EXCEPTION 'not this one';
                END IF;
                RETURN OLD;
            END $$;
            CREATE TRIGGER refuse BEFORE DELETE ON public.video_external_access_log_default
                FOR EACH ROW EXECUTE FUNCTION public.refuse()
            """
        try await MonthlyLog.with { purging in
            let before = try await EndingTruth.accesses(purging)
            try await execute(failing, in: purging.settings)
            let run = try await purging.purge()
            #expect(run.exitCode == 65 && run.errors.contains("A trigger of"), "\(run.errors)")
            let truth = try await EndingTruth(purging, accesses: before)
            try truth.expect(run, "a trigger")
            #expect(truth.dropped == MonthlyLog.months)
        }
    }

    @Test func `certificates that cannot be written say what is gone and that nothing certifies it`() async throws {
        try await MonthlyLog.with { purging in
            let before = try await EndingTruth.accesses(purging)
            try await execute(Self.gate(3), in: purging.settings)
            let folder = purging.certificates
            let run = try await purge(purging, "rm -rf '\(folder)'; touch '\(folder)'")
            #expect(run.exitCode == 73, "\(run.errors)")
            let truth = try await EndingTruth(purging, accesses: before)
            try truth.expect(run, "no place for the certificate")
            #expect(truth.certificate == nil && truth.dropped == MonthlyLog.months)
        }
    }

    @Test func `a policy that changes meanwhile says what is gone`() async throws {
        try await MonthlyLog.with { purging in
            let before = try await EndingTruth.accesses(purging)
            try await execute(Self.gate(3), in: purging.settings)
            let event =
                "'\(ProgramRun.daybook)' retention policy set --account one --class access_log --days 400 --reason r "
                + "--database \"$database\""
            let run = try await purge(purging, event)
            #expect(run.exitCode == 75 && run.errors.contains("policies changed"), "\(run.errors)")
            let truth = try await EndingTruth(purging, accesses: before)
            try truth.expect(run, "a policy")
            #expect(truth.dropped == Array(MonthlyLog.months.prefix(2)))
        }
    }

    @Test func `a connection that is lost in a COMMIT is told what became of it`() async throws {
        // A COMMIT that ends its own session: undone.
        let ending = """
            CREATE FUNCTION public.end_session() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF NEW.segment = 3 THEN PERFORM pg_terminate_backend(pg_backend_pid()), pg_sleep(1); END IF;
                RETURN NULL;
            END $$;
            CREATE CONSTRAINT TRIGGER end_session AFTER INSERT ON daybook.purge_segment DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW EXECUTE FUNCTION public.end_session()
            """
        try await MonthlyLog.with { purging in
            let before = try await EndingTruth.accesses(purging)
            try await execute(ending, in: purging.settings)
            let run = try await purging.purge()
            #expect(run.exitCode == 69 && run.errors.contains("the database was asked about it"), "\(run.errors)")
            let truth = try await EndingTruth(purging, accesses: before)
            try truth.expect(run, "a COMMIT that was undone")
            #expect(truth.dropped.count == 2)
        }
    }

    @Test func `a connection that is lost after the certificate was committed says that it is certified`() async throws
    {
        // Who waits for a standby that there is not has committed already.
        let cluster = try TestCluster(port: 5451, settings: ["synchronous_standby_names": "nobody"])
        defer { try? cluster.stop(mode: "immediate") }
        let database = try await TestDatabase.create(in: cluster)
        let purging = try Purging(database.settings)
        try await Deployment.loadSample(into: database.settings)
        let before = try await EndingTruth.accesses(purging)
        let waiting = "SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        let run = try await purge(
            purging, at: waiting,
            "ask \"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'\"")
        #expect(run.exitCode == 69 && run.errors.contains("the database was asked about it"), "\(run.errors)")
        let truth = try await EndingTruth(purging, accesses: before)
        #expect(truth.certificate == 1)
        try truth.expect(run, "a COMMIT that was done")
        let resumed = try await purging.resume()
        #expect(resumed.exitCode == 0 && resumed.output.contains("certificate-000001.json"), "\(resumed.output)")
    }
}
