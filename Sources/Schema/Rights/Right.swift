/// A role that the documents name, or everybody.
public enum DocumentedRole: String, Sendable, Hashable, CaseIterable {
    /// Every role of the server.
    case everybody = "PUBLIC"
    /// The role that an application's server has on Supabase and its like.
    case service = "service_role"
    /// Reads everything that reports need.
    case report = "daybook_report"
    /// Deletes and redacts what a purge does, and nothing else.
    case purge = "daybook_purge"
    /// Reads the same as `report`, granted by hand.
    case auditor = "daybook_auditor"
    /// Reads the same as `report`, as a login of its own: the one that the private server has for reports.
    case reader = "daybook_reader"
    /// Reads what the SLA report alone needs.
    case sla = "daybook_sla"
    /// Writes probes.
    case prober = "daybook_prober"
    /// Imports accounts, probes, windows, outages and profiles.
    case importer = "daybook_importer"

    /// Those that `daybook database roles` makes.
    public static let made: [DocumentedRole] = [.report, .purge]
    /// Those that an operator makes, where they are wanted.
    public static let byHand: [DocumentedRole] = [.auditor, .sla, .prober, .importer]
}

/// One right of one role on one object.
public struct Right: Sendable, Hashable, Comparable {
    /// What the object is, as `GRANT` says it.
    public enum Kind: String, Sendable, Hashable {
        case schema = "SCHEMA"
        case table = "TABLE"
        case sequence = "SEQUENCE"
        case function = "FUNCTION"
    }

    /// As SQL writes it; `PUBLIC` for everybody.
    public let role: String
    public let kind: Kind
    /// As SQL writes it: with its schema, a function with its arguments' types.
    public let object: String
    public let privilege: String
    /// As SQL writes it; nil for the whole object.
    public let column: String?

    public init(_ role: String, _ kind: Kind, _ object: String, _ privilege: String, column: String? = nil) {
        self.role = role
        self.kind = kind
        self.object = object
        self.privilege = privilege
        self.column = column
    }

    /// True for an object of the schema `daybook`, and for the schema.
    var isInDaybook: Bool { object == "daybook" || object.hasPrefix("daybook.") }

    /// `SELECT` or `SELECT (slug)`.
    var phrase: String { privilege + (column.map { " (\($0))" } ?? "") }

    private var order: [String] { [role, kind.rawValue, object, privilege, column ?? ""] }

    public static func < (one: Right, other: Right) -> Bool {
        one.order.lexicographicallyPrecedes(other.order)
    }

    /// `SELECT, UPDATE (a, b)` for rights of one role on one object.
    static func list(_ rights: [Right]) -> String {
        var columns: [String: [String]] = [:]
        for right in rights.sorted() { columns[right.privilege, default: []] += right.column.map { [$0] } ?? [] }
        let whole = Set(rights.filter { $0.column == nil }.map(\.privilege))
        return columns.sorted { $0.key < $1.key }.map { privilege, columns in
            whole.contains(privilege) ? privilege : "\(privilege) (\(columns.joined(separator: ", ")))"
        }.joined(separator: ", ")
    }
}
