import Codecs
public import Domain
import Foundation
public import Postgres
import Synchronization

/// The SQL files of one report: its queries, and beside them in `sources/` the relations that they share.
///
/// A query names a relation and finds it in front of itself as a `WITH` entry:
/// either a file of `sources/`, or a table as the database at hand has it,
/// with nulls where a column is missing. Nothing is created in the database.
public struct QueryLibrary: Sendable {
    public typealias File = QueryFile

    /// By name without the extension.
    private let queries: [String: File]
    private var sources: [String: File]
    /// The folder's name, for sentences.
    private let name: String
    private let taken = BoundQuery.Taken()
    private let digests = Digests()

    /// Those that were asked for: a run asks for the same again with every account.
    private final class Digests: Sendable {
        let known = Mutex<[String: String]>([:])
    }

    /// Reads `*.sql` of a folder and of its `sources/`.
    ///
    /// Those of ``SharedSource`` can be named in any report.
    ///
    /// - Parameter shared: The folder of another report whose `sources/` can be named too. What is named of others, and
    ///   is not among the folder's own, counts as files of this one.
    public init(folder: String, shared: String? = nil) throws(DaybookError) {
        queries = try Self.files(in: folder, prefix: "")
        let own = try Self.files(in: folder + "/sources", prefix: "sources/")
        let further = try shared.map { folder throws(DaybookError) in
            try Self.files(
                in: folder + "/sources", prefix: "\(URL(fileURLWithPath: folder).lastPathComponent)/sources/")
        }
        let known = Self.shared.merging(further ?? [:]) { _, further in further }
        let named = Self.named(
            known.filter { own[$0.key] == nil }, by: Array(queries.values) + Array(own.values))
        sources = own.merging(named) { own, _ in own }
        name = URL(fileURLWithPath: folder).lastPathComponent
    }

    /// Relations that read a month without its history, by the ones whose places they take where indexes find it.
    package static let monthFinding = ["every_task": "found_task"]
    /// Relations of tables that are on one server alone, by the ones whose places they take where the history is
    /// divided among several: what they hold goes out with the query.
    package static let dividedReading = ["known_outage": "told_outage"]

    /// The relations that files name, with those that these name in turn.
    private static func named(_ relations: [String: File], by files: [File]) -> [String: File] {
        var found: [String: File] = [:]
        var unread = files
        while let file = unread.popLast() {
            let own = SQLScanner.definitions(file.text)
            for case .word(let word) in SQLScanner.tokens(file.text) where !own.contains(String(word)) {
                guard let relation = relations[String(word)], found[String(word)] == nil else { continue }
                found[String(word)] = relation
                unread.append(relation)
            }
        }
        return found
    }

    /// Every file, ordered by its path.
    public var files: [File] {
        (Array(queries.values) + Array(sources.values)).sorted {
            Array($0.path.utf8).lexicographicallyPrecedes(Array($1.path.utf8))
        }
    }

    /// The tables and columns that the files name and the database does not have.
    ///
    /// Accounts and contract profiles are read by the program itself, for every report. Without what was captured or
    /// told, something else says the same, so nobody misses it; nor a second source, where there is none.
    public func gaps(in catalog: Catalog) -> [CatalogGap] {
        var words: Set<String> = ["account", "contract_profile"]
        for file in files where !Self.substituted.contains(file.path) {
            for case .word(let word) in SQLScanner.tokens(file.text) { words.insert(String(word)) }
        }
        words.remove(KnownTable.servedMinute.name)
        return catalog.gaps(in: KnownTable.all.filter { words.contains($0.name) })
            .filter { gap in gap.column.map(words.contains) ?? true }
    }

    /// True where a query names a table, by itself or by a relation that it names.
    package func reads(_ table: KnownTable) -> Bool {
        files.contains { file in
            guard !SQLScanner.definitions(file.text).contains(table.name) else { return false }
            return SQLScanner.tokens(file.text).contains { token in
                if case .word(let word) = token { word == table.name } else { false }
            }
        }
    }

    /// The digest of some queries with the relations that they share: it is another one once any of these files is.
    public func sha256(of names: [String]) throws(DaybookError) -> String {
        let key = names.joined(separator: " ")
        if let known = digests.known.withLock({ $0[key] }) { return known }
        var own: [File] = []
        for name in names { own.append(try file(name)) }
        // What takes the place of one of them counts with it, whether it does so now or not.
        own += (Array(Self.monthFinding) + Array(Self.dividedReading)).compactMap {
            sources[$0.key] == nil ? nil : sources[$0.value]
        }
        let parts = (own + Self.named(sources, by: own).values).map { "\($0.path) \($0.sha256)\n" }.sorted()
        let digest = SHA256Digest.hex(parts.joined())
        digests.known.withLock { $0[key] = digest }
        return digest
    }

    /// The file of a query. Throws `configuration` if the report's folder does not have it.
    public func file(_ name: String) throws(DaybookError) -> File {
        guard let file = queries[name] else {
            throw .configuration("The report's folder has no \(name).sql; reinstall the reports.")
        }
        return file
    }

    /// A query with the relations that it names in front of it and its values bound.
    ///
    /// - Parameter standIns: Relations of `sources/` whose place another one of them takes, by the name of the first.
    public func bind(
        _ name: String, catalog: Catalog, parameters: [String: Value], standingIn standIns: [String: String] = [:]
    ) throws(DaybookError) -> BoundQuery {
        let file = try file(name)
        let sql = try replacing(standIns).expand(file.text, catalog: catalog)
        return try bind(catalog.isDivided ? DividedSQL.text(sql) : sql, parameters: parameters, path: file.path)
    }

