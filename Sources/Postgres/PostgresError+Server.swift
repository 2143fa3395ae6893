internal import CLibPQ

extension PostgresError {
    /// The error that a result carries, which is the server's or libpq's own.
    ///
    /// `wasCancelled` says that a cancellation was asked for, `isLost` that
    /// the connection is gone.
    init(result: OpaquePointer?, sql: String?, wasCancelled: Bool, isLost: Bool) {
        let field = { (field: DiagnosticField) in field.text(in: result) }
        let sqlState = field(.sqlState).map(SQLState.init(rawValue:))
        let message = field(.message) ?? PQresultErrorMessage(result).map { String(cString: $0) }
        let code = Self.code(sqlState, message: message ?? "", wasCancelled: wasCancelled, isLost: isLost)
        self.init(code, "")
        self.sqlState = sqlState
        self.message = message?.trimmedEnd
        constraint = field(.constraint)
        schema = field(.schema)
        table = field(.table)
        column = field(.column)
        detail = field(.detail)
        hint = field(.hint)
        context = field(.context)
        self.sql = sql
        sentence = serverSentence
    }

    private static func code(
        _ sqlState: SQLState?,
        message: String,
        wasCancelled: Bool,
        isLost: Bool
    ) -> Code {
        switch sqlState {
        case let state? where state.endingLimit != nil: return .sessionLimit
        case .adminShutdown, .crashShutdown: return .connectionLost
        case .queryCancelled:
            // One state for both; only the words differ, and servers may speak another language.
            if message.contains("statement timeout") { return .timeout }
            return wasCancelled || message.contains("user request") ? .cancelled : .timeout
        case .lockNotAvailable: return .lockNotAvailable
        case let state? where state.category == "08": return .connectionLost
        case .some: return isLost ? .connectionLost : .server
        case nil: return isLost ? .connectionLost : .protocolViolation
        }
    }

    /// The sentence for a failure whose other fields are set.
    private var serverSentence: String {
        switch code {
        case .connectionLost:
            "The connection to the server was lost while a statement ran; what was not committed is undone."
        case .sessionLimit:
            "The server ended the session, because of its limit \(sqlState?.endingLimit ?? ""); what was not committed "
                + "is undone. Daybook lifts it for its own sessions: find out what sets it again, or lift it there."
        case .timeout:
            "A statement took longer than its time limit (statement_timeout) and was stopped."
        case .cancelled:
            "A statement was cancelled."
        case .lockNotAvailable:
            "A lock that a statement needs is held by another session; try again later."
        case .protocolViolation:
            "The exchange with the server failed without a reason from the server."
        default:
            sqlState?.sentence(constraint: constraint, table: table, column: column) ?? "The server reported an error."
        }
    }
}

extension String {
    /// The text without the newlines that libpq ends its messages with.
    var trimmedEnd: String {
        var text = self
        while text.last?.isNewline == true { text.removeLast() }
        return text
    }
}
