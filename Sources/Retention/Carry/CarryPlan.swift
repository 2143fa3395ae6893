internal import Codecs
public import Domain
public import Reporting

/// Which months of the ledger would be carried forward as balances, and what of them stays as it is.
public struct CarryPlan: Sendable, Hashable {
    /// One month of the ledger.
    public struct Line: Sendable, Hashable {
        public let month: Month
        /// Rows that would be replaced.
        public let rows: Int64
        /// Rows that stay because a legal hold covers them.
        public let heldRows: Int64
        /// Rows that stay because something may still refer to them: their batch is not settled, or not wholly before
        /// the cutoff, or a statement lists them by themselves.
        public let openRows: Int64
        /// Owners of replaced rows.
        public let owners: Int64
        /// What the replaced rows add up to.
        public let credits: Int64
        /// The rows that would take their place: one an owner and lot.
        public let balances: Int64
    }

    public let asOf: CalendarDate
    public let years: Int64
    /// The first instant that is not carried forward: the beginning of a month in UTC.
    public let cutoff: Instant
    public let lines: [Line]
    let holdDigest: String

    public var rows: Int64 { lines.reduce(0) { $0 + $1.rows } }
    public var balances: Int64 { lines.reduce(0) { $0 + $1.balances } }

    /// The plan as a table.
    public var table: Table {
        Table(
            name: "carry", title: "Ledger rows before \(cutoff), \(years) years as of \(asOf)",
            note: "Each month's rows would be replaced by a balance an owner and lot.",
            columns: [
                Column("month", .text), Column("rows", .integer), Column("held_rows", .integer),
                Column("open_rows", .integer), Column("owners", .integer), Column("credits", .integer),
                Column("balances", .integer),
            ],
            rows: lines.map { line in
                [
                    .text(line.month.description), .integer(line.rows), .integer(line.heldRows),
                    .integer(line.openRows), .integer(line.owners), .integer(line.credits), .integer(line.balances),
                ]
            })
    }

    var csv: [UInt8] { CSVEncoder.encode(table) }
    var digest: String { SHA256Digest.hex(csv) }

    /// The first instant of the month that lies so many years before the date.
    static func cutoff(_ asOf: CalendarDate, years: Int64) throws(DaybookError) -> Month {
        let (year, month, _) = asOf.components
        guard let month = Month(year: year - Int(years), number: month) else {
            throw .usage("\(years) years before \(asOf) nothing was booked yet.")
        }
        return month
    }
}
