public import Domain
public import Postgres
import Schema

/// What a report has counted of the final months of one owner, or of everybody.
struct CountedMonths: Sendable {
    /// Nil for everybody.
    let account: String?
    /// True where they were judged anew: then they are recorded beside what says something else.
    let isRecount: Bool
    let months: [TrendHistory.Counted]

    init(_ scope: SLAScope, _ months: [TrendHistory.Counted]) {
        account = scope.onlyAccount?.slug
        isRecount = scope.request.recounts
        self.months = months
    }
}

/// How final months are recorded: after a report of them, or one by itself.
extension SLAReport {
    /// One month that was recorded.
    public struct RecordedVersion: Sendable {
        /// Whose it is; nil for everybody together.
        public let account: String?
        public let month: Month
        public let version: Int64
    }

    /// Two runs must not give the same version ("record" in ASCII).
    private static let lockKey: Int64 = 0x72_6563_6f72_64

    /// Throws ``ReportRefusal`` where the database has no place for recorded months, or the role may not add any: it is
    /// asked before anything is counted.
    public static func requireRecording(_ connection: Connection) async throws {
        try await connection.run { session in
            try session.requireWritable()
            let place = try session.query(
                """
                SELECT pg_catalog.has_schema_privilege(n.oid, 'USAGE')
                    AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
                    AND pg_catalog.has_table_privilege(c.oid, 'INSERT') AS may_record, current_user::text AS role
                FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
                WHERE n.nspname = 'daybook' AND c.relname = 'recorded_month'
                """
            ).first
            guard let place else { throw ReportRefusal.noPlaceForMonths }
            guard try place.bool("may_record") else { throw ReportRefusal.mayNotRecord(role: try place.text("role")) }
        }
    }

    /// Records what reports have counted of final months and what is not recorded as it was counted: a further version,
    /// beside those that there are. All of it, or nothing.
    public static func record(_ outcomes: [Outcome], _ connection: Connection) async throws -> [RecordedVersion] {
        try await record(outcomes.compactMap(\.counted), connection)
    }

    /// Records the month of the request by itself, without a report; nothing where it is recorded as it would be
    /// counted.
    ///
    /// Throws ``ReportRefusal/preliminaryMonth(_:account:finalityAt:)``.
    public func recordMonth(
        _ connection: Connection, progress: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws -> [RecordedVersion] {
        try await Self.requireRecording(connection)
        let library = try QueryLibrary(folder: settings.definitionFolder)
        let counted = try await connection.transaction(options) { session in
            let catalog = try prepare(session)
            let scope = try groups(.requested, session, catalog)[0].whole
            let reader = try SLAReader(
                scope: scope, session: session, library: library, catalog: catalog, options: options,
                progress: progress)
            return CountedMonths(scope, try reader.unrecordedMonth())
        }
        return try await Self.record([counted], connection)
    }

    private static func record(
        _ counted: [CountedMonths], _ connection: Connection
    ) async throws -> [RecordedVersion] {
        guard counted.contains(where: { !$0.months.isEmpty }) else { return [] }
        return try await connection.transaction(TransactionOptions(lockTimeoutMilliseconds: 5000)) { session in
            try session.executeScript(ReportSession.settings)
            _ = try session.query("SELECT pg_advisory_xact_lock($1)", [.int(lockKey)])
            let catalog = try Catalog(session)
            return try counted.flatMap { counted in
                try counted.months.compactMap { month in
                    try add(month, replaces: counted.isRecount, session, catalog).map {
                        RecordedVersion(account: counted.account, month: month.basis.month, version: $0)
                    }
                }
            }
        }
    }

    /// The version that a month was recorded as; nil where it stands there as it was counted. What another run has
    /// recorded meanwhile stays what the trend takes, unless the month was judged anew.
    private static func add(
        _ month: TrendHistory.Counted, replaces: Bool, _ session: Session, _ catalog: Catalog
    ) throws -> Int64? {
        let basis = month.basis
        let recorded = try RecordedMonths(session, catalog: catalog, userIDs: [basis.userID], months: [basis.month])
        let document = try month.figures.document()
        if let known = recorded.inForce(basis) {
            guard replaces, try known.figures?.document() != document else { return nil }
        }
        let version = (recorded.newest(basis)?.version ?? 0) + 1
        let author = try session.query("SELECT session_user::text AS role, transaction_timestamp() AS now")[0]
        let (role, now) = (try author.text("role"), try author.instant("now"))
        try session.execute(
            """
            INSERT INTO daybook.recorded_month (
                user_id, month, version, period_start, period_end, cutoff, sql_sha256, terms_sha256, figures, sha256,
                recorded_by, recorded_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
            """,
            [
                .uuid(basis.userID), .date(basis.month.firstDay), .int(version), .instant(basis.period.start),
                .instant(basis.period.end), .instant(basis.cutoff), .text(basis.sqlSHA256), .text(basis.termsSHA256),
                .text(document),
                .text(
                    RecordedMonth.digest(
                        basis, version: version, document: document, recordedBy: role, recordedAt: now)),
                .text(role), .instant(now),
            ])
        return version
    }
}
