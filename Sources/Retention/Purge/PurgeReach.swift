internal import Domain
internal import Postgres
internal import Schema

/// What a purge may reach: every row of what it works on, by rights that it has, whole, and nothing else by way of
/// foreign keys. Each is asked before the first row is gone.
enum PurgeReach {
    // MARK: Rows that could not be seen

    /// The deployment's tables that a plan or a purge reads or changes.
    private static let guarded = [KnownTable.accessLog, .videoTasks, .apiUsage, .apiKeys]

    /// Refuses to work as a role from which policies would hide rows, naming the tables and the ways out.
    ///
    /// `row_security` is off everywhere, so that nothing could go unseen anyway; this says it before the first row, and
    /// in words. Throws `configuration`.
    static func refuseHiddenRows(_ session: Session) throws {
        let rows = try session.query(
            """
            SELECT n.nspname || '.' || c.relname AS name, current_user::text AS role
            FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
            WHERE c.relrowsecurity AND row_security_active(c.oid)
                AND (n.nspname = 'daybook' OR n.nspname || '.' || c.relname = ANY ($1))
            ORDER BY 1
            """, [.texts(guarded.map(\.fullName))])
        guard let role = try rows.first?.text("role") else { return }
        let tables = try rows.map { try $0.text("name") }.joined(separator: ", ")
        throw DaybookError.configuration(
            "Row-level security would hide rows of \(tables) from the role \(role), so nothing is purged or planned: a "
                + "purge sees every row or none. Connect as a role that has BYPASSRLS, or let a superuser run: ",
            .take(.grantRoles))
    }

    // MARK: Rights that are missing

    /// Asks what the role may do to every table that the purge will name.
    ///
    /// Throws `configuration` naming the first table or column on which a right is missing, as after the application
    /// made another partition or column.
    static func requireRights(_ shape: DeploymentShape, _ session: Session) throws {
        for dataClass in shape.classes {
            let columns: [String] =
                switch dataClass {
                case .taskContent: shape.redaction.names
                case .apiUsage: shape.usage.names
                case .videoFiles: VideoFiles.columns
                case .accessLog, .probes, .webhookPayload: []
                }
            for relation in try TableName.leaves(of: DeploymentShape.table(dataClass).fullName, session) {
                let rows = try session.query(
                    missing,
                    [.text(TableName.quoted(relation, session)), .bool(dataClass.keepsRows), .texts(columns)])
                guard let row = rows.first else { continue }
                throw DaybookError.configuration(
                    "The role \(try row.text("role")) may not \(try row.text("right")) on \(relation), so nothing was "
                        + "purged. Grant it that, or run again: ", .take(.grantRoles))
            }
        }
    }

    private static let missing = """
        SELECT current_user::text AS role, needed.name AS right FROM (
            SELECT 'SELECT' AS name, has_table_privilege($1, 'SELECT') AS held
            UNION ALL SELECT 'DELETE', $2 OR has_table_privilege($1, 'DELETE')
            UNION ALL SELECT 'UPDATE (' || c.name || ')', NOT $2 OR has_column_privilege($1, c.name, 'UPDATE')
            FROM unnest($3::text[]) AS c (name)
            WHERE EXISTS (
                SELECT FROM pg_attribute AS a
                WHERE a.attrelid = to_regclass($1) AND a.attname = c.name AND NOT a.attisdropped)
        ) AS needed WHERE NOT needed.held LIMIT 1
        """

    // MARK: Columns that would stay behind

    /// Refuses children of a table with columns of their own, as PostgreSQL's inheritance allows them: a deletion would
    /// archive less of a row than it takes, and a redaction would clear less than there is.
    ///
    /// Throws `configuration` naming the first such table and its columns.
    static func refuseForeignColumns(_ shape: DeploymentShape, _ session: Session) throws {
        // The request log is redacted in two columns that every child has.
        for dataClass in shape.classes where dataClass != .apiUsage {
            let parent = DeploymentShape.table(dataClass).fullName
            let rows = try session.query(foreignColumns, [.text(parent)])
            guard let row = rows.first else { continue }
            throw DaybookError.configuration(
                "The table \(try row.text("child")) belongs to \(parent) and has columns of its own: "
                    + "\(try row.text("columns")). Rows of it could neither be archived nor cleared whole, so nothing "
                    + "was purged. Give \(parent) the same columns, or take the table out: ALTER TABLE … NO INHERIT.")
        }
    }

