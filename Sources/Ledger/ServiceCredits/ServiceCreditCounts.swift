public import Domain
public import Postgres

/// How it stands with the service credits of a month.
public struct ServiceCreditCounts: Sendable, Hashable {
    private let states: [ServiceCreditLife.State: Int]

    public var offered: Int { states.values.reduce(0, +) }
    /// What waits for a decision.
    public var undecided: Int { states[.requested] ?? 0 }

    /// Counts what is recorded as of an instant. A database without a place for them has none.
    public init(of month: Month, at now: Instant, _ session: Session) throws {
        guard try ServiceCreditBook.exists(session) else {
            states = [:]
            return
        }
        let records = try ServiceCreditBook(session).records(month: month)
        states = Dictionary(grouping: records) { $0.life.state(at: now) }.mapValues(\.count)
    }

    /// `3 offered: 1 asked for, 2 granted`; what is only offered is not counted again.
    public var text: String {
        let further = ServiceCreditLife.State.allCases.filter { $0 != .offered }.compactMap { state in
            states[state].map { "\($0) \(state.title)" }
        }
        return "\(offered) offered" + (further.isEmpty ? "" : ": " + further.joined(separator: ", "))
    }
}
