public import Domain

/// A parameter of a statement, sent in binary with its type.
///
/// ``text(_:)`` is `text` to the server, which suits `text` and `varchar`
/// columns; for an enum, or wherever the server should choose the type, use
/// ``unknown(_:)``. Literals make values: `["name", 7, true, nil]`.
public enum Value: Sendable, Hashable {
    /// NULL, of whatever type is expected there.
    case null
    /// `boolean`.
    case bool(Bool)
    /// `bigint`; PostgreSQL compares it with and assigns it to smaller integers.
    case int(Int64)
    /// `text`.
    case text(String)
    /// The text of a value whose type the server infers: an enum, an interval, a composite.
    case unknown(String)
    /// `uuid`, from its text form with hyphens, in any case.
    case uuid(String)
    /// `timestamptz`, infinities included.
    case instant(Instant)
    /// `date`.
    case date(CalendarDate)
    /// `jsonb`, from its text; assignment to `json` columns works too.
    case json(String)
    /// `bytea`.
    case bytes([UInt8])
    /// `bigint[]`.
    case ints([Int64])
    /// `text[]`.
    case texts([String])
    /// `uuid[]`.
    case uuids([String])
    /// `timestamptz[]`.
    case instants([Instant])
    /// `boolean[]`.
    case bools([Bool])
    /// An array with nulls among its elements, or of a type without a case here.
    ///
    /// Each element that is not null must be of the named type.
    case array([Value], of: TypeOID)

    /// An integer of any kind that fits 64 bits.
    public init(_ integer: some BinaryInteger) {
        self = .int(Int64(integer))
    }

    /// `text`, or NULL for nil.
    public init(_ text: String?) {
        self = text.map(Value.text) ?? .null
    }

    /// `timestamptz`, or NULL for nil.
    public init(_ instant: Instant?) {
        self = instant.map(Value.instant) ?? .null
    }
}

extension Value: ExpressibleByStringLiteral {
    /// Text.
    public init(stringLiteral text: String) {
        self = .text(text)
    }
}

extension Value: ExpressibleByIntegerLiteral {
    /// A 64-bit integer.
    public init(integerLiteral integer: Int64) {
        self = .int(integer)
    }
}

extension Value: ExpressibleByBooleanLiteral {
    /// A boolean.
    public init(booleanLiteral flag: Bool) {
        self = .bool(flag)
    }
}

extension Value: ExpressibleByNilLiteral {
    /// NULL.
    public init(nilLiteral: ()) {
        self = .null
    }
}
