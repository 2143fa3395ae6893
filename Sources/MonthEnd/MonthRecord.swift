import Documents
public import Domain
import Postgres
import Schema

/// What was done of a month's end, by whom and when: read from the database and added to it.
public struct MonthRecord: Sendable {
    /// A step as it was recorded.
    public struct Step: Sendable {
        public let sequence: Int64
        /// Which run of the month it belongs to.
        public let run: Int64
        public let step: MonthStep
        /// True where the month was final for everybody then.
        public let isFinal: Bool
        public let findings: Int64
        public let remark: String
        /// Who did it, as he named himself.
        public let author: String
        /// The login of the database.
        public let recordedBy: String
        public let recordedAt: Instant

        /// Who did it, for people.
        public var who: String { author == recordedBy ? author : "\(author) (\(recordedBy))" }
    }

    /// Whose work is recorded, and of which month.
    struct Place: Sendable {
        let month: Month
        let run: Int64
        let author: String
        let isFinal: Bool
    }

    /// The digests of everybody's reports of a kind, by the owner's id.
    typealias Digests = (report: MailItem.Report, [(userID: String, sha256: String)])

    /// Two runs must not take the same number ("month" in ASCII).
    private static let lockKey: Int64 = 0x6d_6f6e_7468

    /// In the order in which they were done.
    public let steps: [Step]

    /// Reads the steps of a month; none where the database has no place for them.
    init(_ month: Month, _ session: Session) throws {
        guard try Self.exists(session) else {
            steps = []
            return
        }
        steps = try session.query(
            """
            SELECT sequence, run, step, is_final, findings, remark, author, recorded_by, recorded_at
            FROM daybook.month_step WHERE month = $1 ORDER BY sequence
            """, [.date(month.firstDay)]
        ).compactMap { row in
            guard let step = MonthStep(rawValue: try row.text("step")) else { return nil }
            return Step(
                sequence: try row.int("sequence"), run: try row.int("run"), step: step,
                isFinal: try row.bool("is_final"), findings: try row.int("findings"), remark: try row.text("remark"),
                author: try row.text("author"), recordedBy: try row.text("recorded_by"),
                recordedAt: try row.instant("recorded_at"))
        }
    }

    /// The steps of the last run, and what was approved after it.
    public var ofLastRun: [Step] { steps.filter { $0.run == steps.last?.run } }

    /// The newest record of a step; nil where it was never done.
    public func newest(_ step: MonthStep) -> Step? { steps.last { $0.step == step } }

    /// The last run, where it came to its end; nil where there was none, or it was cut off.
    public var finishedRun: Step? { ofLastRun.last { $0.step == .page } }

    static func exists(_ session: Session) throws -> Bool {
        try session.query("SELECT to_regclass('daybook.month_step') IS NOT NULL AS exists")[0].bool("exists")
    }

    /// Throws where the database has no place for the steps, only reads, or the role may not add any: it is asked
    /// before anything is written.
    static func require(_ connection: Connection) async throws {
        try await connection.run { session in
            try session.requireWritable()
            guard try exists(session) else { throw MonthRefusal.noPlace }
            let row = try session.query(
                """
                SELECT pg_catalog.has_schema_privilege('daybook', 'USAGE')
                    AND pg_catalog.has_table_privilege('daybook.month_step', 'INSERT') AS may_record,
                    current_user::text AS role
                """)[0]
            guard try row.bool("may_record") else { throw MonthRefusal.mayNotRecord(role: try row.text("role")) }
        }
    }

    /// Begins a run, and gives the place of its steps.
    static func begin(
        _ month: Month, author: String, isFinal: Bool, _ connection: Connection
    ) async throws -> Place {
        try await connection.transaction(TransactionOptions(lockTimeoutMilliseconds: 5000)) { session in
            _ = try session.query("SELECT pg_advisory_xact_lock($1)", [.int(lockKey)])
            let last = try session.query(
                "SELECT coalesce(max(run), 0) AS run FROM daybook.month_step WHERE month = $1", [.date(month.firstDay)]
            )[0].int("run")
            let place = Place(month: month, run: last + 1, author: author, isFinal: isFinal)
            try add(.begin, findings: 0, remark: "", place, session)
            return place
        }
    }

    /// Records that a step is done, with the digests of everybody's reports where it wrote any.
    static func add(
        _ step: MonthStep, findings: Int = 0, remark: String, digests: Digests? = nil, _ place: Place,
        _ connection: Connection
    ) async throws {
        try await connection.transaction(TransactionOptions(lockTimeoutMilliseconds: 5000)) { session in
            _ = try session.query("SELECT pg_advisory_xact_lock($1)", [.int(lockKey)])
            try add(step, findings: Int64(findings), remark: remark, place, session)
            guard let (report, digests) = digests else { return }
            let place = [Value.date(place.month.firstDay), .int(place.run), .text(report.rawValue)]
            try session.execute(
                """
                INSERT INTO daybook.month_report (user_id, month, run, report, sha256)
                SELECT d.user_id, $1, $2, $3, d.sha256 FROM unnest($4::uuid[], $5::text[]) AS d (user_id, sha256)
                """,
                place + [.uuids(digests.map(\.userID)), .texts(digests.map(\.sha256))])
        }
    }

    private static func add(
        _ step: MonthStep, findings: Int64, remark: String, _ place: Place, _ session: Session
    ) throws {
        try session.execute(
            """
            INSERT INTO daybook.month_step (month, sequence, run, step, is_final, findings, remark, author)
            SELECT $1, coalesce(max(sequence), 0) + 1, $2, $3, $4, $5, $6, $7 FROM daybook.month_step WHERE month = $1
            """,
            [
                .date(place.month.firstDay), .int(place.run), .text(step.rawValue), .bool(place.isFinal),
                .int(findings), .text(remark), .text(place.author),
            ])
    }

    /// The digests of everybody's reports as a run wrote them, by the owner's id.
    static func digests(
        _ report: MailItem.Report, _ month: Month, run: Int64, _ session: Session
    ) throws -> [String: String] {
        let rows = try session.query(
            """
            SELECT user_id::text AS user_id, sha256 FROM daybook.month_report
            WHERE month = $1 AND run = $2 AND report = $3 ORDER BY user_id
            """, [.date(month.firstDay), .int(run), .text(report.rawValue)])
        return try rows.reduce(into: [:]) { $0[try $1.text("user_id")] = try $1.text("sha256") }
    }
}
