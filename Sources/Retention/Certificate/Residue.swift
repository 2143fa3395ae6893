internal import Domain
internal import Postgres
internal import Schema

/// What purges had to take and what is there all the same: by their own cutoffs, and under the holds that were in
/// force then. What a policy or a release made due since is the next purge's.
struct Residue {
    /// The date of the newest purge of everybody; nil before the first.
    let asOf: CalendarDate?
    let findings: [Verification.Finding]

    /// Asks the database again, for the newest purge of everybody and the newest after it of each single account.
    init(_ session: Session) throws {
        let rows = try session.query(
            """
            SELECT DISTINCT ON (account COLLATE "C") run_id, as_of, account, policy_sha256, started_at
            FROM daybook.purge_run AS r
            WHERE state = 'finished' AND NOT EXISTS (
                SELECT FROM daybook.retention_certificate AS c WHERE c.run_id = r.run_id AND c.kind = 'carry'
            ) AND (account = '' OR run_id > (
                SELECT coalesce(max(e.run_id), 0) FROM daybook.purge_run AS e
                WHERE e.state = 'finished' AND e.account = ''
                    AND NOT EXISTS (
                        SELECT FROM daybook.retention_certificate AS c WHERE c.run_id = e.run_id AND c.kind = 'carry')
            ))
            ORDER BY account COLLATE "C", run_id DESC
            """)
        var (asOf, findings): (CalendarDate?, [Verification.Finding]) = (nil, [])
        if !rows.isEmpty { try RowSecurity.refuse(session) }
        let shape = try DeploymentShape(session)
        let rests = try PlanReader.prepareCounting(session)
        for row in rows {
            let date = try row.date("as_of")
            let isEverybody = try row.text("account").isEmpty
            if isEverybody { asOf = date }
            let (terms, started) = (try PurgeRun.terms(of: row, session), try row.instant("started_at"))
            for dataClass in shape.classes where dataClass.isCustomers || isEverybody {
                let query = ClassQuery(dataClass, shape, releasedSince: started)
                for line in try PlanReader.lines(query, terms, rests, session) where line.dueRows > 0 {
                    let account = line.account.isEmpty ? "no account" : line.account
                    findings.append(
                        Verification.Finding(
                            subject: "\(dataClass.rawValue) of \(account)",
                            what: "\(line.dueRows) rows that were due as of \(date) are there"))
                }
            }
        }
        self.asOf = asOf
        self.findings = findings
    }
}
