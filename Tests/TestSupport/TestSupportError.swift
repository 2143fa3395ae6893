/// Why a test's surroundings could not be made.
public struct TestSupportError: Error, CustomStringConvertible {
    /// What happened.
    public let description: String

    /// An error with its explanation.
    public init(_ description: String) {
        self.description = description
    }
}
