public import Domain
public import Postgres
import Schema

/// The service credits of customers in the database: records what was offered, asked for and decided, and reads it
/// back.
public struct ServiceCreditBook {
    /// One credit, with everything that is recorded of it.
    public struct Record: Sendable, Hashable {
        public let userID: String
        public let slug: String
        public let offer: ServiceCreditOffer
        /// The digest of the figures of the report that it was offered by.
        public let reportSHA256: String
        public let offeredAt: Instant
        public let offeredBy: String
        public let life: ServiceCreditLife
        /// When it was granted or declined.
        public let decidedAt: Instant?
        /// Who granted or declined it, or else recorded that it was asked for; empty where nobody did.
        public let author: String

        public var month: Month { offer.month }
    }

    /// What became of a credit that was to be offered.
    public struct Offering: Sendable, Hashable {
        public enum Standing: Sendable, Hashable {
            case new
            case before
            /// Another amount, tier or time was offered before, and stays.
            case otherBefore(ServiceCreditOffer)
        }

        public let slug: String
        public let offer: ServiceCreditOffer
        public let standing: Standing

        /// True where somebody has to look: it is not what was offered before.
        public var differs: Bool { if case .otherBefore = standing { true } else { false } }
    }

    /// A credit that is to be offered.
    public struct Candidate: Sendable {
        let account: Account
        let offer: ServiceCreditOffer
        let reportSHA256: String

        public init(account: Account, offer: ServiceCreditOffer, reportSHA256: String) {
            self.account = account
            self.offer = offer
            self.reportSHA256 = reportSHA256
        }
    }

    let session: Session

    public init(_ session: Session) {
        self.session = session
    }

    /// Whoever changes something waits for nobody longer than this.
    public static let options = TransactionOptions(lockTimeoutMilliseconds: 5000)

    /// True where the database has a place for service credits.
    public static func exists(_ session: Session) throws -> Bool {
        try session.query("SELECT to_regclass('daybook.service_credit_event') IS NOT NULL AS exists")[0].bool("exists")
    }

    /// Throws where the database has no place for service credits.
    public func requirePlace() throws {
        guard try Self.exists(session) else { throw LedgerRefusal.missingTable("daybook.service_credit_event") }
    }

    /// Throws where the database has no place for service credits, only reads, or the role may not record any.
    public func requireRecording() throws {
        try session.requireWritable()
        try requirePlace()
        let row = try session.query(
            """
            SELECT pg_catalog.has_schema_privilege('daybook', 'USAGE')
                AND pg_catalog.has_table_privilege('daybook.service_credit_event', 'INSERT') AS may_record,
                current_user::text AS role
            """)[0]
        guard try row.bool("may_record") else {
            throw LedgerRefusal.mayNotRecordServiceCredits(role: try row.text("role"))
        }
    }

    /// Records offers, each once: what was offered before stays what it was.
    public func offer(_ candidates: [Candidate], author: String) throws -> [Offering] {
        try candidates.map { candidate in
            let offer = candidate.offer
            let added = try session.execute(
                """
                INSERT INTO daybook.service_credit (
                    user_id, month, period_start, period_end, monthly_fee_usd, attained, tier_percent, is_least,
                    credit_usd, request_until, report_sha256, author)
                VALUES ($1, $2, $3, $4, $5::numeric / 1000000, $6::numeric / 10000, $7::numeric / 10000, $8,
                    $9::numeric / 1000000, $10, $11, $12)
                ON CONFLICT ON CONSTRAINT service_credit_pkey DO NOTHING
                """,
                [
                    .uuid(candidate.account.userID), .date(offer.month.firstDay), .instant(offer.period.start),
                    .instant(offer.period.end), .int(offer.monthlyFee.micros), .int(offer.attained.tenThousandths),
                    .int(offer.tier.tenThousandths), .bool(offer.isLeast), .int(offer.amount.micros),
                    .instant(offer.requestUntil), .text(candidate.reportSHA256), .text(author),
                ])
            guard added == 0 else {
                return Offering(slug: candidate.account.slug, offer: offer, standing: .new)
            }
            return try standing(of: candidate)
        }
    }

