/// A result column: its name and its type.
public struct ColumnDescription: Sendable, Hashable {
    /// The name as the statement gave it; two columns may share one.
    public let name: String
    /// The type of its values; a domain shows as the type beneath it.
    public let type: TypeOID
}
