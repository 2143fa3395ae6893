import Domain
import Postgres
import Schema

/// The parameters that a user gave to a report, checked against its definition.
struct ReportArguments {
    private let definition: ReportDefinition
    /// Every parameter's text; nil where an optional one is not given.
    private let texts: [(parameter: ReportDefinition.Parameter, text: String?)]

    /// Throws `usage` for an unknown, missing or malformed parameter.
    init(_ definition: ReportDefinition, _ arguments: [String: String]) throws {
        self.definition = definition
        let known = definition.parameters.map(\.name)
        if let unknown = arguments.keys.sorted().first(where: { !known.contains($0) }) {
            let choices = known.isEmpty ? "it has none" : "it has \(known.joined(separator: ", "))"
            throw DaybookError.usage("The report \(definition.name) has no parameter \(unknown): \(choices).")
        }
        var texts: [(ReportDefinition.Parameter, String?)] = []
        for parameter in definition.parameters {
            let text = arguments[parameter.name] ?? parameter.defaultValue
            guard text != nil || parameter.isOptional else {
                throw ReportRefusal.missingParameter(
                    parameter.name, report: definition.name, kind: parameter.kind)
            }
            if let text, !Self.isValid(text, parameter.kind) {
                throw ReportRefusal.wrongParameter(parameter.name, text: text, kind: parameter.kind)
            }
            texts.append((parameter, text))
        }
        self.texts = texts
    }

    private static func isValid(_ text: String, _ kind: ReportDefinition.Parameter.Kind) -> Bool {
        switch kind {
        // Which accounts there are, and which may be meant, is known when the report runs.
        case .text, .account: !text.unicodeScalars.contains("\0")
        case .integer: Int64(text) != nil
        case .date: date(text) != nil
        case .month: Month(text) != nil
        }
    }

    private static func date(_ text: String) -> CalendarDate? {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.map(\.utf8.count) == [4, 2, 2], let year = Int(parts[0]), let month = Int(parts[1]),
            let day = Int(parts[2])
        else { return nil }
        return CalendarDate(year: year, month: month, day: day)
    }

    /// The values that are safe in a file's name, once they are bound: account, month and date.
    var nameParts: [String] {
        let order: [ReportDefinition.Parameter.Kind] = [.account, .month, .date]
        return order.flatMap { kind in texts.filter { $0.parameter.kind == kind }.compactMap(\.text) }
    }

    /// Every parameter with its text, for the page.
    var shown: [(term: String, value: String)] { texts.map { ($0.parameter.name, $0.text ?? "") } }

    /// The one month that the promises are judged for, by its parameter, and the account; nil where the report is not
    /// of one month.
    var judged: (parameter: String, month: Month, account: String?)? {
        let months = texts.filter { $0.parameter.kind == .month }
        guard months.count == 1, let month = months[0].text.flatMap({ Month($0) }) else { return nil }
        return (months[0].parameter.name, month, texts.first { $0.parameter.kind == .account }?.text)
    }

    /// The values by the names that the SQL uses. A month is that of the account's zone, else of UTC.
    func bind(session: Session, catalog: Catalog) throws -> [String: Value] {
        var values: [String: Value] = [:]
        var customer: Account?
        for (parameter, text) in texts where parameter.kind == .account {
            let accounts = try Books(session: session, catalog: catalog).accounts()
            let account = try text.map { try Account.named($0, among: accounts) }
            values[parameter.name] = Value(text)
            values[parameter.name + "_user_id"] = Value(account?.userID)
            customer = account ?? customer
        }
        for (parameter, text) in texts {
            switch parameter.kind {
            case .text: values[parameter.name] = Value(text)
            case .integer: values[parameter.name] = text.flatMap(Int64.init).map(Value.int) ?? .null
            case .date: values[parameter.name] = text.flatMap(Self.date).map(Value.date) ?? .null
            case .account: break
            case .month:
                let month = text.flatMap { Month($0) }
                let months = LocalMonths(session)
                let period = try month.map { month in
                    try customer.map { try months.periods(of: [(month, $0)])[0] }
                        ?? months.periods(of: [(month, timeZone: "UTC")])[0]
                }
                values[parameter.name] = Value(text)
                values[parameter.name + "_start"] = Value(period?.start)
                values[parameter.name + "_end"] = Value(period?.end)
            }
        }
        return values
    }
}
