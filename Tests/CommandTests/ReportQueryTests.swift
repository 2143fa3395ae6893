import Foundation
import Postgres
import TestSupport
import Testing

/// What stands in a report's files runs as one query that reads, or not at all.
@Suite struct ReportQueryTests {
    /// A database with a table, a sequence and functions that write, owned by a login that is not a superuser and may
    /// work as a role that only reads. The body gets the superuser's settings and the owner's.
    private nonisolated(nonsending) func withOwner(
        _ body: (ConnectionSettings, ConnectionSettings) async throws -> Void
    ) async throws {
        try await withDatabase { settings in
            try await withLogin(
                settings, attributes: "CREATEROLE",
                rights: """
                    CREATE SCHEMA books AUTHORIZATION LOGIN;
                    SET ROLE LOGIN;
                    CREATE TABLE books.entry AS SELECT n FROM generate_series(1, 3) AS n;
                    CREATE SEQUENCE books.counter;
                    CREATE FUNCTION books.take() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS
                        $$ BEGIN DELETE FROM books.entry; RETURN 1; END $$;
                    CREATE FUNCTION books.promote() RETURNS bigint LANGUAGE plpgsql AS
                        $$ BEGIN GRANT pg_execute_server_program TO LOGIN; RETURN 1; END $$;
                    CREATE FUNCTION books.end_it() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN COMMIT; RETURN 1; END $$;
                    CREATE PROCEDURE books.proceed() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$;
                    RESET ROLE
                    """
            ) { try await body(settings, $0) }
        }
    }

    /// Runs each text as a report's first sheet and expects that it is refused, with the words, and that nothing comes
    /// of it: no file, no second sheet, no change.
    private func expectRefused(_ texts: [(sql: String, words: String)]) async throws {
        try await withOwner { settings, owner in
            let report = try BroughtReport("SELECT 1")
            for (sql, words) in texts {
                try report.write([.init(query: "one", sql: sql), .init(query: "two", sql: "SELECT 2 AS two")])
                let run = try await report.run(owner)
                #expect(run.exitCode == 78, "\(sql): \(run.exitCode) \(run.errors)")
                #expect(run.errors.contains(words), "\(sql): \(run.errors)")
                #expect(run.errors.contains("writing One") && !run.errors.contains("writing Two"), "\(run.errors)")
                #expect(try report.published() == [], "\(sql)")
            }
            let connection = try await Connection.open(settings)
            let left = try await connection.run { session in
                try session.query(
                    """
                    SELECT (SELECT count(*) FROM books.entry) AS entries,
                        (SELECT is_called FROM books.counter) AS counted,
                        (SELECT count(*) FROM pg_largeobject_metadata) AS objects
                    """)[0]
            }
            await connection.close()
            #expect(try left.int("entries") == 3)
            #expect(try !left.bool("counted"))
            #expect(try left.int("objects") == 0)
        }
    }

    @Test func `a file that is anything but one query is refused`() async throws {
        let texts = [
            "COMMIT", "ROLLBACK", "END; SELECT 1", "RESET ROLE", "SET ROLE postgres", "SET transaction_read_only = off",
            "SET SESSION AUTHORIZATION DEFAULT", "SHOW role", "SELECT 1; SELECT 2", "SELECT 1; COMMIT",
            "SELECT $1; RESET ROLE", "PREPARE x AS SELECT 1", "PREPARE TRANSACTION 'x'", "EXECUTE x", "DEALLOCATE ALL",
            "COPY books.entry TO STDOUT", "COPY (SELECT 1) TO PROGRAM 'true'", "COPY books.entry FROM STDIN",
            "DO $$ BEGIN NULL; END $$", "CALL books.proceed()", "EXPLAIN ANALYZE SELECT 1", "LISTEN x", "NOTIFY x",
            "FETCH ALL FROM daybook_query", "CLOSE ALL", "MOVE NEXT FROM daybook_query", "DISCARD ALL", "CHECKPOINT",
            "DECLARE c CURSOR FOR SELECT 1", "LOCK TABLE books.entry", "SAVEPOINT s", "TRUNCATE books.entry",
            "DELETE FROM books.entry", "INSERT INTO books.entry VALUES (4) RETURNING n", "UPDATE books.entry SET n = 0",
            "MERGE INTO books.entry AS e USING (SELECT 1 AS n) AS s ON s.n = e.n WHEN MATCHED THEN DELETE",
            "WITH gone AS (DELETE FROM books.entry RETURNING n) SELECT n FROM gone",
            "WITH one AS (SELECT 1 AS n) DELETE FROM books.entry USING one",
            "SELECT n INTO books.copy FROM books.entry",
            "CREATE TABLE books.copy AS SELECT 1", "GRANT pg_read_server_files TO PUBLIC", "LOAD 'x'", "", "-- nothing",
        ]
        try await expectRefused(texts.map { ($0, "is not a query that PostgreSQL takes") })
    }

    @Test func `a query that would write is refused by its transaction, which it cannot change`() async throws {
        try await expectRefused(
            [
                "SELECT nextval('books.counter')", "SELECT setval('books.counter', 7)", "SELECT books.take()",
                "SELECT books.promote()", "SELECT n FROM books.entry FOR UPDATE",
                "SELECT set_config('transaction_read_only', 'off', true), books.take()",
                "SELECT set_config('transaction_isolation', 'read committed', true)",
            ].map { ($0, "brought/one.sql does more than read") })
        try await expectRefused([
            ("SELECT query_to_xml('DELETE FROM books.entry', true, true, '')", "brought/one.sql is not"),
            ("SELECT set_config('session_authorization', 'postgres', true)", "permission denied"),
            ("SELECT set_config('role', 'postgres', true)", "permission denied"),
            ("SELECT pg_read_file('postgresql.conf')", "permission denied"),
        ])
    }

