public import Domain

/// What a plan says of one account and class of data.
public struct PlanLine: Sendable, Hashable {
    /// Empty for owners without an account, and for rows of nobody.
    public let account: String
    public let dataClass: DataClass
    public let retentionDays: Int64
    public let cutoff: Instant
    /// Rows to go now.
    public let dueRows: Int64
    /// Rows that would be due but for a hold.
    public let heldRows: Int64
    /// Rows that are not due, or redacted already.
    public let keptRows: Int64
    /// Rows without an instant: never due.
    public let undatedRows: Int64
    /// The oldest instant of all rows.
    public let oldest: Instant?
    /// The newest instant of the rows to go.
    public let newestDue: Instant?

    /// Every row of the account and class.
    public var totalRows: Int64 { dueRows + heldRows + keptRows + undatedRows }
}
