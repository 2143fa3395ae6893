/// What becomes of a service credit: it is offered, asked for, and then granted or declined. Every step is taken once;
/// the same one again changes nothing.
public struct ServiceCreditLife: Hashable, Sendable {
    /// How it stands with it.
    public enum State: String, Sendable, CaseIterable {
        case offered
        case requested
        case granted
        case declined
        /// Nobody asked for it while that was possible.
        case lapsed

        /// The name for people.
        public var title: String { self == .requested ? "asked for" : rawValue }
    }

    /// In which form it is given.
    public enum Form: String, Sendable, CaseIterable {
        /// Taken off the next fee.
        case fee
        /// Booked as credits that were given away.
        case credits
    }

    /// That the customer asked for it.
    public struct Request: Hashable, Sendable {
        /// A mail, a ticket: what the customer calls it.
        public let reference: String
        public let askedAt: Instant
        /// Why a late one is taken all the same; nil for none.
        public let lateBecause: String?

        public init(reference: String, askedAt: Instant, lateBecause: String? = nil) {
            self.reference = reference
            self.askedAt = askedAt
            self.lateBecause = lateBecause
        }
    }

    public struct Grant: Hashable, Sendable {
        public let form: Form
        public let amount: Dollars
        /// How many were booked; nil for a reduction of the fee.
        public let credits: Int64?

        /// A reduction of the fee.
        public static func fee(_ amount: Dollars) -> Grant { Grant(form: .fee, amount: amount, credits: nil) }

        /// Booked credits, worth their list price by the credit: what is given away is no package.
        ///
        /// Precondition: the credits are not more than a wallet holds.
        public static func credits(_ credits: Int64) -> Grant {
            Grant(form: .credits, amount: Dollars(micros: credits * PriceList.credit.micros), credits: credits)
        }

        public init(form: Form, amount: Dollars, credits: Int64?) {
            self.form = form
            self.amount = amount
            self.credits = credits
        }
    }

    public enum Decision: Hashable, Sendable {
        case granted(Grant)
        case declined(reason: String)
    }

    /// What somebody does about it.
    public enum Action: Hashable, Sendable {
        case request(Request)
        case decide(Decision)
    }

    public let offered: Dollars
    public let requestUntil: Instant
    public private(set) var request: Request?
    public private(set) var decision: Decision?

    /// Precondition: a decision has a request before it.
    public init(offered: Dollars, requestUntil: Instant, request: Request? = nil, decision: Decision? = nil) {
        precondition(decision == nil || request != nil, "nothing is decided that nobody asked for")
        self.offered = offered
        self.requestUntil = requestUntil
        self.request = request
        self.decision = decision
    }

    public func state(at now: Instant) -> State {
        switch decision {
        case .granted: .granted
        case .declined: .declined
        case nil: request != nil ? .requested : now > requestUntil ? .lapsed : .offered
        }
    }

    /// Takes a step, and says whether it is a new one. Throws where it contradicts what was offered or done.
    public mutating func take(_ action: Action, at now: Instant) throws(ServiceCreditRefusal) -> Bool {
        switch action {
        case .request(let request): try take(request, at: now)
        case .decide(let decision): try take(decision)
        }
    }

    private mutating func take(_ new: Request, at now: Instant) throws(ServiceCreditRefusal) -> Bool {
        if let request {
            guard request.reference == new.reference else { throw .askedForBefore(request) }
            return false
        }
        guard new.askedAt <= now else { throw .notAskedYet(new.askedAt) }
        guard new.askedAt <= requestUntil || new.lateBecause != nil else {
            throw .late(askedAt: new.askedAt, until: requestUntil)
        }
        request = new
        return true
    }

    private mutating func take(_ new: Decision) throws(ServiceCreditRefusal) -> Bool {
        if let decision {
            guard decision == new else { throw .decidedBefore(decision) }
            return false
        }
        guard request != nil else { throw .notAskedFor }
        if case .granted(let grant) = new {
            guard grant.amount > .zero else { throw .nothingGranted }
            guard grant.amount <= offered else { throw .moreThanOffered(grant, offered: offered) }
        }
        decision = new
        return true
    }
}

/// Why a step of a service credit is refused. These are the facts: whoever knows the commands says what to type.
public enum ServiceCreditRefusal: Error, Hashable, Sendable {
    /// It was asked for under another reference.
    case askedForBefore(ServiceCreditLife.Request)
    /// The instant of the request is in the future.
    case notAskedYet(Instant)
    case late(askedAt: Instant, until: Instant)
    case notAskedFor
    case decidedBefore(ServiceCreditLife.Decision)
    case nothingGranted
    case moreThanOffered(ServiceCreditLife.Grant, offered: Dollars)
}
