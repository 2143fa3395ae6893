/// Why a text is not a JSON document that is taken.
public struct JSONDefect: Error, Sendable, Hashable, CustomStringConvertible {
    /// Where: the number of bytes before it.
    public let offset: Int
    /// What is wrong, as a clause.
    public let reason: String

    public init(offset: Int, reason: String) {
        self.offset = offset
        self.reason = reason
    }

    public var description: String { "\(reason), at byte \(offset)" }
}
