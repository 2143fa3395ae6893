public import Domain
import Formats
public import Postgres

/// Where the rows of an import come from.
public enum ImportSource: Sendable {
    /// A CSV file, whose rows are read and judged one by one.
    case file(ImportFile)
    /// Rows that were read and judged before, in the order of the table's columns, out of the file of that name.
    case rows([[String?]], path: String)

    /// The file's name, for sentences.
    var path: String {
        switch self {
        case .file(let file): file.path
        case .rows(_, let path): path
        }
    }
}

/// Imports a file, all or nothing: every row is validated before the first one counts.
public struct CSVImport: Sendable {
    /// What an import did, or what a trial would do.
    public struct Outcome: Hashable, Sendable {
        /// Rows of the file.
        public let read: Int
        /// Rows that were not there before.
        public let added: Int
        /// Rows that were there with other values.
        public let changed: Int
        /// The accounts that were there and whose terms change.
        public let terms: [TermsChange]
        /// Of probes: what the months that they touch say with them.
        public let months: [ProbeMonth]
        /// Of probes: those of whom nothing has come for a while, with what was imported.
        public let silentProbers: [SilentProber]

        public init(
            read: Int, added: Int, changed: Int, terms: [TermsChange] = [], months: [ProbeMonth] = [],
            silentProbers: [SilentProber] = []
        ) {
            self.read = read
            self.added = added
            self.changed = changed
            self.terms = terms
            self.months = months
            self.silentProbers = silentProbers
        }

        /// Rows that were there already, as they are.
        public var unchanged: Int { read - added - changed }
    }

    /// What the file holds.
    public let kind: ImportKind
    public let source: ImportSource
    /// Why the legal holds are released that a file of accounts does not name any more, or why windows of maintenance
    /// are corrected.
    public let reason: String?

    /// The first month under the terms of a file of accounts; nil for the first one that is not over.
    public let termsFrom: Month?

    /// - Parameters:
    ///   - reason: Without it, a file is refused that would release a legal hold or correct a window of maintenance.
    ///   - termsFrom: Of accounts that are there already; one that is over is refused.
    public init(
        _ kind: ImportKind, _ source: ImportSource, reason: String? = nil, termsFrom: Month? = nil
    ) {
        self.kind = kind
        self.source = source
        self.reason = reason
        self.termsFrom = termsFrom
    }

    /// Of a CSV file.
    public init(_ kind: ImportKind, file: ImportFile, releaseReason: String? = nil, termsFrom: Month? = nil) {
        self.init(kind, .file(file), reason: releaseReason, termsFrom: termsFrom)
    }

    /// Imports the file in one transaction.
    ///
    /// Throws `badData` naming line and column of what is wrong, and then nothing was imported.
    public func run(_ connection: Connection) async throws -> Outcome {
        try await connection.transaction(TransactionOptions(lockTimeoutMilliseconds: 5000)) { try write($0) }
    }

    /// Says what importing the file would do, and takes all of it back.
    ///
    /// Throws what ``run(_:)`` would throw.
    public func rehearse(_ connection: Connection) async throws -> Outcome {
        do {
            return try await connection.transaction(TransactionOptions(lockTimeoutMilliseconds: 5000)) { session in
                throw Rehearsed(outcome: try write(session))
            }
        } catch let rehearsed as Rehearsed {
            return rehearsed.outcome
        }
    }

    /// Ends a transaction whose work is not wanted.
    private struct Rehearsed: Error {
        let outcome: Outcome
    }

