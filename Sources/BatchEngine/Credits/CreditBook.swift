public import Domain
public import Postgres

/// A customer's credit in the database: books it, and reads it back.
public struct CreditBook {
    /// What a customer has.
    public struct Balance: Sendable, Hashable {
        public let purchased: Int64
        /// Bonus credit that has not expired.
        public let bonus: Int64
        /// Bonus credit that has expired, and that no row has taken out yet.
        public let expired: Int64
        /// Frozen in batches that are not settled, those of the application too.
        public let held: Int64
        public let bonusExpiresAt: Instant?

        /// Credits that can be frozen, for models that take bonus.
        public var available: Int64 { purchased + bonus }
    }

    /// One row of the ledger with the balance after it.
    public struct Entry: Sendable, Hashable {
        public let id: Int64
        public let postedAt: Instant
        public let type: String
        public let model: String?
        public let credits: Int64
        public let balance: Int64
        public let referenceType: String?
        public let referenceID: String?
    }

    private let session: Session

    public init(_ session: Session) {
        self.session = session
    }

    /// Books credit in the transaction at hand. False if the same was booked before under its reference; then nothing
    /// changed.
    ///
    /// Throws `badData` where something else was booked under the reference, where the wallet cannot hold so much, and
    /// where the application does not know the user; ``EngineFault`` as `insufficientCredits` where an adjustment takes
    /// more than there is.
    public func book(_ booking: CreditBooking, for userID: String) throws -> Bool {
        do {
            try CustomerUser.require(userID, session)
            // Whoever books holds the wallet: a twin is either committed by now, or comes after us.
            _ = try session.query("SELECT daybook.hold_wallet($1)", [.uuid(userID)])
            if let earlier = try EarlierBooking(booking.reference, of: userID, session) {
                try earlier.requireSame(as: booking)
                return false
            }
            try requireRoom(for: booking, of: userID)
            try write(booking, for: userID)
            return true
        } catch let error as PostgresError {
            throw EngineFault(error) ?? error
        }
    }

    /// What is held can come back: the wallet has to have room for that too.
    private func requireRoom(for booking: CreditBooking, of userID: String) throws {
        let added = booking.kind.credits
        guard added > 0 else { return }
        let row = try session.query(
            """
            SELECT coalesce(sum(w.permanent_credits::bigint + w.bonus_credits), 0)::bigint AS credits,
                (\(Self.heldSQL)) AS held
            FROM public.credit_wallet AS w WHERE w.user_id = $1
            """, [.uuid(userID)])[0]
        let (credits, held) = (try row.int("credits"), try row.int("held"))
        let room = max(Limits.walletCredits - credits - held, 0)
        guard added > room else { return }
        throw DaybookError.badData(
            "A wallet holds at most \(Limits.walletCredits) credits, and this one has \(credits), with \(held) more "
                + "held in open batches: book at most \(room); nothing was booked.")
    }

    /// What is frozen for batches of the customer `$1` that are not settled: of the engine's by its own books, of the
    /// application's as the batch says it.
    static let heldSQL = """
        SELECT coalesce(sum(CASE
            WHEN b.batch_id IS NULL THEN j.frozen_credits
            WHEN b.settled_at IS NULL THEN b.frozen - b.refunded
            ELSE 0
        END), 0)::bigint
        FROM public.batch_jobs AS j
        LEFT JOIN daybook.batch AS b ON b.user_id = j.user_id AND b.batch_id = j.id
        WHERE j.user_id = $1 AND j.settlement_status = 'pending'
        """

    private func write(_ booking: CreditBooking, for userID: String) throws {
        switch booking.kind {
        case .purchase(let credits, let price):
            try open(booking, userID, "purchased", credits, price, nil, source: "purchase")
        case .grant(let credits, let expiresAt):
            try open(booking, userID, "bonus", credits, .zero, expiresAt, source: "grant")
        case .adjustment(let credits) where credits > 0:
            try open(booking, userID, "purchased", credits, .zero, nil, source: "adjustment")
        case .adjustment(let credits):
            _ = try session.query(
                "SELECT daybook.take_out($1, $2, $3, $4, $5)::text",
                [.uuid(userID), .int(-credits), .text(booking.reference), .text(booking.author), Value(booking.reason)])
        }
    }