    @Test func `a query that changes its session is refused, and what it changed is named`() async throws {
        try await expectRefused([
            ("SELECT set_config('work_mem', '1MB', false)", "The sheet \"One\" of the report brought changed work_mem"),
            ("SELECT set_config('search_path', 'public', true)", "changed search_path"),
            ("SELECT set_config('search_path', NULL, true)", "changed search_path"),
            ("SELECT set_config('statement_timeout', '0', true)", "changed statement_timeout"),
            ("SELECT set_config('row_security', 'on', true)", "changed row_security"),
            ("SELECT set_config('client_encoding', 'LATIN1', true)", "changed client_encoding"),
            ("SELECT pg_advisory_lock(5)", "changed advisory locks (\"none\" became \"held\")"),
            ("SELECT lo_create(0)", "changed data (\"untouched\" became \"written\")"),
            ("SELECT pg_logical_emit_message(true, 'a', 'b')", "changed data"),
        ])
    }

    @Test func `a query that leaves the role that only reads is refused`() async throws {
        try await withReports { owner, _ in
            let report = try BroughtReport([
                .init(query: "one", sql: "SELECT current_user::text AS name"),
                .init(query: "two", sql: "SELECT 2 AS two"),
            ])
            let whole = try await report.run(owner)
            #expect(whole.exitCode == 0, "\(whole.errors)")
            #expect(try report.rows("one") == ["daybook_report"])
            for role in ["none", "owner"] {
                try report.write([
                    .init(query: "one", sql: "SELECT set_config('role', '\(role)', true)"),
                    .init(query: "two", sql: "SELECT 2 AS two"),
                ])
                let run = try await report.run(owner)
                #expect(run.exitCode == 78, "\(run.errors)")
                #expect(run.errors.contains("role (\"daybook_report\" became \"\(role)\")"), "\(run.errors)")
                #expect(!run.errors.contains("writing Two"))
                #expect(try report.published() == [])
            }
        }
    }

    @Test func `one query in any of its forms is run`() async throws {
        try await withOwner { _, owner in
            for sql in [
                "SELECT 1", "SELECT 1;", "VALUES (1)", "(SELECT 1)", "TABLE books.entry LIMIT 1",
                "-- one\nSELECT 1 -- one",
                "WITH one AS (SELECT 1 AS n) SELECT n FROM one", "SELECT 1 UNION SELECT 1 ORDER BY 1",
                """
                WITH RECURSIVE n (i) AS (SELECT count(*) FROM batch_jobs UNION ALL SELECT i + 1 FROM n WHERE i < 0)
                SELECT i FROM n
                """,
                """
                WITH ledger_row AS (SELECT 1 AS n), batch_jobs AS MATERIALIZED (SELECT n FROM ledger_row)
                SELECT n FROM batch_jobs
                """,
                "WITH Ledger_Row (n) AS NOT MATERIALIZED (VALUES (1)) SELECT n FROM ledger_row",
                "SELECT n FROM (WITH users AS (SELECT 1 AS n) SELECT n FROM users) AS q, (SELECT count(*) FROM users) AS u",
                "(WITH dated_task AS (SELECT count(*) AS n FROM video_tasks) SELECT n FROM dated_task)",
                "(WITH q AS (SELECT count(*) AS n FROM batch_jobs) SELECT n FROM q)",
                "/* ; COMMIT */ SELECT 1",
                "SELECT '; COMMIT' IS NULL AS n WHERE true",
            ] {
                let report = try BroughtReport(sql)
                let run = try await report.run(owner)
                #expect(run.exitCode == 0, "\(sql): \(run.errors)")
                #expect(try report.rows().count == 1, "\(sql)")
            }
        }
    }

    @Test func `the SLA report of somebody else's folder is held to the same`() async throws {
        try await withReports { owner, superuser in
            let folder = try ScratchFolder()
            let place = folder.file("theirs")
            try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
            try FileManager.default.copyItem(atPath: Deployment.root + "/reports/sla", toPath: place + "/sla")
            func run(_ settings: ConnectionSettings) async throws -> ProgramRun {
                try await ProgramRun([
                    "report", "sla", "--month", "2026-10", "--quiet", "--output", folder.file("out"), "--reports",
                    place,
                    "--database", Deployment.conninfo(settings),
                ])
            }
            let refused = try await run(superuser)
            #expect(refused.exitCode == 78 && refused.errors.contains("is a superuser"), "\(refused.errors)")
            let whole = try await run(owner)
            #expect(whole.exitCode == 0, "\(whole.errors)")
            try FileManager.default.removeItem(atPath: folder.file("out"))
            for (sql, words) in [
                ("COMMIT", "sla/exceptions.sql is not a query"),
                (
                    """
                    SELECT set_config('role', 'none', true) AS kind, NULL::bigint AS account, NULL::text AS reference,
                        '' AS detail
                    """, "changed current_user"
                ),
            ] {
                _ = try folder.write(sql, to: "theirs/sla/exceptions.sql")
                let run = try await run(owner)
                #expect(run.exitCode == 78 && run.errors.contains(words), "\(run.errors)")
                #expect(try folder.contents().keys.filter { $0.hasPrefix("out/") } == [])
            }
        }
    }
}