    private func write(_ session: Session) throws -> Outcome {
        try session.executeScript(
            "SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL row_security = off; SET LOCAL TimeZone = 'UTC'")
        try requireTable(session)
        let zones = kind == .accounts ? try TimeZoneNames(session) : nil
        try session.executeScript(
            "CREATE TEMPORARY TABLE incoming (LIKE \(kind.table) INCLUDING DEFAULTS) ON COMMIT DROP")
        for column in kind.remarkColumns {
            try session.executeScript("ALTER TABLE pg_temp.incoming ADD COLUMN \(column.name) \(column.type)")
        }
        let (rows, header, defects) = try copy(session, zones: zones)
        guard defects.isEmpty else { throw Self.refusal(source.path, defects) }
        let absent = kind.keptColumns.filter { !header.contains($0) }
        // An account's hold and days count from here on, also for a purge that is under way.
        if kind == .accounts {
            try LegalHoldLock.take(session)
            try AccountSlugs.requireFree(session)
            let changed = try changedRows(session, without: absent)
            // The terms of an account change by months, and in one way only.
            let terms = try AccountTermsImport.record(
                from: termsFrom, others: present(without: absent).filter { !kind.termColumns.contains($0) }, session
            )
            try AccountHolds.release(because: reason, session)
            let added = try AccountSlugs.refusing {
                try update(session, without: absent)
                return try add(session)
            }
            try AccountHolds.place(session)
            let changedAlone = terms.filter { !$0.isChangedOtherwise }.count
            return Outcome(read: rows, added: added, changed: changed + changedAlone, terms: terms)
        }
        if kind == .maintenance { try MaintenanceCorrections.record(because: reason, session) }
        let added = try add(session)
        guard kind == .probes else { return Outcome(read: rows, added: added, changed: 0) }
        return Outcome(
            read: rows, added: added, changed: 0, months: try ProbeMonth.ofIncoming(session),
            silentProbers: try SilentProber.find(session, Catalog(session), now: session.snapshotInstant()))
    }

    private func requireTable(_ session: Session) throws {
        // Of accounts also the functions that move their holds, and what later versions added.
        let known = try session.query(
            """
            SELECT to_regclass($1) IS NOT NULL
                AND (NOT $2 OR to_regprocedure('daybook.place_account_hold(uuid, text)') IS NOT NULL)
                AND NOT EXISTS (
                    SELECT FROM unnest($3::text[]) AS wanted WHERE wanted NOT IN (
                        SELECT attname FROM pg_attribute WHERE attrelid = to_regclass($1))
                ) AS exists
            """, [.text(kind.table), .bool(kind.heldColumn != nil), .texts(kind.keptColumns)])
        guard try known[0].bool("exists") else {
            throw DaybookError.configuration("This database has no \(kind.table) of this version", .migrate)
        }
    }

    private func copy(
        _ session: Session, zones: TimeZoneNames?
    ) throws -> (rows: Int, header: [String], defects: [CSVDefect]) {
        let columns = (kind.columns + kind.remarkColumns.map(\.name)).joined(separator: ", ")
        let statement = "COPY pg_temp.incoming (\(columns)) FROM STDIN"
        switch source {
        case .rows(let rows, _):
            let none = kind.remarkColumns.map { _ in String?.none }
            _ = try session.copyIn(statement) { writer in
                for row in rows { try writer.write(CopyText.line(row + none)) }
            }
            return (rows.count, kind.fileColumns, [])
        case .file(let file): return try copy(file, session, statement, zones: zones)
        }
    }

    private func copy(
        _ file: ImportFile, _ session: Session, _ statement: String, zones: TimeZoneNames?
    ) throws -> (rows: Int, header: [String], defects: [CSVDefect]) {
        var header: [String]?
        var rows = 0
        var defects: [CSVDefect] = []
        var seen: [String: Int] = [:]
        _ = try session.copyIn(statement) { writer in
            try file.records { record in
                guard let names = header else {
                    header = try Self.header(record, kind: kind, path: file.path)
                    return
                }
                rows += 1
                guard record.count == names.count else {
                    defects.append(
                        CSVDefect(
                            line: record[0].line, column: record[0].column,
                            what: "the row has \(record.count) fields, the header \(names.count)"))
                    return
                }
                var row = ImportedRow(record, header: names)
                let values = kind.values(&row, zones: zones)
                for column in kind.uniqueColumns {
                    let key = "\(column) \(values[kind.columns.firstIndex(of: column) ?? 0] ?? "")"
                    if let line = seen[key] { row.refuse(column, "stands on line \(line) too") }
                    seen[key] = record[0].line
                }
                defects += row.defects
                guard defects.isEmpty else { return }
                try writer.write(CopyText.line(values))
            }
        }
        guard let header else { throw DaybookError.badData("\(file.path) is empty; it needs a header row.") }
        return (rows, header, defects)
    }

