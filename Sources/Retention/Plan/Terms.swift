internal import Codecs
public import Domain
import Postgres
internal import Schema

/// How long the rows of one owner and class are kept, and the instant that follows from it.
public struct Term: Sendable, Hashable {
    /// The owner; the nil uuid for everybody without an account.
    public let userID: String
    /// The account's slug, empty for everybody without one.
    public let slug: String
    public let timeZone: String
    public let dataClass: DataClass
    public let retentionDays: Int64
    /// Rows before it are due: the first instant, in the zone, of the as-of date minus the days.
    public let cutoff: Instant
}

/// The terms of all accounts and classes as of one date.
struct Terms: Sendable {
    let asOf: CalendarDate
    /// The slug that the plan is limited to, nil for everybody.
    let account: String?
    let all: [Term]
    /// SHA-256 of the policies themselves, which do not depend on the date.
    let policyDigest: String
    /// What is erased at once, whatever the policies say; nil where they rule.
    let erasure: Erasure?
    /// What earlier erasures are owed: it is due whatever the policies say.
    let owed: [Erasure]

    init(
        asOf: CalendarDate, account: String?, all: [Term], policyDigest: String, erasure: Erasure? = nil,
        owed: [Erasure] = []
    ) {
        self.asOf = asOf
        self.account = account
        self.all = all
        self.policyDigest = policyDigest
        self.erasure = erasure
        self.owed = owed
    }

    /// Reads them in the session's transaction. Throws `usage` if there is no such account.
    init(_ session: Session, asOf: CalendarDate, account: String?) throws {
        self.asOf = asOf
        self.account = account
        let rows = try session.query(Self.sql, [.date(asOf), Value(account), .uuid(RetentionSession.nobody)])
        let terms = try rows.compactMap { row -> Term? in
            guard let dataClass = DataClass(rawValue: try row.text("data_class")) else { return nil }
            return Term(
                userID: try row.uuid("user_id"), slug: try row.text("slug"), timeZone: try row.text("time_zone"),
                dataClass: dataClass, retentionDays: try row.int("days"), cutoff: try row.instant("cutoff"))
        }
        all = terms.inNaturalOrder(of: \.slug)
        if let account, all.isEmpty { _ = try AccountNames(session).require(account) }
        policyDigest = try Self.policyDigest(session)
        erasure = nil
        owed = try Erasure.owed(at: nil, session)
    }

    func of(_ dataClass: DataClass) -> [Term] { all.filter { $0.dataClass == dataClass } }

    /// The term of rows that no account's policy speaks for; nil where the plan is one account's.
    func fallback(_ dataClass: DataClass) -> Term? { of(dataClass).first { $0.userID == RetentionSession.nobody } }

    /// SHA-256 of every account's zone, days and overrides.
    static func policyDigest(_ session: Session) throws -> String {
        let rows = try session.query(
            """
            SELECT coalesce(string_agg(line, E'\\n' ORDER BY line COLLATE "C"), '') AS text FROM (
                SELECT 'account ' || a.user_id || ' ' || string_agg(
                    CASE WHEN t.from_month > '0001-01-01' THEN t.from_month || ' ' ELSE '' END || t.time_zone, ' '
                    ORDER BY t.from_month) || ' ' || a.retention_days AS line
                FROM daybook.account AS a JOIN daybook.account_terms AS t ON t.user_id = a.user_id
                GROUP BY a.user_id, a.retention_days
                UNION ALL
                SELECT 'policy ' || user_id || ' ' || data_class || ' ' || retention_days FROM daybook.retention_policy
            ) AS policies
            """)
        return SHA256Digest.hex(try rows[0].text("text"))
    }

    /// SHA-256 of every hold that is in force, accounts' own included.
    ///
    /// Throws `configuration` where they cannot be read: then nothing may be planned or purged.
    static func holdDigest(_ session: Session) throws -> String {
        do {
            return SHA256Digest.hex(try holds(session))
        } catch let error as PostgresError where error.code == .server {
            throw DaybookError(
                .configuration, "The legal holds cannot be read, so nothing can be purged; run: ", .take(.check),
                debugText: String(reflecting: error))
        }
    }

