public import Postgres

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
