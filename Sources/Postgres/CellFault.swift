/// Why a field could not be read; the row that knows the column makes a
/// ``PostgresError`` of it.
enum CellFault: Error {
    /// The field is null and the caller did not allow for it.
    case null
    /// The type is not one that reads as what was asked.
    case wrongType
    /// The bytes are not what the type promises.
    case malformed
    /// The value exists in PostgreSQL and has no place in the type that was asked.
    case outOfRange
}
