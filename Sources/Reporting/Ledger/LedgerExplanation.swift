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
            let entries = try rows("explain_rows", ["user_id": .text(userID)]).map(Self.entry)
            let carried = try CarriedLedger(session, catalog: catalog, owners: [userID])
            var costs = carried?.costBook(of: userID) ?? CostBook()
            for entry in entries { costs.post(entry.movement(model: entry.model)) }
            let names = try Books(session: session, catalog: catalog).accounts().filter { $0.userID == userID }
            let owner = names.first.map { "\($0.slug), \($0.name)" } ?? "no account, owner \(userID)"
            let kind = try found.text("kind")
            if let batchID, !batchID.isEmpty {
                try Self.refuseCarried(batchID, of: userID, catalog, session)
                let values: [String: Value] = ["user_id": .text(userID), "batch_id": .text(batchID)]
                let story = BatchStory(
                    id: batchID, owner: owner, entries: entries, costs: costs,
                    batch: try rows("explain_batch", values).first, tasks: try rows("explain_tasks", values),
                    asked: kind == "task" ? reference : nil)
                return try story.tables()
            }
            guard kind == "entry", let entry = entries.first(where: { String($0.id) == (try? found.text("id")) }) else {
                throw DaybookError.usage("The task \(reference) belongs to no batch: nothing was charged for it.")
            }
            return Self.tables(of: entry, owner: owner, costs: costs, entries: entries)
        }
    }

    /// The rows of a batch that were carried forward cannot be walked any more.
    private static func refuseCarried(
        _ batchID: String, of userID: String, _ catalog: Catalog, _ session: Session
    ) throws {
        guard try CarriedLedger.cutoff(session, catalog: catalog) != nil else { return }
        let rows = try session.query(
            "SELECT max(run_id) AS run FROM daybook.carried_batch WHERE user_id = $1 AND batch_id = $2",
            [.uuid(userID), .text(batchID)])
        guard let run = try rows[0].optionalInt("run") else { return }
        throw DaybookError.usage(
            "The ledger rows of batch \(batchID) were carried forward as balances by run \(run); its archive and its "
                + "certificate say what they were.")
    }

    private static func entry(_ row: Row) throws -> StatementEntry {
        StatementEntry(
            id: try row.int("id"), postedAt: try row.optionalInstant("created_at"), type: try row.text("type"),
            model: try row.text("model"), bucket: try row.text("bucket"), credits: try row.int("credits"),
            referenceType: try row.text("ref_type"), referenceID: try row.text("ref_id"),
            price: try row.optionalInt("price_micros").map { Dollars(micros: $0) }, reason: try row.text("reason"))
    }

    /// A row that is of no batch: what it was, and which batches its credit went to.
    private static func tables(
        of entry: StatementEntry, owner: String, costs: CostBook, entries: [StatementEntry]
    ) -> [Table] {
        let left = costs.remainder(ofEntry: entry.id)
        let balance = entries.prefix { $0.id != entry.id }.reduce(entry.credits) { $0 + $1.credits }
        let facts: [[Cell]] = [
            [.text("owner"), .text(owner)], [.text("entry"), .text(String(entry.id))],
            [.text("posted at"), entry.postedAt.map(Cell.instant) ?? .empty],
            [.text("what"), .text(entry.description(model: entry.model))],
            [.text("reference"), .text("\(entry.referenceType) \(entry.referenceID)")],
            [.text("credits"), .text("\(entry.credits) \(entry.bucket), balance after it \(balance)")],
            [.text("still there"), .text("\(left.credits) credits, which cost \(left.cost) USD")],
        ]
        return [
            Table(
                name: "entry", title: "Entry", note: "",
                columns: [Column("term", .text), Column("value", .text)], rows: facts),
            Table(
                name: "uses", title: "Batches that its credit paid for", note: "", columns: BatchStory.originColumns,
                rows: costs.uses(ofEntry: entry.id).map(BatchStory.cells)),
        ]
    }
}
