internal import CLibPQ

extension PostgresError {
    /// The error that a result carries, which is the server's or libpq's own.
    ///
    /// `wasCancelled` says that a cancellation was asked for, `isLost` that the connection is gone, `standsOnStandby`
    /// that the server is a standby as far as is known, and `readsOneMoment` that its transaction reads one snapshot.
    init(
        result: OpaquePointer?, sql: String?, wasCancelled: Bool, isLost: Bool, standsOnStandby: Bool,
        readsOneMoment: Bool
    ) {
        let field = { (field: DiagnosticField) in field.text(in: result) }
        let sqlState = field(.sqlState).map(SQLState.init(rawValue:))
        let message = field(.message) ?? PQresultErrorMessage(result).map { String(cString: $0) }
        let isConflict = Self.isReplayConflict(
            sqlState, message: message ?? "", standsOnStandby: standsOnStandby, readsOneMoment: readsOneMoment)
        // What ends a session ends its connection, whether that is seen yet or not.
        let isLast = field(.severity).map(["FATAL", "PANIC"].contains) ?? false
        let code = Self.code(
            sqlState, message: message ?? "", wasCancelled: wasCancelled,
            isLost: isLost || (isLast && sqlState?.category == "08"))
        self.init(isConflict ? .replayConflict : code, "")
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

    /// True where a standby stopped a statement, or ended a session that was idle in its transaction, to go on
    /// replaying.
    ///
    /// Its own word for that may be in any language. What reads one snapshot never fails with `40001` elsewhere, and on
    /// a standby nothing else fails with either of the two states.
    private static func isReplayConflict(
        _ sqlState: SQLState?, message: String, standsOnStandby: Bool, readsOneMoment: Bool
    ) -> Bool {
        guard sqlState == .serializationFailure || sqlState == .deadlock else { return false }
        return standsOnStandby || message.contains("conflict with recovery")
            || (readsOneMoment && sqlState == .serializationFailure)
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
        case .databaseDropped: return .databaseMissing
        case .queryCancelled:
            // One state for both; only the words differ, and servers may speak another language.
            if message.contains("statement timeout") { return .timeout }
            return wasCancelled || message.contains("user request") ? .cancelled : .timeout
        case .lockNotAvailable: return .lockNotAvailable
        case .some: return isLost ? .connectionLost : .server
        case nil: return isLost ? .connectionLost : .protocolViolation
        }
    }

    /// The sentence for a failure whose other fields are set.
    private var serverSentence: String {
        switch code {
        case .connectionLost:
            "The connection to the server was lost while a statement ran; what was not committed is undone."
        case .replayConflict:
            "The standby stopped what was being read, because it stood in the way of its primary's changes: try again "
                + "later, and if that happens often raise max_standby_streaming_delay on the standby, or set "
                + "hot_standby_feedback = on there."
        case .databaseMissing:
            "The database was dropped while it was in use."
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

/// The fields of a server's error or notice.
///
/// The letters are the `PG_DIAG_…` macros of postgres_ext.h, which Swift does not import.
enum DiagnosticField: Unicode.Scalar {
    case severity = "V"
    case sqlState = "C"
    case message = "M"
    case detail = "D"
    case hint = "H"
    case context = "W"
    case schema = "s"
    case table = "t"
    case column = "c"
    case constraint = "n"

    /// The field's text in a result, nil where it has none.
    func text(in result: OpaquePointer?) -> String? {
        PQresultErrorField(result, Int32(rawValue.value)).map { String(cString: $0) }
    }
}