    private func open(
        _ booking: CreditBooking, _ userID: String, _ kind: String, _ credits: Int64, _ price: Dollars,
        _ expiresAt: Instant?, source: String
    ) throws {
        _ = try session.query(
            "SELECT daybook.open_lot($1, $2, $3, $4::numeric / 1000000, $5, $6, $6, $7, $8, $9)",
            [
                .uuid(userID), .text(kind), .int(credits), .int(price.micros), Value(expiresAt), .text(source),
                .text(booking.reference), .text(booking.author), Value(booking.reason),
            ])
    }

    /// What the customer has now.
    public func balance(of userID: String) throws -> Balance {
        let rows = try session.query(
            """
            WITH lot AS (
                SELECT l.remaining, l.kind, l.expires_at,
                    coalesce(l.expires_at <= transaction_timestamp(), false) AS is_expired
                FROM daybook.lot AS l
                WHERE l.user_id = $1 AND l.remaining > 0
            )
            SELECT coalesce(sum(remaining) FILTER (WHERE kind = 'purchased'), 0)::bigint AS purchased,
                coalesce(sum(remaining) FILTER (WHERE kind = 'bonus' AND NOT is_expired), 0)::bigint AS bonus,
                coalesce(sum(remaining) FILTER (WHERE kind = 'bonus' AND is_expired), 0)::bigint AS expired,
                min(expires_at) FILTER (WHERE kind = 'bonus' AND NOT is_expired) AS expires_at,
                (\(Self.heldSQL)) AS held
            FROM lot
            """,
            [.uuid(userID)])
        return Balance(
            purchased: try rows[0].int("purchased"), bonus: try rows[0].int("bonus"),
            expired: try rows[0].int("expired"), held: try rows[0].int("held"),
            bonusExpiresAt: try rows[0].optionalInstant("expires_at"))
    }

    /// What the ledger adds up to just after an instant: entries posted at the instant itself count.
    public func balance(of userID: String, at instant: Instant) throws -> Int64 {
        let rows = try session.query(
            """
            SELECT coalesce(sum(credits_delta), 0)::bigint AS balance FROM public.credit_ledger
            WHERE user_id = $1 AND created_at <= $2
            """,
            [.uuid(userID), .instant(instant)])
        return try rows[0].int("balance")
    }

    /// The newest entries, oldest first, at most `limit`.
    public func history(of userID: String, limit: Int64) throws -> [Entry] {
        let rows = try session.query(
            """
            SELECT * FROM (
                SELECT id, created_at, type, model, credits_delta::bigint AS credits,
                    (sum(credits_delta) OVER (ORDER BY created_at, id))::bigint AS balance, ref_type, ref_id
                FROM public.credit_ledger WHERE user_id = $1
            ) AS e
            ORDER BY created_at DESC, id DESC LIMIT $2
            """,
            [.uuid(userID), .int(limit)])
        return try rows.reversed().map { row in
            Entry(
                id: try row.int("id"), postedAt: try row.instant("created_at"), type: try row.text("type"),
                model: try row.optionalText("model"), credits: try row.int("credits"),
                balance: try row.int("balance"), referenceType: try row.optionalText("ref_type"),
                referenceID: try row.optionalText("ref_id"))
        }
    }
}

/// Credit to be booked by a person: bought, granted, or corrected.
public struct CreditBooking: Sendable, Hashable {
    /// What is booked.
    public enum Kind: Sendable, Hashable {
        /// Credits that were paid for; they never expire.
        case purchase(credits: Int64, price: Dollars)
        /// Credits given away; never for Veo-Pro.
        case grant(credits: Int64, expiresAt: Instant?)
        /// A correction: up as a purchased lot that cost nothing, down in the order of drawing.
        case adjustment(credits: Int64)

        /// The credits that come in; negative for what goes out.
        var credits: Int64 {
            switch self {
            case .purchase(let credits, _), .grant(let credits, _), .adjustment(let credits): credits
            }
        }

        /// True for a correction, which alone may take credit out.
        var isAdjustment: Bool { if case .adjustment = self { true } else { false } }
    }

    public let kind: Kind
    /// An invoice, a payment, a ticket: the same one is never booked twice for a customer.
    public let reference: String
    /// Who books it.
    public let author: String
    /// Why; an adjustment needs one.
    public let reason: String?

