internal import CLibPQ

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
