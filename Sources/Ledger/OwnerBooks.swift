import Domain
import Postgres
import Schema

/// What a question about one owner's credit needs: every row of the ledger, and where its credit came from.
struct OwnerBooks {
    /// Nil for an owner without an account.
    let account: Account?
    /// In the order in which they were posted.
    let entries: [StatementEntry]
    let draws: KeptDraws
    /// The values of the queries about this owner.
    let values: [String: Value]

    init(
        of userID: String, _ library: QueryLibrary, _ catalog: Catalog, _ session: Session, definitionFolder: String
    ) throws {
        let books = Books(session: session, catalog: catalog)
        let names = try books.accounts().filter { $0.userID == userID }
        account = names.first
        values = try Contracts(books, definitionFolder: definitionFolder).modelParameters(
            of: names, now: try session.snapshotInstant(), session: session
        ).merging(["user_id": .text(userID)]) { _, own in own }
        let rows = try library.bind("explain_rows", catalog: catalog, parameters: values).rows(session)
        let entries = try rows.map(Self.entry)
        let carried = try CarriedLedger(session, catalog: catalog, owners: [userID])
        let closed = try MonthCloses(session: session, catalog: catalog).rows(of: userID)
        func costs(_ entries: [StatementEntry]) -> CostBook {
            var costs = carried?.costBook(of: userID) ?? CostBook()
            for entry in entries { costs.post(entry.movement(model: entry.model)) }
            return costs
        }
        draws = KeptDraws(closed: closed, stated: costs(closed.ordered(entries)), today: costs(entries))
        self.entries = entries
    }

    private static func entry(_ row: Row) throws -> StatementEntry {
        StatementEntry(
            id: try row.int("id"), postedAt: try row.optionalInstant("created_at"), type: try row.text("type"),
            model: try row.text("model"), bucket: try row.text("bucket"), credits: try row.int("credits"),
            referenceType: try row.text("ref_type"), referenceID: try row.text("ref_id"),
            price: try row.optionalInt("price_micros").map { Dollars(micros: $0) }, reason: try row.text("reason"))
    }

    /// The rows of a batch that were carried forward cannot be walked any more.
    static func refuseCarried(_ batchID: String, of userID: String, _ catalog: Catalog, _ session: Session) throws {
        guard try CarriedLedger.cutoff(session, catalog: catalog) != nil else { return }
        let rows = try session.query(
            "SELECT max(run_id) AS run FROM daybook.carried_batch WHERE user_id = $1 AND batch_id = $2",
            [.uuid(userID), .text(batchID)])
        guard let run = try rows[0].optionalInt("run") else { return }
        throw DaybookError.usage(
            "The ledger rows of batch \(batchID) were carried forward as balances by run \(run); its archive and its "
                + "certificate say what they were.")
    }
}