    /// Blanks around a reference come from copying it: with and without them it is the same one.
    private static func trimmed(_ text: String) -> String {
        let end = text.lastIndex { !$0.isWhitespace }.map { text.index(after: $0) } ?? text.startIndex
        return String(text[..<end].drop(while: \.isWhitespace))
    }

    /// Throws `usage` where the numbers make no sense, and ``EngineFault`` as `incompleteBooking` where a word is
    /// missing.
    public init(kind: Kind, reference: String, author: String, reason: String?) throws {
        switch kind {
        case .purchase(_, let price):
            guard (0...Limits.toldPriceMicros).contains(price.micros) else {
                throw DaybookError.usage("A purchase costs from 0 to \(Dollars(micros: Limits.toldPriceMicros)) USD.")
            }
        case .grant: break
        case .adjustment:
            guard reason?.isEmpty == false else { throw EngineFault.incompleteBooking(.reason) }
        }
        guard (1...UInt64(Limits.walletCredits)).contains(kind.credits.magnitude),
            kind.credits > 0 || kind.isAdjustment
        else {
            throw DaybookError.usage(
                kind.isAdjustment
                    ? "A correction is by 1 to \(Limits.walletCredits) credits, up or down."
                    : "Credits must lie between 1 and \(Limits.walletCredits).")
        }
        let reference = Self.trimmed(reference)
        guard !reference.isEmpty, reference.count <= Limits.remarkLength else {
            throw EngineFault.incompleteBooking(.reference)
        }
        guard !author.isEmpty, author.count <= Limits.nameLength else {
            throw EngineFault.incompleteBooking(.author)
        }
        self.kind = kind
        self.reference = reference
        self.author = author
        self.reason = reason
    }
}

/// What was booked before under a reference: the same again changes nothing, and something else is a mistake that
/// nobody would notice.
struct EarlierBooking {
    private let kind: String
    private let credits: Int64
    private let price: Dollars
    private let expiresAt: Instant?
    private let bookedAt: Instant

    /// Reads it, whatever its kind; nil where the reference is new for the customer.
    init?(_ reference: String, of userID: String, _ session: Session) throws {
        let rows = try session.query(
            """
            SELECT e.kind, sum(e.credits)::bigint AS credits, (sum(e.cost_usd) * 1000000)::bigint AS price_micros,
                max(l.expires_at) AS expires_at, min(e.effective_at) AS booked_at
            FROM daybook.entry AS e LEFT JOIN daybook.lot AS l ON l.user_id = e.user_id AND l.lot_id = e.lot_id
            WHERE e.user_id = $1 AND e.reference = $2 AND e.kind IN ('purchase', 'grant', 'adjustment')
            GROUP BY e.kind ORDER BY min(e.entry_id) LIMIT 1
            """, [.uuid(userID), .text(reference)])
        guard let row = rows.first else { return nil }
        kind = try row.text("kind")
        credits = try row.int("credits")
        price = Dollars(micros: try row.int("price_micros"))
        expiresAt = try row.optionalInstant("expires_at")
        bookedAt = try row.instant("booked_at")
    }

    /// Throws `badData` with what was booked, where kind, credits, price or expiry differ.
    func requireSame(as booking: CreditBooking) throws(DaybookError) {
        let isSame =
            switch booking.kind {
            case .purchase(let credits, let price):
                kind == "purchase" && self.credits == credits && self.price == price
            case .grant(let credits, let expiresAt):
                kind == "grant" && self.credits == credits && self.expiresAt == expiresAt
            case .adjustment(let credits): kind == "adjustment" && self.credits == credits
            }
        guard !isSame else { return }
        throw .badData(
            "\"\(booking.reference)\" was booked at \(bookedAt) as \(description), which this booking is not; "
                + "nothing was booked. Give another booking a reference of its own.")
    }

    private var description: String {
        switch kind {
        case "purchase": "a purchase of \(credits) credits for \(price) USD"
        case "grant":
            "a bonus of \(credits) credits" + (expiresAt.map { " that expires at \($0)" } ?? " that never expires")
        default: "an adjustment by \(credits) credits"
        }
    }
}
