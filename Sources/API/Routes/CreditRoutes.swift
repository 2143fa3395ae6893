import BatchEngine
import Domain
import Hummingbird
import Postgres

/// `/credits`: what the customer has, and how it came to that.
struct CreditRoutes: Sendable {
    let pool: ConnectionPool

    func add(to group: RouterGroup<APIContext>) {
        group.path("credits/balance", [.get: balance])
        group.path("credits/ledger", [.get: ledger])
    }

    @Sendable private func balance(_ request: Request, _ context: APIContext) async throws -> Response {
        let userID = context.authenticatedCaller.userID
        return Response(WireFormat.balance(try await pool.run { try CustomerLedger($0, of: userID).balance() }))
    }

    @Sendable private func ledger(_ request: Request, _ context: APIContext) async throws -> Response {
        let query = QueryReader(request)
        let filter = CustomerLedger.Filter(
            batchID: try query.id("batch_id"), kind: try query.choice("type", LedgerLine.Kind.allCases),
            from: try query.instant("from"), to: try query.instant("to"))
        let limit = try query.limit(Limits.ledgerPage)
        let offset = try query.offset()
        let cursor = try query.cursor(LedgerCursor.self)
        let userID = context.authenticatedCaller.userID
        let page = try await pool.run { session in
            try CustomerLedger(session, of: userID).ledger(filter, limit: limit, offset: offset, after: cursor)
        }
        return Response(WireFormat.ledger(page, limit: limit, offset: offset))
    }
}
