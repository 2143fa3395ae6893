/// A type's number in PostgreSQL's catalogue (`pg_type.oid`).
public struct TypeOID: RawRepresentable, Hashable, Sendable {
    /// The number itself; below 16,384 it is the same in every database.
    public let rawValue: UInt32

    /// The type with this number, known here or not.
    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    private init(_ rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// No type: the server infers one from where the parameter stands.
    public static let unspecified = TypeOID(0)
    /// `boolean`.
    public static let bool = TypeOID(16)
    /// `bytea`.
    public static let bytea = TypeOID(17)
    /// `"char"`, one byte.
    public static let char = TypeOID(18)
    /// `name`.
    public static let name = TypeOID(19)
    /// `bigint`.
    public static let int8 = TypeOID(20)
    /// `smallint`.
    public static let int2 = TypeOID(21)
    /// `integer`.
    public static let int4 = TypeOID(23)
    /// `text`.
    public static let text = TypeOID(25)
    /// `oid`.
    public static let oid = TypeOID(26)
    /// `json`.
    public static let json = TypeOID(114)
    /// `xml`.
    public static let xml = TypeOID(142)
    /// `real`.
    public static let float4 = TypeOID(700)
    /// `double precision`.
    public static let float8 = TypeOID(701)
    /// A literal whose type nothing decided.
    public static let unknown = TypeOID(705)
    /// `character(n)`.
    public static let bpchar = TypeOID(1042)
    /// `character varying`.
    public static let varchar = TypeOID(1043)
    /// `date`.
    public static let date = TypeOID(1082)
    /// `timestamp with time zone`.
    public static let timestamptz = TypeOID(1184)
    /// `interval`.
    public static let interval = TypeOID(1186)
    /// `bit(n)`.
    public static let bit = TypeOID(1560)
    /// `numeric`.
    public static let numeric = TypeOID(1700)
    /// `void`, what a procedure-like function returns.
    public static let void = TypeOID(2278)
    /// `uuid`.
    public static let uuid = TypeOID(2950)
    /// `jsonb`.
    public static let jsonb = TypeOID(3802)

    /// The first number that a database gives to types of its own: enums,
    /// composites, the types of extensions.
    static let firstOwn: UInt32 = 16_384

    /// True for a type that the database defines itself, such as an enum.
    var isOwn: Bool { rawValue >= Self.firstOwn }
}

extension TypeOID: CustomStringConvertible {
    /// The type's name in the catalogue (`int8`, `_text` for an array of it),
    /// or `type 16432` for one that only its database knows.
    public var description: String {
        if let known = KnownType.byOID[self] { return known.name }
        if let element = KnownType.byArrayOID[self] { return "_" + element.name }
        return "type \(rawValue)"
    }
}

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
        KnownType(.interval, "interval", array: 1187),
        KnownType(.numeric, "numeric", array: 1231),
        KnownType(.uuid, "uuid", array: 2951),
        KnownType(.jsonb, "jsonb", array: 3807),
    ]

    static let byOID = Dictionary(uniqueKeysWithValues: all.map { ($0.type, $0) })
    static let byArrayOID = Dictionary(uniqueKeysWithValues: all.map { ($0.array, $0) })
}
