public import Domain
import Postgres
import Schema

/// What becomes of offers, step after step.
extension ServiceCreditBook {
    /// What a step came to.
    public struct Outcome: Sendable {
        /// The credit with the step.
        public let record: Record
        /// False where it was taken before, and nothing changed.
        public let isNew: Bool
    }

    /// The reference under which granted credits are booked: one for each account and month, so that nothing is booked
    /// twice.
    public static func bookingReference(_ month: Month) -> String { "service-credit-\(month)" }

    /// Takes a step about the credit that an account was offered for a month, in the transaction at hand.
    ///
    /// Two steps at once come one after the other. A grant waits for whoever closes a month, and has its instant after
    /// that: a month that is closed never gets one.
    ///
    /// Throws `usage` for an account that nobody is, and ``LedgerRefusal`` where nothing was offered or the step
    /// contradicts what was.
    ///
    /// - Parameters:
    ///   - booking: Books the credits of a grant of that form, in the same transaction.
    ///   - action: Gives the step from what is recorded and the instant.
    public func take(
        of slug: String, in month: Month, author: String,
        booking: (Record, ServiceCreditLife.Grant) throws -> Void,
        _ action: (Record, Instant) -> ServiceCreditLife.Action
    ) throws -> Outcome {
        try requireRecording()
        let userID = try AccountNames(session).require(slug).userID
        _ = try session.query("SELECT pg_advisory_xact_lock_shared($1)", [.int(MonthClosing.lockKey)])
        try session.execute(
            "SELECT FROM daybook.service_credit WHERE user_id = $1 AND month = $2 FOR UPDATE",
            [.uuid(userID), .date(month.firstDay)])
        let before = try require(slug, userID, month)
        var life = before.life
        let now = try session.query("SELECT clock_timestamp() AS now")[0].instant("now")
        let action = action(before, now)
        let isNew: Bool
        do throws(ServiceCreditRefusal) {
            isNew = try life.take(action, at: now)
        } catch {
            throw LedgerRefusal.serviceCredit(error, month, slug: slug)
        }
        guard isNew else { return Outcome(record: before, isNew: false) }
        try add(action, before, author: author)
        if case .decide(.granted(let grant)) = action, grant.form == .credits { try booking(before, grant) }
        return Outcome(record: try require(slug, userID, month), isNew: true)
    }

    private func require(_ slug: String, _ userID: String, _ month: Month) throws -> Record {
        guard let record = try records(month: month, userID: userID).first else {
            throw LedgerRefusal.noServiceCredit(
                month, slug: slug, offered: try records(userID: userID).map(\.month))
        }
        return record
    }

    private func add(_ action: ServiceCreditLife.Action, _ record: Record, author: String) throws {
        var reference: String?
        var reason: String?
        var (event, askedAt, grant): (String, Instant?, ServiceCreditLife.Grant?)
        switch action {
        case .request(let request):
            (event, askedAt, grant) = ("requested", request.askedAt, nil)
            (reference, reason) = (request.reference, request.lateBecause)
        case .decide(.granted(let granted)):
            (event, askedAt, grant) = ("granted", nil, granted)
            reference = granted.form == .credits ? Self.bookingReference(record.month) : nil
        case .decide(.declined(let because)):
            (event, askedAt, grant) = ("declined", nil, nil)
            reason = because
        }
        let granted: [Value] = [
            Value(grant?.form.rawValue), grant.map { .int($0.amount.micros) } ?? .null,
            grant?.credits.map { .int($0) } ?? .null,
        ]
        let values: [Value] = [
            .uuid(record.userID), .date(record.month.firstDay), .int(event == "requested" ? 1 : 2), .text(event),
            Value(askedAt), Value(reference),
        ]
        try session.execute(
            """
            INSERT INTO daybook.service_credit_event (
                user_id, month, sequence, event, asked_at, reference, form, amount_usd, credits, reason, author)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8::bigint::numeric / 1000000, $9, $10, $11)
            """,
            values + granted + [Value(reason), .text(author)])
    }
}
