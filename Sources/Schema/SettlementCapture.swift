public import Postgres

/// Keeps the instants that were taken for settlements of which nobody wrote down when they happened: once a run that
/// writes has seen a batch settled, nothing that is written later moves it to another month.
public enum SettlementCapture {
    /// Keeps those of some owners, or of all, that are not kept yet; nothing where the database has no place for them,
    /// or the role may not write there.
    public static func run(_ session: Session, catalog: Catalog, owners: [String]? = nil) throws {
        guard KnownTable.own.contains(where: { $0.name == "settlement_fact" && catalog.has($0) }) else { return }
        let right = try session.query(
            "SELECT has_any_column_privilege('daybook.settlement_fact', 'INSERT') AS may_write")[0]
        guard try right.bool("may_write") else { return }
        try session.execute(
            """
            INSERT INTO daybook.settlement_fact (user_id, batch_id, settled_at)
            SELECT s.user_id, s.batch_id, s.settled_at
            FROM (\(SharedSource.estimatedSettlement.select(catalog))) AS s
            WHERE s.settled_at IS NOT NULL AND ($1::uuid[] IS NULL OR s.user_id = ANY ($1))
            ON CONFLICT ON CONSTRAINT settlement_fact_pkey DO NOTHING
            """, [owners.map(Value.uuids) ?? .null])
    }
}
