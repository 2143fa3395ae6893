/// Whether somebody who shows a key may go on.
public enum Admission: Sendable, Hashable {
    case admitted(Caller, Allowance)
    /// The key is known, but it has asked too often.
    case tooMany(Caller, Allowance)
    /// No such key, or no longer.
    case unknownKey
    /// The customer is not active.
    case inactiveCustomer
}