    /// The same library with some relations in the places of others.
    private func replacing(_ standIns: [String: String]) throws(DaybookError) -> QueryLibrary {
        var library = self
        for (name, standIn) in standIns where sources[name] != nil {
            guard let file = sources[standIn] else {
                throw .configuration("The report's folder has no sources/\(standIn).sql; reinstall the reports.")
            }
            library.sources[name] = file
        }
        return library
    }

    /// Replaces every `:name` by `$n`; a name without a value is an error.
    private func bind(
        _ sql: String, parameters: [String: Value], path: String
    ) throws(DaybookError) -> BoundQuery {
        var text = ""
        var order: [String] = []
        for token in SQLScanner.tokens(sql) {
            guard case .placeholder(let name) = token else {
                text += token.text
                continue
            }
            if !order.contains(String(name)) { order.append(String(name)) }
            text += "$\((order.firstIndex(of: String(name)) ?? 0) + 1)"
        }
        var values: [Value] = []
        for name in order {
            guard let value = parameters[name] else {
                throw .configuration("\(path) uses :\(name), which the report does not define.")
            }
            values.append(value)
        }
        return BoundQuery(sql: text, parameters: values, path: "\(self.name)/\(path)", taken: taken)
    }

    /// Puts the named relations, and those that they name, in front of a query.
    func expand(_ sql: String, catalog: Catalog) -> String {
        var order: [String] = []
        collect(sql, except: nil, into: &order)
        guard !order.isEmpty else { return sql }
        let entries = order.map { name in
            "\(name) AS \(isKept(name, for: sql) && !catalog.isDivided ? "" : "NOT ")MATERIALIZED (\n"
                + "\(relation(name, catalog: catalog) ?? "")\n)"
        }
        let prefix = "WITH " + entries.joined(separator: ", ")
        let tokens = SQLScanner.tokens(sql)
        // A query with a WITH of its own goes on after ours.
        if let first = tokens.firstIndex(where: { if case .word = $0 { true } else { false } }),
            tokens[first].text.lowercased() == "with"
        {
            // A parenthesis before it stays before ours: PostgreSQL takes one WITH for each level.
            let before = tokens[..<first].map(\.source).joined()
            let lead = before.contains("(") ? before : ""
            var rest = tokens[(first + 1)...]
            let recursive = rest.firstIndex { if case .word = $0 { true } else { false } }
            guard let recursive, rest[recursive].text.lowercased() == "recursive" else {
                return lead + prefix + ", " + rest.map(\.source).joined()
            }
            // The word stands once, behind the first WITH, and holds for all of it.
            rest.remove(at: recursive)
            return lead + "WITH RECURSIVE " + entries.joined(separator: ", ") + ", " + rest.map(\.source).joined()
        }
        return prefix + "\n" + sql
    }

    private func collect(_ sql: String, except: String?, into order: inout [String]) {
        let own = SQLScanner.definitions(sql)
        for case .word(let word) in SQLScanner.tokens(sql) {
            let name = String(word)
            guard name != except, !order.contains(name), !own.contains(name) else { continue }
            if let source = sources[name] {
                collect(source.text, except: name, into: &order)
                order.append(name)
            } else if Self.tables[name] != nil {
                order.append(name)
            }
        }
    }

    /// True for a relation that reads tables as a whole, and that a query would read more than once.
    private func isKept(_ name: String, for sql: String) -> Bool {
        SharedSource(rawValue: name)?.readsWholeTables == true && readings(of: name, in: sql, except: nil) > 1
    }

    /// How often a text reads a relation once those that it names stand in their places.
    private func readings(of name: String, in sql: String, except: String?) -> Int {
        SQLScanner.tokens(sql).reduce(0) { count, token in
            guard case .word(let word) = token, word != except ?? "" else { return count }
            if word == name { return count + 1 }
            let source = String(word)
            return count + (sources[source].map { readings(of: name, in: $0.text, except: source) } ?? 0)
        }
    }

    private func relation(_ name: String, catalog: Catalog) -> String? {
        sources[name]?.text ?? Self.tables[name].map(catalog.select)
    }

    /// The sources of every report, as this program has them: nobody's folder changes what a purge goes by as well.
    private static let shared = Dictionary(
        uniqueKeysWithValues: SharedSource.allCases.map { source in
            (
                source.rawValue,
                File(path: source.path, text: source.text, sha256: SHA256Digest.hex(source.text))
            )
        })
    private static let substituted = Set(SharedSource.allCases.filter(\.isSubstituted).map(\.path))

    /// The known tables by their bare name.
    private static let tables = Dictionary(uniqueKeysWithValues: KnownTable.all.map { ($0.name, $0) })

    private static func files(in folder: String, prefix: String) throws(DaybookError) -> [String: File] {
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else { return [:] }
        var files: [String: File] = [:]
        for name in names where name.hasSuffix(".sql") && !name.hasPrefix(".") {
            guard let data = FileManager.default.contents(atPath: folder + "/" + name),
                let text = String(validating: data, as: UTF8.self), !text.unicodeScalars.contains("\0")
            else { throw .configuration("\(folder)/\(name) cannot be read as UTF-8 text.") }
            files[String(name.dropLast(4))] = File(
                path: prefix + name, text: text, sha256: SHA256Digest.hex(Array(data)))
        }
        return files
    }
}
