internal import Domain
internal import Postgres
internal import Schema

/// Where foreign keys would carry a purge: it is refused if they carry it anywhere.
enum CascadeWalk {
    /// Throws `configuration` naming the first constraint by which a purge of the class would change another table.
    static func refuseCascades(_ dataClass: DataClass, redacted: [String], _ session: Session) throws {
        let table = DeploymentShape.table(dataClass).fullName
        let rows = try session.query(
            dataClass.action == .redact ? updates : deletes,
            dataClass.action == .redact ? [.text(table), .texts(redacted)] : [.text(table)])
        guard let row = rows.first else { return }
        let path = try row.text("path")
        throw DaybookError.configuration(
            "A purge of \(table) would reach further by foreign keys: \(path). A purge touches nothing but its own "
                + "rows, so it does not go on; change that constraint to ON DELETE NO ACTION, ON UPDATE NO ACTION.")
    }

    /// The same for all classes that a purge takes.
    static func refuseCascades(_ shape: DeploymentShape, _ session: Session) throws {
        for dataClass in shape.classes {
            let redacted = dataClass == .taskContent ? shape.redaction.names : shape.usage.names
            try refuseCascades(dataClass, redacted: redacted, session)
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
    private static let deletes = """
        WITH RECURSIVE tree AS (
            SELECT to_regclass($1)::oid AS relation
            UNION
            SELECT i.inhrelid FROM pg_inherits AS i JOIN tree ON i.inhparent = tree.relation
        ), reached AS (
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
    private static let updates = """
        WITH RECURSIVE tree AS (
            SELECT to_regclass($1)::oid AS relation
            UNION
            SELECT i.inhrelid FROM pg_inherits AS i JOIN tree ON i.inhparent = tree.relation
        )
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
