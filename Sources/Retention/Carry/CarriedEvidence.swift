internal import Domain
internal import Postgres

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
