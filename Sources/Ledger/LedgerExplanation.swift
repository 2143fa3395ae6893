public import Documents
import Domain
public import Postgres
import Schema

/// Walks from a batch, a task or a ledger row to the purchase that paid for it, and back.
public struct LedgerExplanation: Sendable {
    private let definitionFolder: String
    private let reference: String

    public init(definitionFolder: String, reference: String) {
        self.definitionFolder = definitionFolder
        self.reference = reference
    }

    /// What there is to say, table by table. Throws `usage` for a reference that nothing has.
    public func run(_ connection: Connection) async throws -> [Table] {
        let library = try QueryLibrary(folder: definitionFolder + "/ledger")
        return try await connection.transaction(ReportSession.options(statementTimeoutMilliseconds: 0)) { session in
            try ReportSession.prepare(session)
            let catalog = try Catalog(session)
            try catalog.requireEssentials()
            func rows(_ name: String, _ values: [String: Value]) throws -> [Row] {
                try library.bind(name, catalog: catalog, parameters: values).rows(session)
            }
            guard let found = try rows("explain_find", ["reference": .text(reference)]).first else {
                throw DaybookError.usage(
                    "No batch, task or ledger entry is called \"\(reference.prefix(80))\" here.")
            }
            let userID = try found.string("user_id") ?? ""
            let batchID = try found.optionalText("batch_id")
            let books = try OwnerBooks(
                of: userID, library, catalog, session, definitionFolder: definitionFolder)
            let (entries, draws) = (books.entries, books.draws)
            let owner = books.account.map { "\($0.slug), \($0.name)" } ?? "no account, owner \(userID)"
            let kind = try found.text("kind")
            let redactions = try kind == "task" ? [TaskRedaction.table(reference, of: userID, session)] : []
            let redaction = redactions.filter { !$0.rows.isEmpty }
            if let batchID, !batchID.isEmpty {
                try OwnerBooks.refuseCarried(batchID, of: userID, catalog, session)
                let values = books.values.merging(["batch_id": .text(batchID)]) { _, batch in batch }
                let story = BatchStory(
                    id: batchID, owner: owner, entries: entries, draws: draws,
                    batch: try rows("explain_batch", values).first, tasks: try rows("explain_tasks", values),
                    asked: kind == "task" ? reference : nil)
                return try story.tables() + redaction
            }
            let id = try found.text("id")
            guard
                let entry = entries.first(where: {
                    kind == "entry" ? String($0.id) == id : $0.isSingleVideo && $0.referenceID == id
                })
            else { throw LedgerRefusal.taskWithoutEntry(reference) }
            return Self.tables(of: entry, owner: owner, draws: draws, entries: entries) + redaction
        }
    }

    /// A row that is of no batch: what it was, and which batches its credit went to.
    private static func tables(
        of entry: StatementEntry, owner: String, draws: KeptDraws, entries: [StatementEntry]
    ) -> [Table] {
        let left = draws.stated.remainder(ofEntry: entry.id)
        let isSingle = entry.isSingleVideo || entry.isSingleReturn
        let balance = entries.prefix { $0.id != entry.id }.reduce(entry.credits) { $0 + $1.credits }
        let facts: [[Cell]] = [
            [.text("owner"), .text(owner)], [.text("entry"), .text(String(entry.id))],
            [.text("posted at"), entry.postedAt.map(Cell.instant) ?? .empty],
            [.text("what"), .text(entry.description(model: entry.model))],
            [.text("reference"), .text("\(entry.referenceType) \(entry.referenceID)")],
            [.text("credits"), .text("\(entry.credits) \(entry.bucket), balance after it \(balance)")],
            [.text("still there"), .text("\(left.credits) credits, which cost \(left.cost) USD")],
        ]
        let months = draws.facts([entry]).map { [Cell.text($0.term), .text($0.value)] }
        let tables = [
            Table(
                name: "entry", title: "Entry", note: "",
                columns: [Column("term", .text), Column("value", .text)], rows: facts + months)
        ]
        // What spent credit says where it came from; what brought credit, where it went.
        return tables
            + (isSingle
                ? draws.tables(
                    name: "origins", title: "Where the credits of the single video came from", of: [entry]
                ) { $0.origins(of: entry.singleReference) }
                : draws.tables(
                    name: "uses", title: "Batches and single videos that its credit paid for", of: entries
                ) { $0.uses(ofEntry: entry.id) })
    }
}

/// What became of the content of a task that a purge redacted.
enum TaskRedaction {
    private static let tables = ["task_redaction", "purge_run", "retention_certificate"]

    /// A table with the purge, its certificate and its archive; empty for a task that was not redacted.
    static func table(_ task: String, of userID: String, _ session: Session) throws -> Table {
        let columns = [
            Column("content", .text), Column("purge", .integer), Column("redacted at", .instant),
            Column("certificate", .integer), Column("archive", .text), Column("archive ends at", .instant),
        ]
        let table = Table(name: "redaction", title: "Its content", note: "", columns: columns)
        let known = try session.query(
            """
            SELECT count(to_regclass('daybook.' || t.name)) AS there,
                count(*) FILTER (WHERE has_table_privilege(to_regclass('daybook.' || t.name), 'SELECT')) AS readable
            FROM unnest($1::text[]) AS t (name)
            """, [.texts(tables)])[0]
        guard try known.int("there") == tables.count else { return table }
        guard try known.int("readable") == tables.count else {
            let unknown = "not known: this login may not read daybook.task_redaction"
            return filled(table, [[.text(unknown), .empty, .empty, .empty, .empty, .empty]])
        }
        let rows = try session.query(
            """
            SELECT d.run_id, d.redacted_at, r.archive_state, r.archive_expires_at, (
                    SELECT min(c.sequence) FROM daybook.retention_certificate AS c
                    WHERE c.run_id = d.run_id AND c.kind <> 'index') AS certificate
            FROM daybook.task_redaction AS d JOIN daybook.purge_run AS r ON r.run_id = d.run_id
            WHERE d.user_id = $1 AND d.task_id = $2
            """, [.uuid(userID), .uuid(task)])
        return filled(
            table,
            try rows.map { row in
                [
                    .text("redacted"), .integer(try row.int("run_id")), .instant(try row.instant("redacted_at")),
                    .optional(try row.optionalInt("certificate")), .text(try row.text("archive_state")),
                    try row.optionalInstant("archive_expires_at").map(Cell.instant) ?? .empty,
                ]
            })
    }

    private static func filled(_ table: Table, _ rows: [[Cell]]) -> Table {
        var table = table
        table.rows = rows
        return table
    }
}