    /// The names of the holds that are in force: a number in the registry, or an account of which accounts.csv says so.
    static func holdsInForce(_ session: Session) throws -> [String] {
        try session.query("SELECT name FROM (\(inForce)) AS holds ORDER BY name COLLATE \"C\"").map {
            try $0.text("name")
        }
    }

    static let inForce = """
        SELECT 'hold ' || hold_id AS name FROM daybook.legal_hold WHERE released_at IS NULL
        UNION ALL SELECT 'account ' || user_id FROM daybook.account WHERE legal_hold <> ''
        """

    private static func holds(_ session: Session) throws -> String {
        let rows = try session.query(
            """
            SELECT coalesce(string_agg(line, E'\\n' ORDER BY line COLLATE "C"), '') AS text FROM (
                SELECT 'owner ' || user_id AS line FROM daybook.held_owner
                UNION ALL SELECT 'batch ' || batch_id FROM daybook.held_batch
                UNION ALL SELECT 'video ' || video_id FROM daybook.held_video
            ) AS holds
            """)
        return try rows[0].text("text")
    }

    /// The first instant of the day of `term` in its zone, as `daybook.first_instant` has it; whoever may read the
    /// tables can plan, without a right to call a function.
    ///
    /// Midnight may be skipped or come twice: of the two candidates, midnight by the offset of the day before and by
    /// that of the day after, the earliest one that is not still the day before is it.
    private static let firstInstant = """
        (
                SELECT min(c.instant)
                FROM (SELECT ($1::date - days::integer)::timestamp AS midnight) AS d
                CROSS JOIN unnest(ARRAY[-1, 1]) AS side
                CROSS JOIN LATERAL (SELECT (d.midnight AT TIME ZONE 'UTC') + side * interval '1 day' AS nearby) AS n
                CROSS JOIN LATERAL (
                    SELECT (d.midnight - ((n.nearby AT TIME ZONE time_zone) - (n.nearby AT TIME ZONE 'UTC')))
                        AT TIME ZONE 'UTC' AS instant
                ) AS c
                WHERE (c.instant AT TIME ZONE time_zone) >= d.midnight
            )
        """

    /// The classes of customers' data as texts of SQL.
    static let customersClasses = DataClass.ofCustomers.map { "'\($0.rawValue)'" }.joined(separator: ", ")
    /// Each class with the days that count where no account's policy speaks, as rows of SQL.
    private static let defaults = DataClass.allCases.map { "('\($0.rawValue)', \($0.defaultDays))" }
        .joined(separator: ", ")

    private static let sql = """
        WITH term AS (
            SELECT a.user_id, a.slug, z.time_zone, c.data_class,
                greatest(a.retention_days, coalesce(p.retention_days, 0)) AS days
            FROM daybook.account AS a
            CROSS JOIN LATERAL (
                -- The zone of the as-of date's own month.
                SELECT t.time_zone FROM daybook.account_terms AS t
                WHERE t.user_id = a.user_id AND t.from_month <= $1::date ORDER BY t.from_month DESC LIMIT 1
            ) AS z
            CROSS JOIN unnest(ARRAY[\(customersClasses)]) AS c (data_class)
            LEFT JOIN daybook.retention_policy AS p ON p.user_id = a.user_id AND p.data_class = c.data_class
            WHERE $2::text IS NULL OR a.slug = $2
            UNION ALL
            SELECT $3::uuid, '', 'UTC', d.data_class, greatest(d.days, coalesce(p.retention_days, 0))
            FROM (VALUES \(defaults)) AS d (data_class, days)
            LEFT JOIN daybook.retention_policy AS p ON p.user_id = $3::uuid AND p.data_class = d.data_class
            WHERE $2::text IS NULL
        )
        SELECT user_id, slug, time_zone, data_class, days::bigint AS days,
            \(firstInstant) AS cutoff
        FROM term ORDER BY data_class COLLATE "C", user_id
        """
}
