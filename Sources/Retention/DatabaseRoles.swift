public import Domain
public import Postgres
internal import Schema

/// Two roles with no more rights than they need: one that purges and cannot touch money, one that can only read.
public struct DatabaseRoles: Sendable {
    /// Reads everything that reports need.
    public static let report = DocumentedRole.report.rawValue
    /// Deletes and redacts what a purge does, and nothing else.
    public static let purge = DocumentedRole.purge.rawValue

    private static let money = ["credit_wallet", "credit_ledger"]

    public init() {}

    /// Makes the roles where they are missing, and gives them exactly their rights here, and those that an operator
    /// made by their documented names. Running it again is safe.
    ///
    /// Throws `configuration` where row-level security would hide rows from them and nobody may lift it.
    public func ensure(_ connection: Connection) async throws -> [String] {
        for _ in 1..<Self.attempts {
            do {
                return try await ensureOnce(connection)
            } catch let error as PostgresError where Self.crossings.contains(error.sqlState?.rawValue ?? "") {
                // Roles belong to the whole server: the same command on another database was quicker.
            }
        }
        return try await ensureOnce(connection)
    }

    private static let attempts = 5
    /// What two who make or grant one role at once get to hear: it is there already, it is not there yet, its row was
    /// changed by the other (which has no code of its own).
    private static let crossings: Set<String> = ["42710", "23505", "42704", "XX000"]

    private func ensureOnce(_ connection: Connection) async throws -> [String] {
        try await connection.transaction { session in
            try RetentionSession.prepare(session)
            try RetentionSession.requireTables(session)
            try Self.requireOwner(session)
            try Migrator.lock(session)
            let made = try Self.make(session)
            let shape = try DeploymentShape(session)
            try shape.redaction.requireClearable()
            try Rights.apply(session, try Self.scope(shape, session), installing: DocumentedRole.made)
            try Self.grantStatistics(session)
            try Self.requireMoneyIsSafe(shape, session)
            return made
        }
    }

    /// Gives the roles that work here what came with an upgrade, also on the application's tables where the session's
    /// role may give that.
    public func renew(_ connection: Connection) async throws {
        try await connection.transaction { session in
            try RetentionSession.prepare(session)
            try Migrator.lock(session)
            try Rights.apply(session, try Self.scope(DeploymentShape(session), session))
        }
    }

    /// Who does not own the schema could find everything in order, and change nothing where it is not.
    private static func requireOwner(_ session: Session) throws {
        let row = try session.query(
            """
            SELECT current_user::text AS role, pg_has_role(nspowner, 'USAGE') AS is_owner
            FROM pg_namespace WHERE nspname = 'daybook'
            """)[0]
        guard try row.bool("is_owner") else {
            throw DaybookError.configuration(
                "The role \(try row.text("role")) does not own the schema daybook, so it cannot give rights on it; run "
                    + "this command as its owner with CREATEROLE, or as a superuser.")
        }
    }

    /// Which rights are there and should not be, and which are missing, each with what mends it.
    public static func findings(_ session: Session) throws -> [Remark] {
        try Rights(session, try scope(DeploymentShape(session), session)).findings
    }

    /// What a purge works on here, with partitions and children: those are what it names.
    private static func scope(_ shape: DeploymentShape, _ session: Session) throws -> Rights.Scope {
        var redacted: [String: [String]] = [:]
        for (table, columns) in [(KnownTable.apiUsage, shape.usage), (.videoTasks, shape.redaction)] {
            let names = try session.query(
                "SELECT quote_ident(name) AS name FROM unnest($1::text[]) AS name", [.texts(columns.names)]
            ).map { try $0.text("name") }
            for relation in try tree(table, session) where !names.isEmpty { redacted[relation] = names }
        }
        return .whole(PurgedTables(deleted: try tree(.accessLog, session), redacted: redacted))
    }

    /// A table and all that holds its rows, as SQL writes their names; none where there is no such table.
    private static func tree(_ table: KnownTable, _ session: Session) throws -> [String] {
        try session.query(
            """
            WITH RECURSIVE tree AS (
                SELECT to_regclass($1)::oid AS relation, true AS is_whole
                UNION ALL
                SELECT i.inhrelid, false FROM pg_inherits AS i JOIN tree ON i.inhparent = tree.relation
            )
            SELECT format('%I.%I', n.nspname, c.relname) AS name
            FROM tree JOIN pg_class AS c ON c.oid = tree.relation JOIN pg_namespace AS n ON n.oid = c.relnamespace
            WHERE tree.is_whole OR c.relkind = 'r' ORDER BY c.oid
            """, [.text(table.fullName)]
        ).map { try $0.text("name") }
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
                """
                SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1) AS known, EXISTS (
                    SELECT FROM pg_auth_members AS m JOIN pg_roles AS r ON r.oid = m.roleid
                    WHERE r.rolname = $1 AND m.member = current_user::regrole) AS is_member
                """, [.text(role)])[0]
            if try !known.bool("known") {
                try session.executeScript("CREATE ROLE \(role) NOLOGIN")
                made.append(role)
            }
            if hidesRows { try session.executeScript("ALTER ROLE \(role) BYPASSRLS") }
            if try !known.bool("is_member") { try session.executeScript("GRANT \(role) TO CURRENT_USER") }
        }
        return made
    }

    /// To see whether others are at work; without it a purge takes its full speed.
    private static func grantStatistics(_ session: Session) throws {
        let may = try session.query(
            """
            SELECT (pg_has_role(current_user, 'pg_read_all_stats', 'MEMBER WITH ADMIN OPTION')
                OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user))
                AND NOT pg_has_role($1, 'pg_read_all_stats', 'MEMBER') AS may
            """, [.text(purge)])
        if try may[0].bool("may") { try session.executeScript("GRANT pg_read_all_stats TO \(purge)") }
    }

    /// Throws `configuration` where the purging role could change money by a way that is not ours to close.
    private static func requireMoneyIsSafe(_ shape: DeploymentShape, _ session: Session) throws {
        for table in money where shape.catalog.type(of: "user_id", in: known(table)) != nil {
            let held = try session.query(
                """
                SELECT has_table_privilege($1, $2, 'DELETE') OR has_any_column_privilege($1, $2, 'UPDATE')
                    OR has_table_privilege($1, $2, 'TRUNCATE') AS held
                """, [.text(purge), .text("public.\(table)")])
            guard try !held[0].bool("held") else {
                throw DaybookError.configuration(
                    "The role \(purge) could still change public.\(table), by a grant to PUBLIC or to "
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
                AND has_any_column_privilege(r.oid, 'daybook.purge_run', 'INSERT')
            """, [.text(purge)])
    }
}
