internal import CLibPQ

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
