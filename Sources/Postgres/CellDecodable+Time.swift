internal import Domain

/// Where PostgreSQL's clocks start: 2000-01-01T00:00:00Z.
enum PostgresEpoch {
    /// Days from 1970-01-01.
    static let days = 10_957
    /// Microseconds from 1970-01-01T00:00:00Z.
    static let microseconds: Int64 = 946_684_800_000_000
}

extension Instant: CellDecodable {
    static var askedName: String { "an instant" }

    static func decode(_ cell: Cell) throws(CellFault) -> Instant {
        guard cell.type == .timestamptz else { throw .wrongType }
        let sent = try cell.whole(Int64.self)
        guard sent != .max else { return .distantFuture }
        guard sent != .min else { return .distantPast }
        let (microseconds, overflow) = sent.addingReportingOverflow(PostgresEpoch.microseconds)
        guard !overflow, microseconds != .max else { throw .outOfRange }
        return Instant(microseconds: microseconds)
    }
}

extension CalendarDate: CellDecodable {
    static var askedName: String { "a date" }

    static func decode(_ cell: Cell) throws(CellFault) -> CalendarDate {
        guard cell.type == .date else { throw .wrongType }
        let sent = try cell.whole(Int32.self)
        // A calendar has no day that is infinity.
        guard sent != .max, sent != .min else { throw .outOfRange }
        return CalendarDate(daysSinceEpoch: Int(sent) + PostgresEpoch.days)
    }
}
