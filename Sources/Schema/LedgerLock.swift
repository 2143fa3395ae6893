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