    private static let foreignColumns = """
        WITH RECURSIVE \(TableName.tree)
        SELECT c.oid::regclass::text AS child, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns
        FROM tree JOIN pg_class AS c ON c.oid = tree.relation
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relkind = 'r' AND c.oid <> to_regclass($1) AND NOT EXISTS (
            SELECT FROM pg_attribute AS p
            WHERE p.attrelid = to_regclass($1) AND p.attname = a.attname AND NOT p.attisdropped)
        GROUP BY c.oid ORDER BY c.oid LIMIT 1
        """

    // MARK: Where foreign keys would carry it

    /// Throws `configuration` naming the first constraint by which a purge of the class would change another table.
    static func refuseCascades(_ dataClass: DataClass, redacted: [String], _ session: Session) throws {
        let table = DeploymentShape.table(dataClass).fullName
        let rows = try session.query(
            dataClass.keepsRows ? changes : deletions,
            dataClass.keepsRows ? [.text(table), .texts(redacted)] : [.text(table)])
        guard let row = rows.first else { return }
        let path = try row.text("path")
        throw DaybookError.configuration(
            "A purge of \(table) would reach further by foreign keys: \(path). A purge touches nothing but its own "
                + "rows, so it does not go on; change that constraint to ON DELETE NO ACTION, ON UPDATE NO ACTION.")
    }

    /// The same for all classes that a purge takes.
    static func refuseCascades(_ shape: DeploymentShape, _ session: Session) throws {
        for dataClass in shape.classes {
            try refuseCascades(dataClass, redacted: shape.redactedColumns(of: dataClass)?.names ?? [], session)
        }
    }

    /// A fingerprint of the foreign keys that could carry anything: it changes with each of them, and costs less than
    /// the walk would.
    static func foreignKeys(_ session: Session) throws -> String {
        try session.query(
            """
            SELECT count(*) || ' ' || coalesce(sum(oid::bigint), 0) AS fingerprint FROM pg_constraint
            WHERE contype = 'f' AND (confdeltype IN ('c', 'n', 'd') OR confupdtype IN ('c', 'n', 'd'))
            """)[0].text("fingerprint")
    }

    /// Constraints that a deletion fires, and those that these fire in turn. The money's tables are named first.
    private static let deletions = """
        WITH RECURSIVE \(TableName.tree), reached AS (
            SELECT k.confrelid AS source, k.conrelid AS target, k.confdeltype AS kind,
                ARRAY[k.oid] AS seen, k.conrelid::regclass || ' (' || k.conname || ')' AS path
            FROM pg_constraint AS k
            WHERE k.contype = 'f' AND k.confdeltype IN ('c', 'n', 'd') AND k.confrelid IN (SELECT relation FROM tree)
            UNION ALL
            SELECT k.confrelid, k.conrelid, k.confdeltype, r.seen || k.oid,
                r.path || ' → ' || k.conrelid::regclass || ' (' || k.conname || ')'
            FROM reached AS r JOIN pg_constraint AS k ON k.confrelid = r.target
            WHERE r.kind = 'c' AND k.contype = 'f' AND k.confdeltype IN ('c', 'n', 'd') AND k.oid <> ALL (r.seen)
        )
        SELECT path FROM reached
        ORDER BY target IN (to_regclass('public.credit_ledger'), to_regclass('public.credit_wallet')) DESC NULLS LAST,
            array_length(seen, 1), path COLLATE "C" LIMIT 1
        """

    /// Constraints that a change of the redacted columns fires.
    private static let changes = """
        WITH RECURSIVE \(TableName.tree)
        SELECT k.conrelid::regclass || ' (' || k.conname || ')' AS path
        FROM pg_constraint AS k
        WHERE k.contype = 'f' AND k.confupdtype IN ('c', 'n', 'd') AND k.confrelid IN (SELECT relation FROM tree)
            AND EXISTS (
            SELECT FROM pg_attribute AS a
            WHERE a.attrelid = k.confrelid AND a.attnum = ANY (k.confkey) AND a.attname = ANY ($2::text[]))
        ORDER BY k.conrelid IN (to_regclass('public.credit_ledger'), to_regclass('public.credit_wallet'))
            DESC NULLS LAST,
            k.conname COLLATE "C" LIMIT 1
        """
}