    private static func header(_ record: [CSVReader.Field], kind: ImportKind, path: String) throws -> [String] {
        let names = record.map(\.text)
        for (name, field) in zip(names, record) {
            let place = "\(path), line \(field.line), column \(field.column)"
            guard kind.fileColumns.contains(name) || kind.optionalFileColumns.contains(name) else {
                throw DaybookError.badData("\(place): there is no column \"\(name.prefix(40))\"; nothing was imported.")
            }
            guard names.filter({ $0 == name }).count == 1 else {
                throw DaybookError.badData("\(place): the column \(name) stands there twice; nothing was imported.")
            }
        }
        if let missing = kind.fileColumns.first(where: { !names.contains($0) }) {
            throw DaybookError.badData("\(path) has no column \(missing); nothing was imported.")
        }
        return names
    }

    /// The columns that say what holds now, but for those that the file does not have and which stay as they are. Terms
    /// of a later month are written by their own way alone.
    private func present(without absent: [String]) -> [String] {
        kind.columns.filter {
            !kind.keyColumns.contains($0) && (termsFrom == nil || !kind.termColumns.contains($0))
                && !absent.contains($0)
        }
    }

    private var matching: String { kind.keyColumns.map { "t.\($0) = i.\($0)" }.joined(separator: " AND ") }

    /// The rows that are there with other values, before anything is written.
    private func changedRows(_ session: Session, without absent: [String]) throws -> Int {
        let columns = present(without: absent)
        let current = columns.map { "t.\($0)" }.joined(separator: ", ")
        let incoming = columns.map { "i.\($0)" }.joined(separator: ", ")
        return Int(
            try session.query(
                """
                SELECT count(*) AS changed FROM \(kind.table) AS t JOIN pg_temp.incoming AS i ON \(matching)
                WHERE (\(current)) IS DISTINCT FROM (\(incoming))
                """)[0].int("changed"))
    }

    /// Of accounts everything but the hold, which has its own way too.
    private func update(_ session: Session, without absent: [String]) throws {
        let updated = present(without: absent).filter { $0 != kind.heldColumn }
        let assignments = updated.map { "\($0) = i.\($0)" }.joined(separator: ", ")
        let current = updated.map { "t.\($0)" }.joined(separator: ", ")
        let incoming = updated.map { "i.\($0)" }.joined(separator: ", ")
        try session.execute(
            """
            UPDATE \(kind.table) AS t SET \(assignments) FROM pg_temp.incoming AS i
            WHERE \(matching) AND (\(current)) IS DISTINCT FROM (\(incoming))
            """)
    }

    private func add(_ session: Session) throws -> Int {
        let columns = kind.columns.filter { $0 != kind.heldColumn }.joined(separator: ", ")
        return try session.execute(
            """
            INSERT INTO \(kind.table) (\(columns)) SELECT \(columns) FROM pg_temp.incoming
            \(kind == .maintenance ? "WHERE cancelled IS NOT TRUE" : "")
            ON CONFLICT (\(kind.keyColumns.joined(separator: ", "))) DO NOTHING
            """)
    }

    private static func refusal(_ path: String, _ defects: [CSVDefect]) -> DaybookError {
        let shown = defects.prefix(Limits.importErrorsShown).map { "\n  \($0)" }.joined()
        let hidden = defects.count - min(defects.count, Limits.importErrorsShown)
        let more = hidden > 0 ? "\n  and \(hidden) more" : ""
        return .badData("\(path) was not imported, because of \(defects.count) wrong value(s):\(shown)\(more)")
    }
}
