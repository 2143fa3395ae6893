public import Postgres

/// Keeps the ledger as it is while a transaction reads it in one snapshot.
public enum LedgerLock {
    /// No such table or schema, not a table, or no right to read it.
    private static let ignored: Set<String> = ["42", "3F"]

    /// Keeps whole months from being replaced until the transaction ends. Nobody who reads or writes rows waits for it.
    ///
    /// To be called before the first query: LOCK takes no snapshot, so the snapshot is newer than the last replacement.
    /// One that is older would find neither the old rows nor the new ones. Where there is no ledger, or no right to
    /// read it, nothing happens.
    public static func share(_ session: Session) throws {
        do {
            try session.savepoint {
                try session.executeScript("LOCK TABLE public.credit_ledger IN ACCESS SHARE MODE")
            }
        } catch let error as PostgresError where ignored.contains(error.sqlState?.category ?? "") {}
    }
}

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

/// The lock between whoever holds data back and whoever deletes it.
///
/// A legal hold, an account's among them, and a policy count once they are committed under it: every deleting
/// transaction shares it, taken in a statement of its own before its deleting statement's snapshot.
public enum LegalHoldLock {
    /// The advisory lock's number ("dayhold" in ASCII).
    private static let key: Int64 = 0x64_6179_686f_6c64

    /// Waits for the deleting transaction that is under way, and keeps the next ones out until this transaction ends.
    public static func take(_ session: Session) throws {
        _ = try session.query("SELECT pg_advisory_xact_lock($1)", [.int(key)])
    }

    /// Waits for who places or releases a hold, or changes a policy, and keeps the next ones out until this transaction
    /// ends: from here on it sees every hold that was acknowledged.
    public static func share(_ session: Session) throws {
        _ = try session.query("SELECT pg_advisory_xact_lock_shared($1)", [.int(key)])
    }
}
