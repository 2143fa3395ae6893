internal import Codecs
public import Documents
public import Domain
import Postgres
internal import Schema

/// What a purge would do as of a date, counted in one snapshot. Making it changes nothing.
public struct RetentionPlan: Sendable {
    public let asOf: CalendarDate
    /// The slug that the plan is limited to, nil for everybody.
    public let account: String?
    /// Only pairs that have rows; by account and class, bytewise.
    public let lines: [PlanLine]
    /// Partitions that would be dropped whole.
    public let wholePartitions: [String]
    /// Sentences for the operator: indexes that are missing, columns that will be cleared although nobody knows them.
    public let advice: [String]
    /// What would refuse a purge half way, with the statement that mends it; a purge does not begin where it is about
    /// rows that are due, or a month that would be dropped.
    public var obstacles: [Obstacle] = []
    /// Rows a second that earlier purges reached here; nil before the first.
    public let measuredRowsPerSecond: Int64?
    let terms: Terms
    let holdDigest: String
    /// The holds that are in force: none of them may be released before what the plan shows is done.
    let holds: [String]
    /// The columns of the tasks that would be cleared.
    let redactedColumns: [String]
    /// What an erasure would leave, and why; nil for a purge.
    public let erasing: ErasurePlan?

    /// True where a run has something to record: rows to go, or rows that it will owe.
    var isWorthARun: Bool { dueRows > 0 || erasing?.isNewDebt ?? false }
    /// Rows to go, over all accounts and classes.
    public var dueRows: Int64 { lines.reduce(0) { $0 + $1.dueRows } }
    public var heldRows: Int64 { lines.reduce(0) { $0 + $1.heldRows } }

    /// Seconds that a purge would take, rounded up.
    public var estimatedSeconds: Int64 {
        let speed = max(measuredRowsPerSecond ?? Limits.assumedRowsPerSecond, 1)
        return (dueRows + speed - 1) / speed
    }

    /// Due rows and all rows of each class.
    var shares: [PurgeGuard.Share] {
        DataClass.allCases.map { dataClass in
            let lines = lines.filter { $0.dataClass == dataClass }
            return PurgeGuard.Share(
                dataClass: dataClass, due: lines.reduce(0) { $0 + $1.dueRows },
                total: lines.reduce(0) { $0 + $1.totalRows })
        }
    }

    /// `plan.csv`.
    public var table: Table {
        Table(
            name: "plan", title: erasing.map { "Erasure of \($0.name)" } ?? "Retention plan as of \(asOf)",
            note: "What would go now, what a hold keeps, what is not due, and what has no instant and is never due.",
            columns: [
                Column("account", .text), Column("data_class", .text), Column("retention_days", .integer),
                Column("cutoff", .instant), Column("action", .text), Column("due_rows", .integer),
                Column("held_rows", .integer), Column("kept_rows", .integer), Column("undated_rows", .integer),
                Column("oldest", .instant), Column("newest_due", .instant),
            ],
            rows: lines.map { line in
                [
                    .text(line.account), .text(line.dataClass.rawValue), .integer(line.retentionDays),
                    .instant(line.cutoff), .text(line.dataClass.action.rawValue), .integer(line.dueRows),
                    .integer(line.heldRows), .integer(line.keptRows), .integer(line.undatedRows),
                    line.oldest.map(Cell.instant) ?? .empty, line.newestDue.map(Cell.instant) ?? .empty,
                ]
            })
    }

    /// Throws `configuration` naming every obstacle to a purge of what is due.
    func refuseObstacles() throws {
        let due = Set(lines.filter { $0.dueRows > 0 }.map(\.dataClass))
        try Obstacles.refuse(obstacles, due: due, months: wholePartitions)
    }

    /// The bytes of `plan.csv`.
    public var csv: [UInt8] { CSVEncoder.encode(table) }

    /// SHA-256 of `plan.csv`.
    public var digest: String { SHA256Digest.hex(csv) }
}

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
