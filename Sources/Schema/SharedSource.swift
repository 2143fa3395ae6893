/// A rule of the books that stands in SQL, as a relation: when a task has ended, whether a batch is settled, which
/// credit a ledger row moved, whose an access is, and in which order slugs are.
///
/// Each is one file of `reports/sources/`, which is embedded here. The queries of reports name it like a table; what is
/// written in Swift takes the whole relation (``select(_:)``) or one of its columns (``expression(_:_:)``), so that a
/// plan, a purge, a carry and a verification go by the text that the reports count by.
public enum SharedSource: String, CaseIterable, Sendable {
    case batchState = "batch_state"
    case datedBatch = "dated_batch"
    case datedTask = "dated_task"
    case estimatedSettlement = "estimated_settlement"
    case ledgerRow = "ledger_row"
    case namedTask = "named_task"
    case ownedAccess = "owned_access"
    case singleReturn = "single_return"
    case singleSpend = "single_spend"
    case slugOrder = "slug_order"

    /// The file as it was when the program was built.
    public var text: String {
        let bytes =
            switch self {
            case .batchState: PackageResources.batch_state_sql
            case .datedBatch: PackageResources.dated_batch_sql
            case .datedTask: PackageResources.dated_task_sql
            case .estimatedSettlement: PackageResources.estimated_settlement_sql
            case .ledgerRow: PackageResources.ledger_row_sql
            case .namedTask: PackageResources.named_task_sql
            case .ownedAccess: PackageResources.owned_access_sql
            case .singleReturn: PackageResources.single_return_sql
            case .singleSpend: PackageResources.single_spend_sql
            case .slugOrder: PackageResources.slug_order_sql
            }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Where the file is, from the folder that the program is installed in.
    public var path: String { "reports/sources/\(rawValue).sql" }

    /// True for what reads tables as a whole: a query that names it more than once works it out once.
    public var readsWholeTables: Bool { self == .estimatedSettlement }

    /// True where the tables that are read beside the deployment's only say more exactly what is known without them:
    /// nobody is told that they are missing.
    public var isSubstituted: Bool { self == .estimatedSettlement || self == .ledgerRow }

    /// The relation as a query on the database at hand, with every object named with its schema.
    public func select(_ catalog: Catalog) -> String {
        var text = ""
        var previous = ""
        for token in SQLScanner.tokens(catalog.isDivided ? DividedSQL.text(body) : body) {
            guard case .word(let word) = token else {
                text += token.source
                continue
            }
            text += Self.isRelation(after: previous) ? Self.relation(String(word), catalog) : token.source
            previous = word.uppercased()
        }
        return text
    }

    private static func isRelation(after word: String) -> Bool { word == "FROM" || word == "JOIN" }

    private static func relation(_ name: String, _ catalog: Catalog) -> String {
        if let table = KnownTable.all.first(where: { $0.name == name }) { return "(\(catalog.select(table)))" }
        return SharedSource(rawValue: name).map { "(\($0.select(catalog)))" } ?? name
    }

    /// What a column of the relation is, for a row that is at hand.
    ///
    /// Precondition: the relation is one SELECT and has that column.
    ///
    /// - Parameter column: How a column is written that the rule reads, by the name that its table has in the rule and
    ///   by its own.
    public func expression(_ name: String, _ column: (_ table: String, _ column: String) -> String) -> String {
        let tokens = SQLScanner.tokens(body)
        guard let item = Self.items(tokens).first(where: { $0.name == name }) else {
            preconditionFailure("\(rawValue) has the column \(name)")
        }
        return Self.written(item.tokens, column)
    }

    /// When a row of a table that the rule joins is the one of the row at hand.
    ///
    /// Precondition: the relation joins a table under that name, by one condition.
    public func condition(of table: String, _ column: (_ table: String, _ column: String) -> String) -> String {
        let tokens = SQLScanner.tokens(body)
        let ends: Set<String> = ["JOIN", "LEFT", "CROSS", "WHERE", "GROUP", "ORDER"]
        var words: [String] = []
        for (index, token) in tokens.enumerated() {
            guard case .word(let word) = token else { continue }
            words.append(word.uppercased())
            guard words.suffix(3) == ["AS", table.uppercased(), "ON"] else { continue }
            let rest = tokens[(index + 1)...].prefix { token in
                if case .word(let word) = token { !ends.contains(word.uppercased()) } else { true }
            }
            return Self.written(Array(rest), column)
        }
        preconditionFailure("\(rawValue) joins \(table)")
    }

    /// The file without its comments.
    private var body: String {
        SQLScanner.tokens(text).filter { !$0.source.hasPrefix("--") }.map(\.source).joined()
            .trimmingSuffix(while: \.isWhitespace)
    }

    /// What stands between SELECT and FROM, with the name that each has; nothing for a column that is passed on.
    private static func items(_ tokens: [SQLScanner.Token]) -> [(name: String, tokens: [SQLScanner.Token])] {
        var items: [[SQLScanner.Token]] = [[]]
        var depth = 0
        for token in tokens.drop(while: { $0.source.uppercased() != "SELECT" }).dropFirst() {
            switch token.source {
            case "(": depth += 1
            case ")": depth -= 1
            default: break
            }
            if depth == 0, token.source.uppercased() == "FROM" { break }
            if depth == 0, token.source == "," { items.append([]) } else { items[items.count - 1].append(token) }
        }
        return items.compactMap { item in
            let words = item.indices.filter { if case .word = item[$0] { true } else { false } }
            guard words.count >= 2, item[words[words.count - 2]].source.uppercased() == "AS" else { return nil }
            return (item[words[words.count - 1]].source, Array(item[..<words[words.count - 2]]))
        }
    }

    /// The tokens on one line, with the columns as they are written elsewhere.
    private static func written(_ tokens: [SQLScanner.Token], _ column: (String, String) -> String) -> String {
        var text = ""
        var index = tokens.startIndex
        while index < tokens.endIndex {
            if case .word(let table) = tokens[index], index + 2 < tokens.endIndex, tokens[index + 1].source == ".",
                case .word(let name) = tokens[index + 2]
            {
                text += column(String(table), String(name))
                index += 3
                continue
            }
            let source = tokens[index].source.hasPrefix("/*") ? " " : tokens[index].source
            let isBlank = source.allSatisfy(\.isWhitespace)
            if !isBlank { text += source } else if !text.isEmpty, !text.hasSuffix(" ") { text += " " }
            index += 1
        }
        return String(text.trimmingSuffix(while: \.isWhitespace))
    }
}

extension StringProtocol {
    /// Without the characters at its end that match.
    fileprivate func trimmingSuffix(while matches: (Character) -> Bool) -> String {
        var rest = self[...]
        while let last = rest.last, matches(last) { rest = rest.dropLast() }
        return String(rest)
    }
}
