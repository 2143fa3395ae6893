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

    /// The same over what is no transaction, until ``release(_:)``: what is done meanwhile is done elsewhere, and waits
    /// for no network within a transaction.
    ///
    /// - Parameter milliseconds: How long it waits; throws `PostgresError` of a lock that was not available then.
    public static func shareAcross(_ session: Session, milliseconds: Int) throws {
        let before = try session.query("SELECT current_setting('lock_timeout') AS setting")[0].text("setting")
        _ = try session.query("SELECT set_config('lock_timeout', $1, false)", [.text("\(milliseconds)ms")])
        defer { _ = try? session.query("SELECT set_config('lock_timeout', $1, false)", [.text(before)]) }
        _ = try session.query("SELECT pg_advisory_lock_shared($1)", [.int(key)])
    }

    /// Ends ``shareAcross(_:)``.
    public static func release(_ session: Session) throws {
        _ = try session.query("SELECT pg_advisory_unlock_shared($1)", [.int(key)])
    }
}
