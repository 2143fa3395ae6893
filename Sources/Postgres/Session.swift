internal import CLibPQ

/// Synchronous calls on one connection.
///
/// A session lives inside the bodies that ``Connection/run(_:)`` and
/// ``Connection/transaction(_:_:)`` call, on the connection's own thread. All
/// its calls block until the server has answered, and throw ``PostgresError``.
///
/// - Statements take bound parameters, `$1` and so on; values are never pasted into SQL.
/// - While rows stream (``forEachRow(_:_:onColumns:_:)``, COPY) the connection
///   is taken: another call throws ``PostgresError/Code/invalidUse``.
public final class Session {
    /// The connection, nil once it is closed.
    private var connection: OpaquePointer?
    let noticeRelay: NoticeRelay
    let nameLookup: ConnectionSettings.NameLookup
    /// True where a pooler stands between this program and the server, so that the next transaction may run in another
    /// session, and what is set in one stays for whoever comes after.
    public internal(set) var isPooled = false
    let canceller: Canceller
    /// True while rows or COPY data are under way.
    var isStreaming = false
    /// When a server that has not answered by then is given up; nil waits as long as it takes.
    var answersBy: ContinuousClock.Instant?
    /// The names of statements that the server has parsed for this session; see ``queryOften(_:_:)``.
    var preparedStatements: [PreparedKey: String] = [:]
    /// Counts the names, of which none comes back.
    var preparedCount = 0
    /// True once the server refused a change because it takes none.
    var refusedChange = false
    /// True in a transaction that reads one moment: nobody's changes can stop it, but a standby's replay can.
    var readsOneMoment = false
    /// How far a standby had replayed before the latest transaction that notes it began; nil where there was no
    /// standby, or nothing was noted.
    public internal(set) var replay: Replay?

    /// Connects, and sets what the rest of this module relies on.
    ///
    /// Blocks.
    init(_ settings: ConnectionSettings, canceller: Canceller, patienceSeconds: Int? = nil) throws {
        let notices = NoticeRelay()
        let attempt = ConnectionAttempt(settings: settings, notices: notices) { canceller.isAsked }
        let connection = try attempt.run()
        self.connection = connection
        noticeRelay = notices
        self.canceller = canceller
        nameLookup = settings.nameLookup
        // From here on a throw runs deinit, which closes the connection.
        canceller.attach(CancelRequest(connection))
        answersBy = patienceSeconds.map { ContinuousClock.now + .seconds($0) }
        try configure()
        answersBy = nil
    }

    deinit {
        close()
    }

    /// Closes the connection; closing twice is nothing.
    func close() {
        canceller.attach(nil)
        PQfinish(connection)
        connection = nil
    }

    /// The connection, ready for a statement.
    func ready() throws -> OpaquePointer {
        guard let connection else { throw PostgresError(.closed, "The connection was closed before.") }
        guard !isStreaming else {
            throw PostgresError(.invalidUse, "A statement cannot run while rows of another are under way.")
        }
        guard !canceller.isAsked else {
            throw PostgresError(.cancelled, "The work was cancelled before its next statement.")
        }
        guard !isLost else {
            throw noticeRelay.lastWords
                ?? PostgresError(.connectionLost, "The connection to the server was lost before.")
        }
        return connection
    }

    /// The connection, whatever state it is in; nil once it is closed.
    var openConnection: OpaquePointer? { connection }

    /// True where libpq has given the connection up.
    var isLost: Bool { PQstatus(connection) == CONNECTION_BAD }

    /// False where the server has ended the connection, as far as can be told without asking it.
    var isAlive: Bool {
        guard let connection else { return false }
        // A server that ends a session says why first: the end itself is only seen by reading on.
        for _ in 0..<Self.readsOfLastWords {
            guard PQconsumeInput(connection) == 1, !isLost else { return false }
        }
        return true
    }

    /// Reads that get past what a server says before it closes: a message, and whatever notices stood before it.
    private static let readsOfLastWords = 4

    /// True inside a transaction, a failed one included.
    public var isInTransaction: Bool {
        switch PQtransactionStatus(connection) {
        case PQTRANS_INTRANS, PQTRANS_INERROR, PQTRANS_ACTIVE: true
        default: false
        }
    }

    /// The server's version as libpq counts: 150020 is 15.20.
    public var serverVersion: Int { Int(PQserverVersion(connection)) }

    /// The server process of this connection, as in `pg_stat_activity.pid`.
    public var serverProcessID: Int { Int(PQbackendPID(connection)) }

    /// A name as SQL writes it, in double quotes, each quote in it doubled.
    public func quoteIdentifier(_ name: String) -> String {
        "\"" + name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }
}

/// Receives the server's notices for one connection, on the thread that uses it: of them only the last words count.
final class NoticeRelay {
    /// Why the server ended the session, where it said so while nobody asked it anything: libpq hands that over as a
    /// notice, when it comes with the end of the answer before it.
    private(set) var lastWords: PostgresError?

    /// Makes libpq hand its notices to this relay, which must outlive the connection.
    func receive(from connection: OpaquePointer) {
        PQsetNoticeReceiver(
            connection,
            { relay, result in
                guard let relay else { return }
                Unmanaged<NoticeRelay>.fromOpaque(relay).takeUnretainedValue().take(result)
            },
            Unmanaged.passUnretained(self).toOpaque()
        )
    }

    private func take(_ result: OpaquePointer?) {
        guard ["FATAL", "PANIC"].contains(DiagnosticField.severity.text(in: result)) else { return }
        // A session that is ended with 40001 is one that stood in the way of a standby.
        lastWords = PostgresError(
            result: result, sql: nil, wasCancelled: false, isLost: true, standsOnStandby: true, readsOneMoment: true)
    }
}
