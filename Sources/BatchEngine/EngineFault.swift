public import Postgres

/// What the engine's functions in the database refuse, by the SQLSTATE that they raise.
public enum EngineFault: Error, Sendable, Hashable {
    /// `DB001`: somebody tried to alter what may only be added to.
    case appendOnly
    /// `DB400`: a value that makes no sense.
    case invalid(String)
    /// `DB402`: the wallet does not hold so much.
    case insufficientCredits(String)
    /// `DB404`: no such batch of this customer.
    case notFound
    /// `DB409`: it contradicts what happened before.
    case conflict(String)
    /// `DB410`: the worker was declared dead, and cannot commit.
    case fenced

    /// The fault that an error of the server stands for, nil for every other error.
    public init?(_ error: PostgresError) {
        let message = error.message ?? ""
        switch error.sqlState?.rawValue {
        case "DB001": self = .appendOnly
        case "DB400": self = .invalid(message)
        case "DB402": self = .insufficientCredits(message)
        case "DB404": self = .notFound
        case "DB409": self = .conflict(message)
        case "DB410": self = .fenced
        default: return nil
        }
    }
}
