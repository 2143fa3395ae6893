public import Domain
import Foundation
public import Postgres
import Schema

/// The settlement receipt of one batch: of the engine's from its own records, of an application's as far as the ledger
/// tells.
public struct LedgerReceipt: Sendable {
    private let definitionFolder: String
    private let batchID: String

    /// - Parameters:
    ///   - definitionFolder: the folder of the installed report definitions.
    ///   - batchID: the batch's id, a UUID in any case.
    public init(definitionFolder: String, batchID: String) {
        self.definitionFolder = definitionFolder
        self.batchID = batchID
    }

    /// Reads only, in one snapshot. Throws `usage` for what is no batch.
    public func run(_ connection: Connection) async throws -> SettlementReceipt {
        guard let id = UUID(uuidString: batchID)?.uuidString.lowercased() else { throw unknown }
        let library = try QueryLibrary(folder: definitionFolder + "/ledger")
        return try await connection.transaction(ReportSession.options(statementTimeoutMilliseconds: 0)) { session in
            try ReportSession.prepare(session)
            let catalog = try Catalog(session)
            try catalog.requireEssentials()
            let query = try library.bind("receipt_find", catalog: catalog, parameters: ["batch_id": .text(id)])
            guard let batch = try query.rows(session).first else { throw unknown }
            let userID = try batch.text("user_id")
            try OwnerBooks.refuseCarried(id, of: userID, catalog, session)
            if catalog.has(.lot), let receipt = try EngineReceipt(session).receipt(of: id, for: userID) {
                return receipt
            }
            var facts = try Self.facts(id, userID, batch)
            let books = try OwnerBooks(
                of: userID, library, catalog, session, definitionFolder: definitionFolder)
            try count(&facts, books, library, catalog, session)
            try add(books, to: &facts, hasEngine: catalog.has(.lot), session)
            return SettlementReceipt(facts)
        }
    }

    private var unknown: DaybookError { .usage("No batch is called \"\(batchID.prefix(80))\" here.") }

    private static func facts(_ id: String, _ userID: String, _ batch: Row) throws -> SettlementReceipt.Facts {
        var facts = SettlementReceipt.Facts(batchID: id, userID: userID, owner: "app")
        facts.requestID = try batch.optionalText("request_id")
        facts.createdAt = try batch.optionalInstant("created_at")
        facts.isSettled = try batch.optionalBool("is_settled") ?? false
        facts.settledAt = try batch.optionalInstant("settled_at")
        facts.isSettlementEstimated = try batch.bool("is_estimated")
        facts.stated = (
            try batch.optionalInt("total"), try batch.optionalInt("frozen"), try batch.optionalInt("spent")
        )
        return facts
    }

    /// An application's words do not tell why a task failed.
    private func count(
        _ facts: inout SettlementReceipt.Facts, _ books: OwnerBooks, _ library: QueryLibrary, _ catalog: Catalog,
        _ session: Session
    ) throws {
        let values = books.values.merging(["batch_id": .text(facts.batchID)]) { _, batch in batch }
        let tasks = try library.bind("explain_tasks", catalog: catalog, parameters: values).rows(session)
        for task in tasks {
            switch try task.text("status") {
            case "succeeded":
                facts.items.succeeded += 1
                facts.delivered += try task.int("cost")
            case "failed": facts.items.failed += 1
            default: facts.items.open += 1
            }
        }
    }

    /// The lots are the engine's where it drew for the batch; else they are worked out from the whole ledger of the
    /// owner, as closed months state them.
    private func add(
        _ books: OwnerBooks, to facts: inout SettlementReceipt.Facts, hasEngine: Bool, _ session: Session
    ) throws {
        let (batchID, userID) = (facts.batchID, facts.userID)
        if hasEngine {
            facts.draws = try EngineReceipt(session).draws(of: batchID, for: userID)
            if !facts.draws.isEmpty {
                facts.entries = try EngineReceipt(session).entries(of: batchID, for: userID)
                return
            }
        }
        facts.areDrawsKept = false
        let own = books.entries.filter { $0.referenceID == batchID && ($0.isFreeze || $0.isRefund) }
        facts.entries = own.map { entry in
            SettlementReceipt.Entry(
                id: entry.id, kind: entry.isFreeze ? .freeze : .refund, lot: nil, model: entry.model,
                credits: entry.credits, cost: nil, postedAt: entry.postedAt)
        }
        let buckets = Dictionary(books.entries.map { ($0.id, $0.bucket) }) { first, _ in first }
        facts.draws = books.draws.stated.origins(ofBatch: batchID).map { origin in
            SettlementReceipt.Draw(
                lot: nil, openedBy: origin.entry,
                bucket: origin.entry.map { buckets[$0] ?? "permanent" } ?? "none",
                model: origin.model, credits: origin.credits, cost: origin.cost, returned: origin.returned,
                returnedCost: origin.returnedCost)
        }
    }
}
