import Domain
import Postgres
import Schema

/// What became of the batches that were looked at, or would have become of them.
public struct AdoptionReport: Sendable {
    /// True where everything was taken back.
    public let isTrial: Bool
    public private(set) var batches: [AdoptedBatch] = []
    /// What the ledgers of customers did not explain, each booked.
    public private(set) var unattributed: [Unattributed] = []

    init(isTrial: Bool) {
        self.isTrial = isTrial
    }

    mutating func add(_ batch: AdoptedBatch, _ unattributed: Unattributed?) {
        batches.append(batch)
        if let unattributed { self.unattributed.append(unattributed) }
    }

    /// The batches that are the engine's now.
    public var taken: [AdoptedBatch] { batches.filter(\.isTaken) }
    /// The batches that stay the application's, each with its reason.
    public var left: [AdoptedBatch] { batches.filter { $0.outcome == .left } }
}

/// What became of one batch.
public struct AdoptedBatch: Sendable, Hashable {
    public enum Outcome: String, Sendable, Hashable, CaseIterable {
        /// It is the engine's and has open tasks.
        case adopted
        /// It is the engine's, had no open task, and is settled.
        case settled
        /// It was the engine's before.
        case engine
        /// It stays the application's.
        case left
    }

    public let batchID: String
    public let userID: String
    /// The customer's slug; nil for one without an account.
    public let account: String?
    public let outcome: Outcome
    /// The status that it had; nil where nobody looked.
    public let was: String?
    /// Why it stays the application's, in a word: `moving`, `incomplete`, `insufficient_credits` and so on.
    public let reason: String?
    /// The same in a sentence.
    public let detail: String?
    /// Tasks that the engine hands over.
    public let ready: Int64
    /// Tasks that the provider has, and that it is asked for.
    public let accepted: Int64
    /// Tasks of which nobody knows whether the provider has them.
    public let unknown: Int64
    public let succeeded: Int64
    public let failed: Int64
    /// Credits that are frozen for it.
    public let frozen: Int64
    /// Of these, what was frozen by the adoption.
    public let frozenNow: Int64
    /// Credits that went back by the adoption.
    public let refunded: Int64

    public var isTaken: Bool { outcome == .adopted || outcome == .settled }

    /// A batch that could not be looked at.
    init(batchID: String, userID: String, account: String?, reason: String, detail: String) {
        self.batchID = batchID
        self.userID = userID
        self.account = account
        (outcome, was, self.reason, self.detail) = (.left, nil, reason, detail)
        (ready, accepted, unknown, succeeded, failed) = (0, 0, 0, 0, 0)
        (frozen, frozenNow, refunded) = (0, 0, 0)
    }

    init(_ row: Row, _ batchID: String, _ userID: String, _ account: String?) throws {
        guard let outcome = Outcome(rawValue: try row.text("outcome")) else {
            preconditionFailure("the function knows four words")
        }
        let isLeft = outcome == .left || outcome == .engine
        func number(_ column: String) throws -> Int64 { isLeft ? 0 : try row.optionalInt(column) ?? 0 }
        self.batchID = batchID
        self.userID = userID
        self.account = account
        self.outcome = outcome
        was = try row.optionalText("was")
        reason = try row.optionalText("reason")
        detail = try row.optionalText("detail")
        ready = try number("ready")
        accepted = try number("accepted")
        unknown = try number("unknown")
        succeeded = try number("succeeded")
        failed = try number("failed")
        frozen = try number("frozen")
        frozenNow = try number("frozen_now")
        refunded = try number("refunded")
    }
}

/// What a customer's wallet holds and the ledger does not explain; negative where the ledger says more.
public struct Unattributed: Sendable, Hashable {
    public let userID: String
    /// The customer's slug; nil for one without an account.
    public let account: String?
    /// Credits that never expire.
    public let permanent: Int64
    public let bonus: Int64

    /// Compares under the wallet's lock, and books the difference, each kind of credit by itself; nil where there is
    /// none. Which credit a row of the ledger moved is the rule that statements go by.
    static func book(of userID: String, _ account: String?, _ session: Session) throws -> Unattributed? {
        _ = try session.query("SELECT daybook.hold_wallet($1)::text", [.uuid(userID)])
        let row = try session.query(
            """
            SELECT w.permanent_credits - coalesce(l.permanent, 0) AS permanent,
                w.bonus_credits - coalesce(l.bonus, 0) AS bonus
            FROM public.credit_wallet AS w
            CROSS JOIN LATERAL (
                SELECT sum(r.credits_delta) FILTER (WHERE r.bucket <> 'bonus') AS permanent,
                    sum(r.credits_delta) FILTER (WHERE r.bucket = 'bonus') AS bonus
                FROM (\(SharedSource.ledgerRow.select(try Catalog(session)))) AS r WHERE r.user_id = w.user_id
            ) AS l
            WHERE w.user_id = $1
            """, [.uuid(userID)])[0]
        let found = Unattributed(
            userID: userID, account: account, permanent: try row.int("permanent"), bonus: try row.int("bonus"))
        guard found.permanent != 0 || found.bonus != 0 else { return nil }
        _ = try session.query(
            "SELECT daybook.book_unattributed($1, $2, $3)::text",
            [.uuid(userID), .int(found.permanent), .int(found.bonus)])
        return found
    }
}
