internal import Domain

/// Rests in the middle of a statement while others are at work, as VACUUM rests by its cost.
///
/// A statement that computes for some milliseconds without a break keeps the others from a processor for as long; one
/// that rests all the time lets them in between.
enum Rests {
    case none
    case often

    /// A condition for a query's rows, always true, that rests for a millisecond after about so many of them.
    ///
    /// - Parameter column: A column, never null, of the table at whose rows the condition is looked at.
    func after(_ column: String, rows: Int64 = Limits.purgeRestRows) -> String {
        switch self {
        case .none: "true"
        case .often:
            """
            CASE WHEN random() * \(rows)::double precision < 1::double precision AND \(column) IS NOT NULL
                THEN pg_sleep(0.0005::double precision) IS NOT NULL ELSE true END
            """
        }
    }
}
