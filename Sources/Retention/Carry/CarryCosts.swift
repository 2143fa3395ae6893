internal import Domain
internal import Postgres
internal import Reporting
internal import Schema

/// What every owner's credits cost at a cutoff, worked out from the rows before it, and kept for the statements after.
enum CarryCosts {
    /// Works it out with the statements' own rules and writes it in place of what was kept before.
    static func write(before cutoff: Instant, _ session: Session) throws {
        let states = try calculate(before: cutoff, session)
        try session.executeScript(
            "DELETE FROM daybook.carried_draw; DELETE FROM daybook.carried_lot; DELETE FROM daybook.carried_shortfall")
        for (userID, state) in states { try insert(state, of: userID, session) }
    }

    private static func calculate(
        before cutoff: Instant, _ session: Session
    ) throws -> [(userID: String, state: CarriedCosts)] {
        let catalog = try Catalog(session)
        let prior = try CarriedLedger(session, catalog: catalog)
        var open: [String: Set<String>] = [:]
        try session.forEachRow(
            """
            SELECT DISTINCT user_id::text, batch_id FROM pg_temp.carry_row
            WHERE (is_open OR is_held) AND batch_id IS NOT NULL
            """, []
        ) { open[try $0.text(0), default: []].insert(try $0.text(1)) }
        var states: [(userID: String, state: CarriedCosts)] = []
        var left = prior?.owners ?? []
        var current: (userID: String, book: CostBook)?
        func finish() {
            guard let current else { return }
            let batches = open[current.userID] ?? []
            let state = current.book.carried { batches.contains($0) }
            if !state.isEmpty { states.append((current.userID, state)) }
        }
        func begin(_ userID: String) {
            finish()
            left.remove(userID)
            current = (userID, prior?.costBook(of: userID) ?? CostBook())
        }
        try session.forEachRow(
            """
            SELECT l.user_id::text, l.id, l.created_at, l.type, coalesce(l.model, ''), l.bucket,
                l.credits_delta::bigint, coalesce(l.ref_type, ''), coalesce(l.ref_id, ''), l.price_micros
            FROM (\(SharedSource.ledgerRow.select(catalog))) AS l
            WHERE l.created_at >= coalesce($1::timestamptz, '-infinity') AND l.created_at < $2
                AND l.ref_type IS DISTINCT FROM '\(StatementEntry.carriedForward)'
            ORDER BY l.user_id, l.created_at, l.id
            """, [Value(prior?.cutoff), .instant(cutoff)]
        ) { row in
            let userID = try row.text(0)
            if current?.userID != userID { begin(userID) }
            let entry = StatementEntry(
                id: try row.int(1), postedAt: try row.instant(2), type: try row.text(3), model: try row.text(4),
                bucket: try row.text(5), credits: try row.int(6), referenceType: try row.text(7),
                referenceID: try row.text(8), price: try row.optionalInt(9).map { Dollars(micros: $0) })
            current?.book.post(entry.movement(model: entry.model))
        }
        for userID in left.sorted() { begin(userID) }
        finish()
        return states
    }

    private static func insert(_ state: CarriedCosts, of userID: String, _ session: Session) throws {
        if !state.lots.isEmpty {
            _ = try session.execute(
                """
                INSERT INTO daybook.carried_lot (user_id, position, bucket, entry_id, credits, cost_usd)
                SELECT $1, l.number - 1, l.bucket, l.entry_id, l.credits, l.micros::numeric / 1000000
                FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::bigint[])
                    WITH ORDINALITY AS l (bucket, entry_id, credits, micros, number)
                """,
                [
                    .uuid(userID), .texts(state.lots.map(\.bucket)), .ints(state.lots.map(\.entry)),
                    .ints(state.lots.map(\.credits)), .ints(state.lots.map(\.cost.micros)),
                ])
        }
        if !state.draws.isEmpty {
            _ = try session.execute(
                """
                INSERT INTO daybook.carried_draw (
                    user_id, draw_no, batch_id, position, model, credits, cost_usd, kept, kept_cost_usd)
                SELECT $1, d.number, d.batch_id, nullif(d.position, -1), d.model, d.credits,
                    d.micros::numeric / 1000000, d.kept, d.kept_micros::numeric / 1000000
                FROM unnest(
                    $2::text[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[])
                    WITH ORDINALITY AS d (batch_id, position, model, credits, micros, kept, kept_micros, number)
                """,
                [
                    .uuid(userID), .texts(state.draws.map(\.batch)), .ints(state.draws.map { Int64($0.lot ?? -1) }),
                    .texts(state.draws.map(\.model)), .ints(state.draws.map(\.credits)),
                    .ints(state.draws.map(\.cost.micros)), .ints(state.draws.map(\.kept)),
                    .ints(state.draws.map(\.keptCost.micros)),
                ])
        }
        if state.uncovered > 0 {
            _ = try session.execute(
                "INSERT INTO daybook.carried_shortfall (user_id, credits) VALUES ($1, $2)",
                [.uuid(userID), .int(state.uncovered)])
        }
    }
}