    /// What became of the offers if they were recorded now, without recording any.
    public func rehearse(_ candidates: [Candidate]) throws -> [Offering] { try candidates.map(standing) }

    private func standing(of candidate: Candidate) throws -> Offering {
        let before = try records(month: candidate.offer.month, userID: candidate.account.userID).first?.offer
        return Offering(
            slug: candidate.account.slug, offer: candidate.offer,
            standing: before.map { $0 == candidate.offer ? .before : .otherBefore($0) } ?? .new)
    }

    /// What is recorded, month after month, and by slug within one.
    public func records(month: Month? = nil, userID: String? = nil) throws -> [Record] {
        let found = try session.query(
            """
            SELECT c.user_id::text AS user_id, a.slug, c.month, c.period_start, c.period_end,
                (c.monthly_fee_usd * 1000000)::bigint AS fee, (c.attained * 10000)::bigint AS attained,
                (c.tier_percent * 10000)::bigint AS tier, c.is_least, (c.credit_usd * 1000000)::bigint AS amount,
                c.request_until, c.report_sha256, c.offered_at, c.author AS offered_by, q.reference, q.asked_at,
                q.reason AS late_because, d.event, d.form, (d.amount_usd * 1000000)::bigint AS granted, d.credits,
                d.reason, d.recorded_at AS decided_at, coalesce(d.author, q.author, '') AS author
            FROM daybook.service_credit AS c
            JOIN daybook.account AS a ON a.user_id = c.user_id
            LEFT JOIN daybook.service_credit_event AS q
                ON (q.user_id, q.month) = (c.user_id, c.month) AND q.event = 'requested'
            LEFT JOIN daybook.service_credit_event AS d
                ON (d.user_id, d.month) = (c.user_id, c.month) AND d.event <> 'requested'
            WHERE ($1::date IS NULL OR c.month = $1) AND ($2::uuid IS NULL OR c.user_id = $2)
            ORDER BY c.month, c.user_id
            """, [month.map { .date($0.firstDay) } ?? .null, userID.map { .uuid($0) } ?? .null]
        ).map(Self.record)
        return Set(found.map(\.month)).sorted().flatMap { month in
            found.filter { $0.month == month }.inNaturalOrder(of: \.slug)
        }
    }

    private static func record(_ row: Row) throws -> Record {
        let month = try MonthCloses.month(row.date("month"))
        let offer = ServiceCreditOffer(
            month: month,
            period: Period(start: try row.instant("period_start"), end: try row.instant("period_end")),
            monthlyFee: Dollars(micros: try row.int("fee")), attained: Percent(tenThousandths: try row.int("attained")),
            tier: Percent(tenThousandths: try row.int("tier")), isLeast: try row.bool("is_least"),
            amount: Dollars(micros: try row.int("amount")), requestUntil: try row.instant("request_until"))
        let request = try row.optionalInstant("asked_at").map { askedAt in
            ServiceCreditLife.Request(
                reference: try row.text("reference"), askedAt: askedAt,
                lateBecause: try row.optionalText("late_because"))
        }
        return Record(
            userID: try row.text("user_id"), slug: try row.text("slug"), offer: offer,
            reportSHA256: try row.text("report_sha256"), offeredAt: try row.instant("offered_at"),
            offeredBy: try row.text("offered_by"),
            life: ServiceCreditLife(
                offered: offer.amount, requestUntil: offer.requestUntil, request: request,
                decision: try decision(row)),
            decidedAt: try row.optionalInstant("decided_at"), author: try row.text("author"))
    }

    private static func decision(_ row: Row) throws -> ServiceCreditLife.Decision? {
        switch try row.optionalText("event") {
        case "granted":
            guard let form = ServiceCreditLife.Form(rawValue: try row.text("form")) else {
                throw DaybookError.badData("daybook.service_credit_event has a form that no service credit has.")
            }
            return .granted(
                ServiceCreditLife.Grant(
                    form: form, amount: Dollars(micros: try row.int("granted")),
                    credits: try row.optionalInt("credits")))
        case "declined": return .declined(reason: try row.text("reason"))
        default: return nil
        }
    }
}
