import Domain
import Formats

/// The files that can be imported: their columns, their table, and what makes a row of them valid.
public enum ImportKind: String, Sendable, CaseIterable {
    case accounts
    case probes
    case maintenance
    case outages

    /// The table that the rows go to.
    var table: String {
        switch self {
        case .accounts: "daybook.account"
        case .probes: "daybook.probe"
        case .maintenance: "daybook.maintenance_window"
        case .outages: "daybook.provider_outage"
        }
    }

    /// The columns that the file must have.
    public var fileColumns: [String] {
        switch self {
        case .accounts:
            [
                "user_id", "slug", "name", "plan", "currency", "timezone", "retention_days", "monthly_fee_usd",
                "legal_hold",
            ]
        case .probes: ["probed_at", "target", "ok", "latency_ms"]
        case .maintenance: ["starts_at", "ends_at", "reason", "announced_at"]
        case .outages: ["model", "starts_at", "ends_at", "evidence"]
        }
    }

    /// The columns that the file may have.
    public var optionalFileColumns: [String] {
        switch self {
        case .accounts: ["contract_profile"] + Self.billingColumns
        case .maintenance: ["target"] + MaintenanceCorrections.columns.map(\.name)
        case .probes, .outages: []
        }
    }

    /// To whom an account's statements are addressed, by the names of file and table alike. What a file has no column
    /// of stays as it is.
    static let billingColumns = ["billing_name", "billing_address", "vat_id", "billing_email", "cc", "reference"]

    /// The columns of the table, in the order of ``values(_:zones:)``.
    var columns: [String] {
        switch self {
        case .accounts:
            [
                "user_id", "slug", "name", "plan", "currency", "time_zone", "retention_days", "monthly_fee_usd",
                "legal_hold",
                "contract_profile",
            ] + Self.billingColumns
        case .probes: ["target", "probed_at", "ok", "latency_ms"]
        case .maintenance: ["starts_at", "ends_at", "announced_at", "reason", "target"]
        case .outages: ["model", "starts_at", "ends_at", "evidence"]
        }
    }

    /// What the rows say beside the columns of the table, and is read while they are imported.
    var remarkColumns: [(name: String, type: String)] { self == .maintenance ? MaintenanceCorrections.columns : [] }

    /// The columns of an account that hold from a month on.
    var termColumns: [String] {
        self == .accounts ? ["plan", "currency", "time_zone", "monthly_fee_usd", "contract_profile"] : []
    }

    var keyColumns: [String] {
        switch self {
        case .accounts: ["user_id"]
        case .probes: ["target", "probed_at", "ok"]
        case .maintenance, .outages: columns
        }
    }

    /// The columns that stay as they are where the file does not have them.
    var keptColumns: [String] { self == .accounts ? Self.billingColumns : [] }

    /// The column that is written by functions of its own, nil where there is none.
    var heldColumn: String? { self == .accounts ? "legal_hold" : nil }

    /// The columns whose values may stand in a file only once.
    var uniqueColumns: [String] { self == .accounts ? ["user_id", "slug"] : [] }

    /// The row's values for the table and beside it; what is wrong with them is noted in the row.
    func values(_ row: inout ImportedRow, zones: TimeZoneNames?) -> [String?] {
        switch self {
        case .accounts: Self.account(&row, zones: zones)
        case .probes: Self.probe(&row)
        case .maintenance: Self.window(&row)
        case .outages: Self.outage(&row)
        }
    }

    private static func account(_ row: inout ImportedRow, zones: TimeZoneNames?) -> [String?] {
        let days = Limits.retentionDays.map(String.init)
        let mostFee = Limits.monthlyFeeCents.upperBound / 100
        return [
            row.uuid("user_id"),
            row.value("slug", "1 to 64 of a-z, 0-9 and hyphens", default: "") { Account.isSlug($0) ? $0 : nil },
            row.required("name"),
            row.value("plan", "payg or prepaid", default: "") { Account.Plan(rawValue: $0)?.rawValue },
            row.value("currency", "USD, the only one there is", default: "") { $0 == "USD" ? $0 : nil },
            row.value("timezone", "an IANA name that the database knows, such as Europe/Berlin", default: "") {
                zones?.contains($0) == true ? $0 : nil
            },
            row.value("retention_days", "30, 90 or 180", default: "") { days.contains($0) ? $0 : nil },
            row.text("monthly_fee_usd") == nil
                ? "0"
                : row.value("monthly_fee_usd", "an amount from 0 to \(mostFee) with at most two decimals", default: "")
                { text in
                    FixedPoint.parse(text, places: 2).flatMap { Limits.monthlyFeeCents.contains($0) ? text : nil }
                },
            row.text("legal_hold"),
            row.text("contract_profile") ?? "standard",
        ] + billing(&row)
    }

    /// The values of ``billingColumns``; empty for what the file does not say.
    private static func billing(_ row: inout ImportedRow) -> [String?] {
        [
            row.line("billing_name"),
            row.lines("billing_address"),
            row.line("vat_id"),
            row.addresses("billing_email", atMost: 1),
            row.addresses("cc", atMost: Limits.mailCopies),
            row.line("reference"),
        ]
    }

