import Documents
import Domain
import Postgres
import Reporting
import Schema

/// What the commands that list something read.
enum Reading {
    static func accounts(_ database: DatabaseOptions) async throws -> [Account] {
        try await books(database) { try $0.accounts() }
    }

    static func account(_ slug: String, _ database: DatabaseOptions) async throws -> Account {
        try Account.named(slug, among: try await accounts(database))
    }

    static func profiles(_ database: DatabaseOptions) async throws -> [String: String] {
        try await books(database) { try $0.latestProfiles() }
    }

    /// Rows of a query as text, with empty text for null.
    static func texts(_ database: DatabaseOptions, _ sql: String) async throws -> [[String]] {
        try await database.withConnection { connection in
            try await connection.transaction(.snapshot) { session in
                let known = try session.query("SELECT to_regclass('daybook.migration') IS NOT NULL AS exists")
                guard try known[0].bool("exists") else {
                    throw DaybookError.configuration(
                        "This database has no schema daybook; run: daybook database migrate")
                }
                return try session.query(sql).map { row in try row.columns.indices.map { try row.string($0) ?? "" } }
            }
        }
    }

    private static func books<Value: Sendable>(
        _ database: DatabaseOptions, _ body: @escaping @Sendable (Books) throws -> Value
    ) async throws -> Value {
        try await database.withConnection { connection in
            try await connection.transaction(.snapshot) { session in
                try body(Books(session: session, catalog: Catalog(session)))
            }
        }
    }
}

/// How commands that read probes say that a prober is silent: on standard error, a line each.
enum SilentProbers {
    static func say(_ silent: [SilentProber]) {
        for silent in silent { Terminal.say("daybook: \(silent.sentence)") }
    }

    /// Of a report's run: they are the same for each of its reports.
    static func say(_ outcomes: [SLAReport.Outcome]) { say(outcomes.first?.silentProbers ?? []) }
}

/// What every import command does.
enum Importing {
    static func run(
        _ kind: ImportKind, file: String, releaseReason: String? = nil, termsFrom: Month? = nil,
        dryRun: Bool = false, database: DatabaseOptions
    ) async throws {
        let outcome = try await database.withConnection { connection in
            let incoming = CSVImport(
                kind, file: ImportFile(path: file), releaseReason: releaseReason, termsFrom: termsFrom)
            return try await write(incoming, connection, isTrial: dryRun)
        }
        show(kind, outcome, isTrial: dryRun)
    }

    /// Imports, or tries to and takes all of it back.
    static func write(
        _ incoming: CSVImport, _ connection: Connection, isTrial: Bool
    ) async throws -> CSVImport.Outcome {
        isTrial ? try await incoming.rehearse(connection) : try await incoming.run(connection)
    }

    /// What an import did, or would do.
    static func show(_ kind: ImportKind, _ outcome: CSVImport.Outcome, isTrial: Bool = false) {
        Terminal.show(
            "\(kind.rawValue): \(outcome.read) rows read, \(outcome.added) added, \(outcome.changed) changed, "
                + "\(outcome.unchanged) already there")
        for change in outcome.terms {
            Terminal.show(
                "\(change.slug): new terms from \(change.from) on"
                    + (change.until.map { ", until those recorded from \($0) on" } ?? ""))
        }
        show(outcome.months)
        SilentProbers.say(outcome.silentProbers)
        if isTrial { Terminal.show("Nothing was written: this is what the import would do.") }
    }

    /// What months say with the probes that were imported.
    private static func show(_ months: [ProbeMonth]) {
        guard !months.isEmpty else { return }
        var table = TextTable(columns: [
            "target", "month", .number("minutes"), .number("up"), .number("down"), .number("unmonitored"),
            .number("monitored %"), .number("every"), "first", "last",
        ])
        for month in months {
            table.add([
                month.target, month.month.description, String(month.totalMinutes), String(month.upMinutes),
                String(month.downMinutes), String(month.unmonitoredMinutes), month.monitoredPercent.description,
                month.medianMicroseconds.map { FixedPoint.text(($0 + 99_999) / 100_000, places: 1) + " s" } ?? "",
                month.firstAt.description, month.lastAt.description,
            ])
        }
        table.show()
        for month in months {
            if let gap = month.gap { Terminal.say("daybook: \(gap)") }
        }
    }
}

/// A report's table on a terminal.
extension Table {
    /// Its columns by the names that files give them, numbers at the right.
    var text: TextTable {
        var text = TextTable(
            columns: columns.map { column in
                guard column.kind.isNumeric else { return .text(column.id) }
                return Self.names.contains(column.id) ? .name(column.id) : .number(column.id)
            })
        for row in rows { text.add(row.map(\.plainText)) }
        return text
    }

    /// Columns whose numbers name something, and are typed again.
    private static let names: Set<String> = ["certificate", "number", "put_back_by", "run"]

    /// Without the columns in which no row has anything.
    var withoutEmptyColumns: Table {
        keeping { column in rows.isEmpty || rows.contains { !$0[column].plainText.isEmpty } }
    }

    /// The rows that have a text in a column, without that column.
    func part(where column: String, is text: String) -> Table {
        guard let place = columns.firstIndex(where: { $0.id == column }) else { return self }
        var part = self
        part.rows = rows.filter { $0[place].plainText == text }
        return part.keeping { $0 != place }
    }

    /// The columns of these names, in the table's order.
    func part(columns names: [String]) -> Table {
        let names = Set(names)
        return keeping { names.contains(columns[$0].id) }
    }

    private func keeping(_ isKept: (Int) -> Bool) -> Table {
        let kept = columns.indices.filter(isKept)
        return Table(
            name: name, title: title, note: note, columns: kept.map { columns[$0] },
            rows: rows.map { row in kept.map { row[$0] } })
    }

    func show() { text.show() }
}

/// A column of a list on a terminal: what stands in it decides where its texts are aligned.
enum ListColumn: ExpressibleByStringLiteral {
    case text(String)
    /// What is counted or paid.
    case number(String)
    /// A number that names something: it has no separators, because it is typed again.
    case name(String)

    init(stringLiteral heading: String) { self = .text(heading) }
}

extension TextTable {
    init(columns: [ListColumn]) {
        let headings = columns.map { column in
            switch column {
            case .text(let heading), .number(let heading), .name(let heading): heading
            }
        }
        let amounts = columns.indices.filter { index in
            if case .number = columns[index] { true } else { false }
        }
        let names = columns.indices.filter { index in
            if case .name = columns[index] { true } else { false }
        }
        self.init(headings, rightAligned: Set(amounts + names), amounts: Set(amounts))
    }
}
