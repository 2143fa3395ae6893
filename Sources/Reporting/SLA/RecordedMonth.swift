import Codecs
import Domain
import Postgres
import Schema

/// A final month as it was recorded: its figures, by what they were counted, and the digest of all of it.
struct RecordedMonth: Sendable {
    /// What figures are counted by. They are taken where all of it is that of now; else the month is counted anew.
    struct Basis: Sendable, Hashable {
        /// Whose month it is; ``everybody`` for all owners together.
        let userID: String
        let month: Month
        let period: Period
        let cutoff: Instant
        /// Of the queries, with the relations that they share.
        let sqlSHA256: String
        /// Of the contracts that judge, and of whose rows each of them does.
        let termsSHA256: String

        static let everybody = "00000000-0000-0000-0000-000000000000"

        /// What of it is another than that of a recording; nil where nothing is.
        func difference(from recorded: Basis) -> String? {
            if period != recorded.period || cutoff != recorded.cutoff { return "other instants" }
            if termsSHA256 != recorded.termsSHA256 { return "other contract terms" }
            return sqlSHA256 == recorded.sqlSHA256 ? nil : "other queries"
        }
    }

    let basis: Basis
    let version: Int64
    /// Nil where they are not what was recorded.
    let figures: MonthFigures?
    let sha256: String
    let recordedAt: Instant

    /// The digest of a recording, over everything that it says.
    static func digest(
        _ basis: Basis, version: Int64, document: String, recordedBy: String, recordedAt: Instant
    ) -> String {
        let parts = [
            "daybook-recorded-month-1", basis.userID, basis.month.description, String(version),
            basis.period.start.description, basis.period.end.description, basis.cutoff.description, basis.sqlSHA256,
            basis.termsSHA256, SHA256Digest.hex(recordedBy), recordedAt.description, SHA256Digest.hex(document),
        ]
        return SHA256Digest.hex(parts.map { $0 + "\n" }.joined())
    }

    /// Reads a row of `daybook.recorded_month`.
    init(_ row: Row) throws {
        let day = try row.date("month").components
        guard let month = Month(year: day.year, number: day.month) else {
            throw DaybookError.badData(
                "daybook.recorded_month names the month \(try row.date("month")), which no report has.")
        }
        basis = Basis(
            userID: try row.text("user_id"), month: month,
            period: Period(start: try row.instant("period_start"), end: try row.instant("period_end")),
            cutoff: try row.instant("cutoff"), sqlSHA256: try row.text("sql_sha256"),
            termsSHA256: try row.text("terms_sha256"))
        (version, sha256) = (try row.int("version"), try row.text("sha256"))
        (recordedAt, figures) = try Self.contents(row, basis, version, sha256)
    }

    private static func contents(
        _ row: Row, _ basis: Basis, _ version: Int64, _ sha256: String
    ) throws -> (Instant, MonthFigures?) {
        let (document, recordedAt) = (try row.text("figures"), try row.instant("recorded_at"))
        let own = digest(
            basis, version: version, document: document, recordedBy: try row.text("recorded_by"),
            recordedAt: recordedAt)
        return (recordedAt, own == sha256 ? MonthFigures(document: document) : nil)
    }
}

/// What was recorded of some owners, or of everybody, as far as the session's role may read it.
struct RecordedMonths: Sendable {
    private struct Key: Hashable {
        let userID: String
        let month: Month
    }

    /// The lowest version of a month first.
    private let byMonth: [Key: [RecordedMonth]]

    /// Reads what there is of some months. Nothing is there for a role that may not look.
    init(_ session: Session, catalog: Catalog, userIDs: [String], months: [Month]) throws {
        guard let first = months.min(), let last = months.max(), try Self.mayRead(session, catalog) else {
            byMonth = [:]
            return
        }
        let rows = try session.query(
            """
            SELECT user_id::text AS user_id, month, version::bigint AS version, period_start, period_end, cutoff,
                sql_sha256, terms_sha256, figures, sha256, recorded_by, recorded_at
            FROM daybook.recorded_month WHERE user_id = ANY ($1) AND month BETWEEN $2 AND $3
            ORDER BY user_id, month, version
            """, [.uuids(userIDs), .date(first.firstDay), .date(last.firstDay)])
        byMonth = Dictionary(grouping: try rows.map(RecordedMonth.init)) {
            Key(userID: $0.basis.userID, month: $0.basis.month)
        }
    }

    private static func mayRead(_ session: Session, _ catalog: Catalog) throws -> Bool {
        guard catalog.has(.recordedMonth) else { return false }
        return try session.query(
            """
            SELECT pg_catalog.has_schema_privilege(n.oid, 'USAGE')
                AND pg_catalog.has_table_privilege(c.oid, 'SELECT') AS may_read
            FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
            WHERE n.nspname = 'daybook' AND c.relname = 'recorded_month'
            """)[0].bool("may_read")
    }

    /// The newest version that was counted as it would be now; nil where there is none.
    func inForce(_ basis: RecordedMonth.Basis) -> RecordedMonth? { versions(basis).last { $0.basis == basis } }

    /// The newest version of the same month, however it was counted.
    func newest(_ basis: RecordedMonth.Basis) -> RecordedMonth? { versions(basis).last }

    private func versions(_ basis: RecordedMonth.Basis) -> [RecordedMonth] {
        byMonth[Key(userID: basis.userID, month: basis.month)] ?? []
    }
}

extension SLAScope {
    /// Whose months are recorded: the one account's, or everybody's together.
    var recordedUserID: String { onlyAccount?.userID ?? RecordedMonth.Basis.everybody }

    /// What the figures of a month are counted by now.
    func basis(of month: JudgedMonth, sqlSHA256: String) -> RecordedMonth.Basis {
        RecordedMonth.Basis(
            userID: recordedUserID, month: month.month, period: month.period, cutoff: month.cutoff,
            sqlSHA256: sqlSHA256, termsSHA256: termsSHA256(until: month.period.end))
    }

    /// True where nothing more can happen to a month by its cutoff.
    func isFinal(_ month: JudgedMonth) -> Bool {
        month.cutoff >= ReportScope.finality(of: month.period, contracts)
    }

    /// The digest of the terms that judge rows of before an instant: which contract does, and whose rows are another
    /// one's. What begins later judges none of them.
    func termsSHA256(until end: Instant) -> String {
        let standard = contracts[0].sha256
        let others = stretches.filter { $0.from < end && $0.contract.sha256 != standard }.map { stretch in
            "\(stretch.userID) \(stretch.from) \(min(stretch.until, end)) \(stretch.contract.sha256)"
        }
        let parts = [standard, String(widestProfile.maintenanceNoticeHours)] + others.sorted()
        return SHA256Digest.hex(parts.map { $0 + "\n" }.joined())
    }
}
