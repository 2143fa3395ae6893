/// A built-in type with its name and the type of its arrays.
struct KnownType: Sendable {
    let type: TypeOID
    let name: String
    let array: TypeOID

    private init(_ type: TypeOID, _ name: String, array: UInt32) {
        self.type = type
        self.name = name
        self.array = TypeOID(rawValue: array)
    }

    /// The types that are read here, as `pg_type` has them.
    static let all: [KnownType] = [
        KnownType(.bool, "bool", array: 1000),
        KnownType(.bytea, "bytea", array: 1001),
        KnownType(.char, "char", array: 1002),
        KnownType(.name, "name", array: 1003),
        KnownType(.int2, "int2", array: 1005),
        KnownType(.int4, "int4", array: 1007),
        KnownType(.text, "text", array: 1009),
        KnownType(.bpchar, "bpchar", array: 1014),
        KnownType(.varchar, "varchar", array: 1015),
        KnownType(.int8, "int8", array: 1016),
        KnownType(.float4, "float4", array: 1021),
        KnownType(.float8, "float8", array: 1022),
        KnownType(.oid, "oid", array: 1028),
        KnownType(.xml, "xml", array: 143),
        KnownType(.json, "json", array: 199),
        KnownType(.date, "date", array: 1182),
        KnownType(.timestamptz, "timestamptz", array: 1185),
        KnownType(.numeric, "numeric", array: 1231),
        KnownType(.uuid, "uuid", array: 2951),
        KnownType(.jsonb, "jsonb", array: 3807),
    ]

    static let byOID = Dictionary(uniqueKeysWithValues: all.map { ($0.type, $0) })
    static let byArrayOID = Dictionary(uniqueKeysWithValues: all.map { ($0.array, $0) })
}
