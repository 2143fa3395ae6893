internal import Postgres

/// A table that the reports read: what they expect of it, and what they say when it is not there.
public struct KnownTable: Sendable {
    /// One expected column.
    public struct Column: Sendable {
        public let name: String
        /// The type as PostgreSQL spells it.
        public let type: String
        /// A report cannot be made without a required column.
        public let isRequired: Bool
        /// The engine adds it to a deployment's table: nothing is missing without it, and a column of that name that an
        /// application made by itself says something else and is never read.
        public let isOurs: Bool

        /// True if a type is the expected one: by its number, because how the server spells it depends on settings.
        public func accepts(_ actual: Catalog.ColumnType) -> Bool { actual.id == KnownTable.types[type] }
    }

    /// The types that are expected anywhere, by the names of them here.
    private static let types: [String: TypeOID] = [
        "bigint": .int8, "bit(1440)": .bit, "boolean": .bool, "date": .date, "integer": .int4, "jsonb": .jsonb,
        "numeric": .numeric, "text": .text, "timestamptz": .timestamptz, "uuid": .uuid,
    ]

    public let schema: String
    public let name: String
    /// A report cannot be made without a required table.
    public let isRequired: Bool
    public let columns: [Column]
    /// What a report lacks where the table does not exist.
    public let consequence: String

    /// `schema.name`.
    public var fullName: String { "\(schema).\(name)" }

    /// `columns` lists `name type` pairs separated by commas, a required one with a `!` at its end, one of ours with a
    /// `?`.
    init(_ schema: String, _ name: String, required: Bool = false, without consequence: String, _ columns: String) {
        self.schema = schema
        self.name = name
        self.isRequired = required
        self.consequence = consequence
        self.columns = columns.split(separator: ",").map { definition in
            let words = definition.split(whereSeparator: \.isWhitespace).map(String.init)
            let type = words[1...].filter { $0 != "!" && $0 != "?" }.joined(separator: " ")
            precondition(Self.types[type] != nil, "\(type) is a type with a number")
            return Column(name: words[0], type: type, isRequired: words.last == "!", isOurs: words.last == "?")
        }
    }
}