    private static func probe(_ row: inout ImportedRow) -> [String?] {
        [
            row.required("target", limit: 200),
            row.instant("probed_at").description,
            row.value("ok", "true or false", default: "") {
                ["true", "false", "t", "f"].contains($0.lowercased()) ? $0 : nil
            },
            row.text("latency_ms") == nil
                ? nil
                : row.value("latency_ms", "whole milliseconds from 0 to \(Int32.max)", default: "") { text in
                    Int32(text).flatMap { $0 >= 0 ? text : nil }
                },
        ]
    }

    private static func window(_ row: inout ImportedRow) -> [String?] {
        let (start, end) = interval(&row)
        return [
            start, end, row.instant("announced_at").description, row.required("reason", limit: Limits.remarkLength),
            row.text("target") == nil ? "" : row.required("target", limit: Limits.windowTargetLength),
        ] + MaintenanceCorrections.values(&row)
    }

    private static func outage(_ row: inout ImportedRow) -> [String?] {
        let (start, end) = interval(&row)
        return [row.required("model", limit: 200), start, end, row.required("evidence", limit: Limits.remarkLength)]
    }

    private static func interval(_ row: inout ImportedRow) -> (String, String) {
        let start = row.instant("starts_at")
        let end = row.instant("ends_at")
        if row.defects.isEmpty, end <= start { row.refuse("ends_at", "is not after starts_at") }
        return (start.description, end.description)
    }
}

/// One record of an imported file by the names of its columns, collecting what is wrong with it.
struct ImportedRow {
    private let fields: [String: CSVReader.Field]
    private let line: Int
    private(set) var defects: [CSVDefect] = []

    init(_ record: [CSVReader.Field], header: [String]) {
        fields = Dictionary(uniqueKeysWithValues: zip(header, record))
        line = record.first?.line ?? 0
    }

    mutating func refuse(_ column: String, _ what: String) {
        let field = fields[column]
        defects.append(CSVDefect(line: field?.line ?? line, column: field?.column ?? 1, what: "\(column) \(what)"))
    }

    /// The text of an optional column; nil where it is empty.
    func text(_ column: String) -> String? {
        guard let text = fields[column]?.text, !text.isEmpty else { return nil }
        return text
    }

    /// The text of a column that must not be empty, nor longer than a name.
    mutating func required(_ column: String, limit: Int = Limits.nameLength) -> String {
        guard let text = text(column) else {
            refuse(column, "is empty")
            return ""
        }
        if text.count > limit { refuse(column, "is longer than \(limit) characters") }
        if text.unicodeScalars.contains("\0") { refuse(column, "contains a NUL, which no database text can hold") }
        return text
    }

    /// A value of a column by some rule; a text that the rule refuses is a defect.
    mutating func value<Value>(
        _ column: String, _ meaning: String, default fallback: Value, _ rule: (String) -> Value?
    ) -> Value {
        let text = required(column)
        guard !text.isEmpty else { return fallback }
        if let value = rule(text) { return value }
        refuse(column, "is \"\(text.prefix(40))\", but must be \(meaning)")
        return fallback
    }

    /// One short line of an optional column, which stands on a page; empty where there is none.
    mutating func line(_ column: String) -> String {
        guard let text = text(column) else { return "" }
        if text.contains(where: \.isNewline) { refuse(column, "has more than one line") }
        return lines(column)
    }

    /// The lines of an optional column, as many as an address has, without what is blank.
    mutating func lines(_ column: String) -> String {
        let lines = (text(column) ?? "").split(whereSeparator: \.isNewline).map { $0.trimmingBlanks }
            .filter { !$0.isEmpty }
        if lines.count > Limits.addressLines { refuse(column, "has more than \(Limits.addressLines) lines") }
        if lines.contains(where: { $0.count > Limits.addressLineLength }) {
            refuse(column, "has a line of more than \(Limits.addressLineLength) characters")
        }
        if lines.contains(where: { $0.unicodeScalars.contains { $0.properties.generalCategory == .control } }) {
            refuse(column, "contains a control character")
        }
        return lines.joined(separator: "\n")
    }

    /// Mail addresses of an optional column, with a blank between them; commas and semicolons separate them as well.
    mutating func addresses(_ column: String, atMost limit: Int) -> String {
        let found = (text(column) ?? "").split { $0.isWhitespace || $0 == "," || $0 == ";" }.map(String.init)
        if let wrong = found.first(where: { !AccountBilling.isMailAddress($0) }) {
            refuse(column, "is \"\(wrong.prefix(40))\", but must be a mail address")
        }
        if found.count > limit { refuse(column, "has more than \(limit) \(limit == 1 ? "address" : "addresses")") }
        return found.joined(separator: " ")
    }

    mutating func instant(_ column: String) -> Instant {
        value(column, "an instant with an offset, such as 2026-10-01T00:00:00Z", default: Instant(microseconds: 0)) {
            Instant($0)
        }
    }

    mutating func uuid(_ column: String) -> String {
        value(column, "a UUID", default: "") { text in
            let groups = text.lowercased().split(separator: "-", omittingEmptySubsequences: false)
            let isHex = groups.allSatisfy { $0.utf8.allSatisfy { Self.hexDigits.contains($0) } }
            return isHex && groups.map(\.utf8.count) == [8, 4, 4, 4, 12] ? text.lowercased() : nil
        }
    }

    private static let hexDigits = Set("0123456789abcdef".utf8)
}

extension Substring {
    /// Without the blanks around it.
    fileprivate var trimmingBlanks: String {
        var rest = drop { $0.isWhitespace }
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return String(rest)
    }
}
