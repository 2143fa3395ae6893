internal import CLibPQ
internal import Glibc

extension Session {
    /// Waits for the end of what was sent and returns its last result.
    ///
    /// The first error counts: a server that shuts down says why before it
    /// closes the connection, which is an error as well.
    @discardableResult
    func result(of sent: Int32, _ connection: OpaquePointer, _ sql: String) throws -> ResultHandle {
        guard sent == 1 else { throw failureOfConnection(sql) }
        if let answersBy { try awaitAnswer(connection, until: answersBy) }
        var last: ResultHandle?
        while let result = ResultHandle(PQgetResult(connection)) {
            if result.isCopying {
                refuseCopy(result, connection, sql)
                throw PostgresError(.invalidUse, "COPY from or to the client needs copyIn or copyOut.")
            }
            guard result.isSuccess else {
                drain(connection, sql)
                throw failure(result.pointer, sql)
            }
            last = consume result
        }
        guard let last else { throw failureOfConnection(sql) }
        return last
    }

    /// Waits for an answer no longer than said, and gives the connection up where none came: a pooler that has no
    /// session for us has nobody to whom it could hand on a cancellation.
    private func awaitAnswer(_ connection: OpaquePointer, until deadline: ContinuousClock.Instant) throws {
        while PQisBusy(connection) == 1 {
            guard ContinuousClock.now < deadline, !canceller.isAsked else {
                close()
                throw canceller.isAsked
                    ? PostgresError(.cancelled, "Waiting for the server was cancelled.")
                    : PostgresError(.poolExhausted, "The pooler had no session to spare in time.")
            }
            var descriptor = pollfd(fd: PQsocket(connection), events: Int16(POLLIN), revents: 0)
            _ = poll(&descriptor, 1, Self.sliceMilliseconds)
            // Whatever is wrong with the connection the result says.
            guard PQconsumeInput(connection) == 1 else { return }
        }
    }

    /// How often a wait looks whether it was cancelled, in milliseconds.
    private static let sliceMilliseconds: Int32 = 50

    /// The error of a result, or of the connection where there is none.
    func failure(_ result: OpaquePointer?, _ sql: String) -> PostgresError {
        let error = PostgresError(
            result: result, sql: sql, wasCancelled: canceller.isAsked, isLost: isLost,
            standsOnStandby: isStandby ?? false, readsOneMoment: readsOneMoment)
        guard isLost, error.sqlState == nil, var reason = noticeRelay.lastWords else { return error }
        reason.sql = sql
        return reason
    }

    /// The error of a call for which libpq has no result.
    func failureOfConnection(_ sql: String) -> PostgresError {
        var error = failure(nil, sql)
        guard error.sqlState == nil else { return error }
        error.message = PQerrorMessage(openConnection).map { String(cString: $0).trimmedEnd }
        return error
    }

    /// Reads everything that is left of a statement, so that the connection is
    /// free for the next one, and returns the first error in it.
    @discardableResult
    func drain(_ connection: OpaquePointer, _ sql: String) -> PostgresError? {
        var first: PostgresError?
        while let result = ResultHandle(PQgetResult(connection)) {
            switch result.status {
            case PGRES_COPY_IN:
                // A connection that cannot even end the COPY is lost.
                guard PQputCopyEnd(connection, "abandoned by the client") == 1 else { return first }
            case PGRES_COPY_OUT, PGRES_COPY_BOTH:
                discardCopyData(connection)
            default:
                if !result.isSuccess && first == nil { first = failure(result.pointer, sql) }
            }
        }
        return first
    }

    /// Stops the statement on the server and reads what it had sent already.
    func abandon(_ connection: OpaquePointer) {
        canceller.sendNow()
        drain(connection, "")
    }

    /// Ends a COPY that was not asked for.
    ///
    /// Only data that flows to us needs a cancellation. A COPY from us ends
    /// with the CopyFail of `drain`, and must not be cancelled: when the
    /// cancellation is first, the server has left the COPY before it reads the
    /// statement's Sync, answers to the one that follows the CopyFail as well,
    /// and that second "ready" would end the next statement before it ran.
    func refuseCopy(_ result: borrowing ResultHandle, _ connection: OpaquePointer, _ sql: String) {
        if result.status != PGRES_COPY_IN { canceller.sendNow() }
        drain(connection, sql)
    }

    private func discardCopyData(_ connection: OpaquePointer) {
        var buffer: UnsafeMutablePointer<CChar>?
        while PQgetCopyData(connection, &buffer, 0) > 0 {
            PQfreemem(buffer)
            buffer = nil
        }
    }
}

/// The owner of one `PGresult`.
struct ResultHandle: ~Copyable {
    let pointer: OpaquePointer

    /// Takes over a result, nil where libpq gave none.
    init?(_ pointer: OpaquePointer?) {
        guard let pointer else { return nil }
        self.pointer = pointer
    }

    deinit {
        PQclear(pointer)
    }

    var status: ExecStatusType { PQresultStatus(pointer) }

    /// True for statuses that end a statement well, whether with rows or without.
    var isSuccess: Bool {
        status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY
            || status == PGRES_SINGLE_TUPLE
    }

    /// True for the statuses in which the connection is in the middle of a COPY.
    var isCopying: Bool {
        status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH
    }

    /// How many rows the statement changed or returned, 0 where it says nothing of rows.
    var affectedRows: Int { PQcmdTuples(pointer).flatMap { Int(String(cString: $0)) } ?? 0 }

    /// The command as the server names it, such as `COMMIT` or `INSERT 0 1`.
    var commandTag: String { PQcmdStatus(pointer).map { String(cString: $0) } ?? "" }

    var columns: [ColumnDescription] {
        (0..<PQnfields(pointer)).map { index in
            ColumnDescription(
                name: PQfname(pointer, index).map { String(cString: $0) } ?? "",
                type: TypeOID(rawValue: PQftype(pointer, index))
            )
        }
    }
}
