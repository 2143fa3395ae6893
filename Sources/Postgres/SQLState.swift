/// The five characters by which PostgreSQL says what went wrong.
///
/// Codes and names: PostgreSQL documentation, appendix A.
public struct SQLState: RawRepresentable, Hashable, Sendable {
    /// The five characters.
    public let rawValue: String

    /// The state with these five characters.
    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    /// The first two characters, the class.
    public var category: String { String(rawValue.prefix(2)) }

    /// `22P02`
    public static let invalidTextRepresentation: SQLState = "22P02"
    /// `23502`
    public static let notNullViolation: SQLState = "23502"
    /// `23503`
    public static let foreignKeyViolation: SQLState = "23503"
    /// `23505`
    public static let uniqueViolation: SQLState = "23505"
    /// `23514`
    public static let checkViolation: SQLState = "23514"
    /// `23P01`
    public static let exclusionViolation: SQLState = "23P01"
    /// `25001`
    public static let activeTransaction: SQLState = "25001"
    /// `25006`
    public static let readOnlyTransaction: SQLState = "25006"
    /// `25P02`
    public static let failedTransaction: SQLState = "25P02"
    /// `25P03`
    public static let idleInTransactionTimeout: SQLState = "25P03"
    /// `28000`
    public static let invalidAuthorization: SQLState = "28000"
    /// `28P01`
    public static let invalidPassword: SQLState = "28P01"
    /// `3D000`
    public static let invalidDatabase: SQLState = "3D000"
    /// `40001`
    public static let serializationFailure: SQLState = "40001"
    /// `40P01`
    public static let deadlock: SQLState = "40P01"
    /// `42501`
    public static let insufficientPrivilege: SQLState = "42501"
    /// `42601`
    public static let syntaxError: SQLState = "42601"
    /// `42703`
    public static let undefinedColumn: SQLState = "42703"
    /// `42883`
    public static let undefinedFunction: SQLState = "42883"
    /// `42P01`
    public static let undefinedTable: SQLState = "42P01"
    /// `53100`
    public static let diskFull: SQLState = "53100"
    /// `53300`
    public static let tooManyConnections: SQLState = "53300"
    /// `55P03`
    public static let lockNotAvailable: SQLState = "55P03"
    /// `57014`
    public static let queryCancelled: SQLState = "57014"
    /// `57P01`
    public static let adminShutdown: SQLState = "57P01"
    /// `57P02`
    public static let crashShutdown: SQLState = "57P02"
    /// `57P03`
    public static let cannotConnectNow: SQLState = "57P03"
    /// `P0001`
    public static let raisedException: SQLState = "P0001"
}

extension SQLState: ExpressibleByStringLiteral {
    public init(stringLiteral text: String) {
        self.init(rawValue: text)
    }
}

extension SQLState: CustomStringConvertible {
    public var description: String { rawValue }
}
