internal import Domain
public import Postgres
internal import Schema

/// Two roles with no more rights than they need: one that purges and cannot touch money, one that can only read.
public struct DatabaseRoles: Sendable {
    /// Reads everything that reports need.
    public static let report = "daybook_report"
    /// Deletes and redacts what a purge does, and nothing else.
    public static let purge = "daybook_purge"

    private static let money = ["credit_wallet", "credit_ledger"]
    /// The tables of ours that a purge writes.
    private static let written = [
        "purge_run", "purge_cutoff", "purge_sweep", "purge_segment", "purge_total", "access_day", "probe_day",
        "task_fact",
        "task_redaction", "retention_certificate",
    ]

    public init() {}

    /// Makes the roles where they are missing, and gives them exactly their rights here. Running it again is safe.
    ///
    /// Throws `configuration` where row-level security would hide rows from them and nobody may lift it.
    public func ensure(_ connection: Connection) async throws -> [String] {
        try await connection.transaction { session in
            try RetentionSession.prepare(session)
            try RetentionSession.requireTables(session)
            let made = try Self.make(session)
            let shape = try DeploymentShape(session)
            for role in [Self.report, Self.purge] { try grantReading(role, shape, session) }
            try grantPurging(shape, session)
            return made
        }
    }

    private static func make(_ session: Session) throws -> [String] {
        let facts = try session.query(
            """
            SELECT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS is_superuser, EXISTS (
                SELECT FROM pg_class WHERE relrowsecurity AND relnamespace = 'public'::regnamespace) AS has_policies
            """)[0]
        let hidesRows = try facts.bool("has_policies")
        guard try !hidesRows || facts.bool("is_superuser") else {
            throw DaybookError.configuration(
                "Tables here have row-level security, so the roles need BYPASSRLS, which only a superuser can give; "
                    + "run this command as one.")
        }
        var made: [String] = []
        for role in [report, purge] {
            let known = try session.query(
                "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1) AS known", [.text(role)])
            if try !known[0].bool("known") {
                try session.executeScript("CREATE ROLE \(role) NOLOGIN")
                made.append(role)
            }
            if hidesRows { try session.executeScript("ALTER ROLE \(role) BYPASSRLS") }
            try session.executeScript(
                """
                GRANT \(role) TO CURRENT_USER;
                GRANT USAGE ON SCHEMA public, daybook TO \(role);
                REVOKE ALL ON ALL TABLES IN SCHEMA public, daybook FROM \(role)
                """)
        }
        return made
    }

    private func grantReading(_ role: String, _ shape: DeploymentShape, _ session: Session) throws {
        for table in KnownTable.deployment where shape.catalog.has(table) {
            // Keys stand there in clear: of them the owner, and nothing else.
            let columns =
                table.name == KnownTable.apiKeys.name
                ? " ("
                    + table.columns.map(\.name).filter { shape.catalog.type(of: $0, in: table) != nil }.joined(
                        separator: ", ") + ")" : ""
            try session.executeScript("GRANT SELECT\(columns) ON \(table.fullName) TO \(role)")
        }
        try session.executeScript(
            """
            GRANT SELECT ON ALL TABLES IN SCHEMA daybook TO \(role);
            ALTER DEFAULT PRIVILEGES IN SCHEMA daybook GRANT SELECT ON TABLES TO \(role)
            """)
        if try session.query("SELECT to_regclass('daybook.api_key') IS NOT NULL AS known")[0].bool("known") {
            try session.executeScript("REVOKE SELECT ON daybook.api_key FROM \(role)")
        }
    }

    /// On the table and on its partitions: those are what a purge names.
    private func grantRedacting(_ columns: [String], of table: KnownTable, _ session: Session) throws {
        let list = columns.map { session.quoteIdentifier($0) }.joined(separator: ", ")
        for relation in Set(try TableName.leaves(of: table.fullName, session) + [table.fullName]).sorted() {
            let name = TableName.quoted(relation, session)
            try session.executeScript("GRANT SELECT, UPDATE (\(list)) ON \(name) TO \(Self.purge)")
        }
    }

    private func grantPurging(_ shape: DeploymentShape, _ session: Session) throws {
        if shape.catalog.has(.accessLog) {
            for relation in try TableName.leaves(of: KnownTable.accessLog.fullName, session) {
                let name = TableName.quoted(relation, session)
                try session.executeScript("GRANT SELECT, DELETE ON \(name) TO \(Self.purge)")
            }
            try session.executeScript("GRANT DELETE ON \(KnownTable.accessLog.fullName) TO \(Self.purge)")
        }
        if !shape.usage.names.isEmpty { try grantRedacting(shape.usage.names, of: .apiUsage, session) }
        try shape.redaction.requireClearable()
        try grantRedacting(shape.redaction.names, of: .videoTasks, session)
        let ours = Self.written.map { "daybook.\($0)" }.joined(separator: ", ")
        try session.executeScript(
            """
            GRANT SELECT, DELETE ON daybook.probe TO \(Self.purge);
            GRANT INSERT, UPDATE, DELETE ON \(ours) TO \(Self.purge)
            """)
        // To see whether others are at work; without it a purge takes its full speed.
        let may = try session.query(
            """
            SELECT pg_has_role(current_user, 'pg_read_all_stats', 'MEMBER WITH ADMIN OPTION')
                OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS may
            """)
        if try may[0].bool("may") { try session.executeScript("GRANT pg_read_all_stats TO \(Self.purge)") }
        for table in Self.money where shape.catalog.type(of: "user_id", in: Self.known(table)) != nil {
            let held = try session.query(
                """
                SELECT has_table_privilege($1, $2, 'DELETE') OR has_table_privilege($1, $2, 'UPDATE')
                    OR has_table_privilege($1, $2, 'TRUNCATE') AS held
                """, [.text(Self.purge), .text("public.\(table)")])
            guard try !held[0].bool("held") else {
                throw DaybookError.configuration(
                    "The role \(Self.purge) could still change public.\(table), by a grant to PUBLIC or to "
                        + "another role that it is in; revoke that and run this command again.")
            }
        }
    }

    /// Gives the purging role its rights on a partition that is new, where it has them on the whole table.
    static func grantPartition(_ name: String, of parent: String, _ session: Session) throws {
        let rows = try session.query(
            """
            SELECT EXISTS (
                SELECT FROM pg_roles AS r WHERE r.rolname = $1 AND has_table_privilege(r.oid, $2, 'DELETE')
            ) AS purges
            """, [.text(purge), .text(parent)])
        guard try rows[0].bool("purges") else { return }
        try session.executeScript("GRANT SELECT, DELETE ON \(TableName.quoted(name, session)) TO \(purge)")
    }

    private static func known(_ name: String) -> KnownTable {
        guard let table = KnownTable.deployment.first(where: { $0.name == name }) else {
            preconditionFailure("\(name) is known")
        }
        return table
    }

    /// Lets a session work as the purging role, where there is one for this database.
    static func becomePurger(_ session: Session) throws {
        _ = try session.query(
            """
            SELECT set_config('role', r.rolname, false) FROM pg_roles AS r
            WHERE r.rolname = $1 AND pg_has_role(session_user, r.oid, 'MEMBER')
                AND has_table_privilege(r.oid, 'daybook.purge_run', 'INSERT')
            """, [.text(purge)])
    }
}
