internal import Domain
internal import Postgres
internal import Schema

/// Residue: rows that a purge had to take and that are there all the same, by its own cutoffs and under the holds that
/// were in force then, unless a policy of today keeps them. What a policy or a release made due since is the next
/// purge's.
struct Residue {
    /// The date of the newest purge of everybody; nil before the first.
    private(set) var asOf: CalendarDate?
    private(set) var findings: [Verification.Finding] = []

    /// Asks the database again: once for the newest purge of everybody, and once for the newest after it of all the
    /// accounts that were purged alone.
    init(_ session: Session) throws {
        let runs = try Self.newest(session)
        guard !runs.isEmpty else { return }
        try PurgeReach.refuseHiddenRows(session)
        let shape = try DeploymentShape(session)
        let rests = try PlanReader.prepareCounting(session)
        asOf = runs.first { $0.terms.account == nil }?.terms.asOf
        for group in [runs.filter { $0.terms.account == nil }, runs.filter { $0.terms.account != nil }] {
            guard let first = group.first else { continue }
            // Of several, whatever was held while any of them ran counts as held.
            let started = group.map(\.startedAt).min() ?? first.startedAt
            let redacted = group.compactMap(\.redacted).reduce(first.redacted) { $0?.intersection($1) }
            let terms = Terms(
                asOf: first.terms.asOf, account: first.terms.account,
                all: try group.flatMap { try Self.underTodaysPolicies($0.terms, session) },
                policyDigest: first.terms.policyDigest)
            let dates = Dictionary(group.map { ($0.terms.account ?? "", $0.terms.asOf) }) { first, _ in first }
            for dataClass in shape.classes where dataClass.isCustomers || first.terms.account == nil {
                let query = ClassQuery(dataClass, shape, releasedSince: started, redacted: redacted)
                for line in try PlanReader.lines(query, terms, rests, session) where line.dueRows > 0 {
                    let date = dates[line.account] ?? first.terms.asOf
                    findings.append(
                        Verification.Finding(
                            subject: "\(dataClass.rawValue) of \(line.account.isEmpty ? "no account" : line.account)",
                            what: "\(line.dueRows) rows that were due as of \(date) are there"))
                }
            }
        }
    }

    /// A purge that ended.
    private struct Ended {
        let terms: Terms
        let startedAt: Instant
        let redacted: Set<String>?
    }

    private static func newest(_ session: Session) throws -> [Ended] {
        let rows = try session.query(
            """
            WITH ended AS (
                SELECT * FROM daybook.purge_run AS r
                WHERE state = 'finished' AND \(RunRecord.isPurge)
                    AND NOT EXISTS (SELECT FROM daybook.erasure AS e WHERE e.run_id = r.run_id)
            )
            SELECT DISTINCT ON (account COLLATE "C") run_id, as_of, account, policy_sha256, started_at,
                redacted_columns
            FROM ended
            WHERE account = '' OR run_id > (SELECT coalesce(max(e.run_id), 0) FROM ended AS e WHERE e.account = '')
            ORDER BY account COLLATE "C", run_id DESC
            """)
        return try rows.map { row in
            Ended(
                terms: try PurgeRun.terms(of: row, session), startedAt: try row.instant("started_at"),
                redacted: try row.optionalTexts("redacted_columns").map(Set.init))
        }.inNaturalOrder { $0.terms.account ?? "" }
    }

    /// A run's terms with earlier cutoffs where today's policies keep longer.
    private static func underTodaysPolicies(_ terms: Terms, _ session: Session) throws -> [Term] {
        let today = try Terms(session, asOf: terms.asOf, account: nil)
        let known = Dictionary(today.all.map { ($0.userID + $0.dataClass.rawValue, $0) }) { first, _ in first }
        return terms.all.map { term in
            let now = known[term.userID + term.dataClass.rawValue] ?? today.fallback(term.dataClass)
            return Term(
                userID: term.userID, slug: term.slug, timeZone: term.timeZone, dataClass: term.dataClass,
                retentionDays: term.retentionDays, cutoff: min(term.cutoff, now?.cutoff ?? term.cutoff))
        }
    }
}
