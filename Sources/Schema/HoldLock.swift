public import Postgres

/// The lock between whoever holds data back and whoever deletes it.
///
/// A legal hold, an account's among them, and a policy count once they are committed under it: every deleting
/// transaction shares it, taken before its deleting statement's snapshot.
public enum HoldLock {
    /// The advisory lock's number ("dayhold" in ASCII).
    public static let key: Int64 = 0x64_6179_686f_6c64

    /// Waits for the deleting transaction that is under way, and keeps the next ones out until this transaction ends.
    public static func take(_ session: Session) throws {
        _ = try session.query("SELECT pg_advisory_xact_lock($1)", [.int(key)])
    }
}
