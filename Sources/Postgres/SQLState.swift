/// The five characters by which PostgreSQL says what went wrong.
///
/// Codes and names: PostgreSQL documentation, appendix A.
public struct SQLState: RawRepresentable, Hashable, Sendable {
    /// The setting whose limit ends a session with this state; nil for every other state.
    var endingLimit: String? {
        switch self {
        case .transactionTimeout: "transaction_timeout"
        case .idleInTransactionTimeout: "idle_in_transaction_session_timeout"
        case .idleSessionTimeout: "idle_session_timeout"
        default: nil
        }
    }

    /// The five characters.
    public let rawValue: String

    /// The state with these five characters.
    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    /// The first two characters, the class.
    public var category: String { String(rawValue.prefix(2)) }

    /// Something that PostgreSQL does not do (`0A000`).
    public static let featureNotSupported: SQLState = "0A000"
    /// A value is missing where one must be (`23502`).
    public static let notNullViolation: SQLState = "23502"
    /// A reference points nowhere (`23503`).
    public static let foreignKeyViolation: SQLState = "23503"
    /// A key exists already (`23505`).
    public static let uniqueViolation: SQLState = "23505"
    /// A CHECK does not hold (`23514`).
    public static let checkViolation: SQLState = "23514"
    /// A row conflicts with another by an EXCLUDE constraint (`23P01`).
    public static let exclusionViolation: SQLState = "23P01"
    /// A change in a read-only transaction (`25006`).
    public static let readOnlyTransaction: SQLState = "25006"
    /// A statement in a transaction that has failed (`25P02`).
    public static let failedTransaction: SQLState = "25P02"
    /// A prepared statement that the session does not have (`26000`).
    public static let invalidStatementName: SQLState = "26000"
    /// A session was idle in a transaction for too long and was ended (`25P03`).
    public static let idleInTransactionTimeout: SQLState = "25P03"
    /// A transaction took too long and its session was ended (`25P04`, from 17).
    public static let transactionTimeout: SQLState = "25P04"
    /// A session was idle for too long and was ended (`57P05`).
    public static let idleSessionTimeout: SQLState = "57P05"
    /// A user or a way to connect that the server does not admit (`28000`).
    public static let invalidAuthorization: SQLState = "28000"
    /// A wrong password (`28P01`).
    public static let invalidPassword: SQLState = "28P01"
    /// A database that does not exist (`3D000`).
    public static let invalidDatabase: SQLState = "3D000"
    /// A transaction that can be tried again, for another one changed the same data (`40001`).
    public static let serializationFailure: SQLState = "40001"
    /// A transaction that was stopped for waiting in a circle (`40P01`).
    public static let deadlock: SQLState = "40P01"
    /// A privilege is missing (`42501`).
    public static let insufficientPrivilege: SQLState = "42501"
    /// A statement that is not SQL (`42601`).
    public static let syntaxError: SQLState = "42601"
    /// A column that does not exist (`42703`).
    public static let undefinedColumn: SQLState = "42703"
    /// A function that does not exist (`42883`).
    public static let undefinedFunction: SQLState = "42883"
    /// A table that does not exist (`42P01`).
    public static let undefinedTable: SQLState = "42P01"
    /// The server's disk is full (`53100`).
    public static let diskFull: SQLState = "53100"
    /// All connections of the server, the database or the role are taken (`53300`).
    public static let tooManyConnections: SQLState = "53300"
    /// Something that cannot be done in the state in which an object or the server is (`55000`).
    public static let notInPrerequisiteState: SQLState = "55000"
    /// A lock was not to be had in time (`55P03`).
    public static let lockNotAvailable: SQLState = "55P03"
    /// A statement was cancelled, by request or by its time limit (`57014`).
    public static let queryCancelled: SQLState = "57014"
    /// The operator ended the session or the server (`57P01`).
    public static let adminShutdown: SQLState = "57P01"
    /// The server ends all sessions after a crash of one (`57P02`).
    public static let crashShutdown: SQLState = "57P02"
    /// The server is starting up or shutting down (`57P03`).
    public static let cannotConnectNow: SQLState = "57P03"
    /// The database was dropped, here or on the primary of this standby (`57P04`).
    public static let databaseDropped: SQLState = "57P04"
    /// An exception of the database's own code (`P0001`).
    public static let raisedException: SQLState = "P0001"
}

extension SQLState: ExpressibleByStringLiteral {
    /// The state with these five characters.
    public init(stringLiteral text: String) {
        self.init(rawValue: text)
    }
}

extension SQLState: CustomStringConvertible {
    /// The five characters.
    public var description: String { rawValue }
}

extension SQLState {
    /// One sentence that says what happened by names alone.
    func sentence(constraint: String?, table: String?, column: String?) -> String {
        let subject = table.map { "of table \($0) " } ?? ""
        let rule = constraint.map { " (constraint \($0))" } ?? ""
        switch self {
        case .uniqueViolation:
            return "A row \(subject)with the same key exists already\(rule)."
        case .foreignKeyViolation:
            return "A row \(subject)refers to a row that does not exist, or is referred to\(rule)."
        case .checkViolation:
            return "A row \(subject)breaks a rule of its table\(rule)."
        case .exclusionViolation:
            return "A row \(subject)conflicts with another\(rule)."
        case .notNullViolation:
            return "A row \(subject)lacks a value that must be there\(column.map { " (column \($0))" } ?? "")."
        case .readOnlyTransaction:
            return "A statement would change data, and the transaction or the server is read-only."
        case .failedTransaction:
            return "An earlier statement of the transaction failed, so that only a rollback is possible."
        case .serializationFailure:
            return "Another transaction changed the same data at the same time; the transaction can be tried again."
        case .deadlock:
            return "Two transactions waited for each other and this one was stopped; it can be tried again."
        case .insufficientPrivilege:
            return "The database role lacks a privilege that a statement needs\(table.map { " (\($0))" } ?? "")."
        case .undefinedTable:
            return "A statement names a table that the database does not have."
        case .undefinedColumn:
            return "A statement names a column that the database does not have."
        case .undefinedFunction:
            return "A statement names a function or operator that the database does not have for these types."
        case .syntaxError:
            return "A statement is not valid SQL."
        case .diskFull:
            return "The server's disk is full."
        case .raisedException:
            return "A rule of the database refused a statement\(rule)."
        default:
            return categorySentence
        }
    }

    private var categorySentence: String {
        let suffix = "(SQLSTATE \(rawValue))."
        switch category {
        case "08": return "The server cannot reach another one that a statement needs; its log says which \(suffix)"
        case "22": return "A value does not fit the type or the range that a statement needs \(suffix)"
        case "23": return "A change breaks a constraint of the database \(suffix)"
        case "42": return "A statement does not fit the database's tables, types or privileges \(suffix)"
        case "53": return "The server ran out of a resource \(suffix)"
        case "57": return "The server's operator stopped a statement \(suffix)"
        case "XX": return "The server reported an internal error \(suffix)"
        default: return "The server refused a statement \(suffix)"
        }
    }
}
