internal import Codecs
public import Domain
public import Postgres
internal import Schema

/// Longer retentions of one class, by contract.
public struct Policies: Sendable {
    /// The uuid under which the overrides for owners without an account stand.
    public static let everybodyElse = RetentionSession.nobody
    /// The classes that have policies, as texts of SQL.
    public static let classes = Terms.customersClasses

    public init() {}

    /// Sets the days of a class for an account, nil for the owners without one. The account's own days take an override
    /// of the same days away.
    ///
    /// Throws `usage` for days shorter than the account's own.
    public func set(
        _ dataClass: DataClass, days: Int64, account: String?, reason: String, _ connection: Connection
    ) async throws {
        guard dataClass.isCustomers else {
            throw DaybookError.usage("\(dataClass.rawValue) belong to no customer; their retention cannot be set.")
        }
        try await connection.transaction { session in
            try RetentionSession.prepare(session)
            try RetentionSession.requireTables(session)
            // A purge that is under way must not take what was just promised to be kept.
            try LegalHoldLock.take(session)
            let owner = try Self.owner(account, session)
            guard days >= owner.days, days <= Limits.mostRetentionDays else {
                throw DaybookError.usage(
                    "The retention of one class can only be longer than the account's own \(owner.days) days, and at "
                        + "most \(Limits.mostRetentionDays); to shorten it, import the account with fewer days.")
            }
            if days == owner.days {
                _ = try session.execute(
                    "DELETE FROM daybook.retention_policy WHERE user_id = $1 AND data_class = $2",
                    [.uuid(owner.id), .text(dataClass.rawValue)])
                return
            }
            _ = try session.execute(
                """
                INSERT INTO daybook.retention_policy (user_id, data_class, retention_days, reason)
                VALUES ($1, $2, $3, $4)
                ON CONFLICT ON CONSTRAINT retention_policy_pkey DO UPDATE SET retention_days = excluded.retention_days,
                    reason = excluded.reason, set_by = excluded.set_by, set_at = excluded.set_at
                """, [.uuid(owner.id), .text(dataClass.rawValue), .int(days), .text(reason)])
        }
    }

    private static func owner(_ account: String?, _ session: Session) throws -> (id: String, days: Int64) {
        guard let account else { return (RetentionSession.nobody, Limits.defaultRetentionDays) }
        let owner = try AccountNames(session).require(account)
        let rows = try session.query(
            "SELECT retention_days::bigint AS days FROM daybook.account WHERE user_id = $1", [.uuid(owner.userID)])
        return (owner.userID, try rows[0].int("days"))
    }
}
