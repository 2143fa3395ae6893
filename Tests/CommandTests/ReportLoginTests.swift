import Foundation
import Postgres
import TestSupport
import Testing

/// As whom a report runs: never as a login that a query could use for more than reading.
@Suite struct ReportLoginTests {
    @Test func `a login that a query could misuse is refused, and told how to go on`() async throws {
        let report = try BroughtReport("SELECT 1 AS one")
        try await withDatabase { settings in
            func expectRefused(_ settings: ConnectionSettings, _ words: String) async throws {
                let run = try await report.run(settings)
                #expect(run.exitCode == 78, "\(words): \(run.errors)")
                #expect(run.errors.contains(words), "\(words): \(run.errors)")
                #expect(run.errors.contains("--report-database") && run.errors.contains("daybook database roles"))
                #expect(try report.published() == [])
            }
            try await expectRefused(settings, "The login \"postgres\" is a superuser")
            for (attributes, rights, words) in [
                ("SUPERUSER", "", "is a superuser"), ("REPLICATION", "", "may replicate the server"),
                ("", "GRANT postgres TO LOGIN", "is a superuser (by the role \"postgres\")"),
                ("", "GRANT pg_read_server_files TO LOGIN", "may read the server's files"),
                ("", "GRANT pg_write_server_files TO LOGIN", "may write the server's files"),
                ("NOINHERIT", "GRANT pg_execute_server_program TO LOGIN", "may run programs on the server"),
                ("", "GRANT pg_signal_backend TO LOGIN WITH ADMIN OPTION", "may end the sessions of others"),
                ("", "GRANT EXECUTE ON FUNCTION pg_read_file(text) TO LOGIN", "may call pg_read_file(text)"),
                ("", "GRANT EXECUTE ON FUNCTION pg_reload_conf() TO LOGIN", "may call pg_reload_conf()"),
                (
                    "", "CREATE EXTENSION dblink; GRANT EXECUTE ON FUNCTION dblink_connect_u(text) TO LOGIN",
                    "may call public.dblink_connect_u"
                ),
            ] {
                try await withLogin(settings, attributes: attributes, rights: rights) { login in
                    try await expectRefused(login, words)
                }
            }
            // Through a role of the deployment's own, whose rights the login does not even inherit.
            try await withLogin(settings, rights: "GRANT pg_read_server_files TO LOGIN") { middle in
                let role = middle.options["user"] ?? ""
                try await withLogin(settings, attributes: "NOINHERIT", rights: "GRANT \(role) TO LOGIN") { login in
                    try await expectRefused(login, "may read the server's files (by the role \"pg_read_server_files\")")
                }
            }
        }
    }

    @Test func `an ordinary login runs reports`() async throws {
        try await withDatabase { settings in
            for (attributes, rights) in [
                ("", ""), ("BYPASSRLS", "GRANT pg_read_all_data TO LOGIN"), ("CREATEROLE CREATEDB", ""),
                ("", "GRANT pg_monitor, pg_write_all_data TO LOGIN"),
                ("", "CREATE TABLE t (); ALTER TABLE t OWNER TO LOGIN"),
            ] {
                try await withLogin(settings, attributes: attributes, rights: rights) { login in
                    let report = try BroughtReport("SELECT 1 AS one")
                    let run = try await report.run(login)
                    #expect(run.exitCode == 0, "\(attributes) \(rights): \(run.errors)")
                }
            }
        }
    }

    @Test func `another login for reports is named by an option or in the environment`() async throws {
        try await withDatabase { settings in
            try await withLogin(settings) { login in
                let report = try BroughtReport("SELECT session_user::text AS name")
                let (all, own) = (Deployment.conninfo(settings), Deployment.conninfo(login))
                let name = try #require(login.options["user"])
                for run in [
                    try await report.run(settings, ["--report-database", own]),
                    try await report.run(
                        nil, environment: ["DATABASE_URL": all, "DAYBOOK_REPORT_DATABASE_URL": own]),
                    try await report.run(
                        nil, ["--report-database", own],
                        environment: ["DAYBOOK_REPORT_DATABASE_URL": "dbname=nowhere host=/nowhere"]),
                ] {
                    #expect(run.exitCode == 0, "\(run.errors)")
                    #expect(try report.rows() == [name])
                }
                // What is said on the command line is not overruled by the environment.
                let run = try await report.run(settings, environment: ["DAYBOOK_REPORT_DATABASE_URL": own])
                #expect(run.exitCode == 78 && run.errors.contains("is a superuser"), "\(run.errors)")
            }
        }
    }
}

/// A cluster of these tests' own, because the role `daybook_report` belongs to a whole server.
private let reportCluster = Result { try TestCluster() }

/// Runs the body with a whole system whose owner is no superuser and has made the roles. It gets the settings of both.
nonisolated(nonsending) func withReports(
    _ body: (_ owner: ConnectionSettings, _ superuser: ConnectionSettings) async throws -> Void
) async throws {
    let database = try await TestDatabase.create(in: try reportCluster.get())
    let superuser = database.settings
    try await execute(
        """
        DO $$ BEGIN
            CREATE ROLE owner LOGIN CREATEROLE;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END $$;
        ALTER DATABASE \(database.name) OWNER TO owner
        """, in: superuser)
    var owner = superuser
    owner.options["user"] = "owner"
    for arguments in [["migrate"], ["roles"]] {
        try await ProgramRun.expectingSuccess(
            ["database"] + arguments + ["--database", Deployment.conninfo(owner)])
    }
    try await body(owner, superuser)
    try await database.drop()
}
