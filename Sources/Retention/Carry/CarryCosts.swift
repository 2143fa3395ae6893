internal import Domain
internal import Postgres
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

/// What a certificate says of a ledger that was carried forward, read from the database.
enum CarriedEvidence {
    static func read(run: Int64, _ plan: CarryPlan, _ session: Session) throws -> Certificate.Carried {
        Certificate.Carried(
            cutoff: plan.cutoff.description, years: plan.years,
            months: try plan.lines.map { line in
                let month = line.month.description
                return Certificate.CarriedMonth(
                    month: month, rows: line.rows, heldRows: line.heldRows, openRows: line.openRows,
                    balances: line.balances, credits: line.credits, balancesSha256: try balances(of: month, session))
            },
            costsSha256: try costs(session), batchesSha256: try batches(run: run, session))
    }

    /// SHA-256 of a month's balances as they are in the ledger.
    static func balances(of month: String, _ session: Session) throws -> String {
        try digest(
            """
            SELECT l::text AS line FROM public.credit_ledger AS l
            WHERE l.ref_type = '\(StatementEntry.carriedForward)' AND l.ref_id = $1
            """, [.text(month)], session)
    }

    /// SHA-256 of what the credits cost at the newest cutoff.
    static func costs(_ session: Session) throws -> String {
        try digest(
            """
            SELECT 'lot ' || l::text AS line FROM daybook.carried_lot AS l
            UNION ALL SELECT 'draw ' || d::text FROM daybook.carried_draw AS d
            UNION ALL SELECT 'shortfall ' || s::text FROM daybook.carried_shortfall AS s
            """, [], session)
    }

    /// SHA-256 of the sums of batches that a run kept.
    static func batches(run: Int64, _ session: Session) throws -> String {
        try digest("SELECT b::text AS line FROM daybook.carried_batch AS b WHERE b.run_id = $1", [.int(run)], session)
    }

    private static func digest(_ lines: String, _ values: [Value], _ session: Session) throws -> String {
        try session.query(
            """
            SELECT encode(sha256(convert_to(
                coalesce(string_agg(line, E'\\n' ORDER BY line COLLATE "C"), ''), 'UTF8')), 'hex') AS sha256
            FROM (\(lines)) AS l
            """, values)[0].text("sha256")
    }

    /// Compares the newest certificate of each month with what is in the ledger now.
    ///
    /// - Parameter certificates: Those of carried months, the oldest first.
    static func verify(_ certificates: [Certificate], _ session: Session) throws -> [Verification.Finding] {
        var findings: [Verification.Finding] = []
        var seen: Set<String> = []
        for certificate in certificates.reversed() {
            guard let carried = certificate.carried else { continue }
            let subject = "certificate \(certificate.sequence)"
            func find(_ what: String) { findings.append(Verification.Finding(subject: subject, what: what)) }
            for month in carried.months where seen.insert(month.month).inserted {
                if try balances(of: month.month, session) != month.balancesSha256 {
                    find("the balances of \(month.month) in the ledger are not those that it certifies")
                }
            }
            if try batches(run: certificate.run, session) != carried.batchesSha256 {
                find("the sums of batches are not those that it certifies")
            }
            if certificate.sequence == certificates.last?.sequence, try costs(session) != carried.costsSha256 {
                find("what the credits cost at its cutoff is not what it certifies")
            }
        }
        return findings
    }
}
