public import Domain
internal import Postgres
internal import Schema

/// Rows that an erasure asks for and that are there all the same.
public struct OwedRows: Sendable, Hashable {
    /// What keeps them.
    public enum Reason: String, Sendable, CaseIterable, Codable {
        /// A legal hold: the first purge after its release takes them.
        case held
        /// A task that has not ended, or whose batch is not settled: the first purge after that takes them.
        case open
        /// Nothing says when they began, so that nothing can say that it was before the erasure.
        case undated
        /// Nothing any more.
        case due
    }

    public let dataClass: DataClass
    public let reason: Reason
    public let rows: Int64

    /// Why they are there, as the end of a sentence.
    public var sentence: String {
        let what = "\(rows) rows of \(dataClass.rawValue)"
        return switch reason {
        case .held: "\(what) are held; the first purge after the release takes them"
        case .open:
            "\(what) are of tasks that run, or of batches that are not settled; the first purge after that "
                + "takes them"
        case .undated: "\(what) have no instant, and nothing takes them"
        case .due: "\(what) are there, and nothing keeps them"
        }
    }
}

extension OwedRows {
    /// What is left of each of some erasures, by its run.
    static func count(
        _ erasures: [Erasure], _ shape: DeploymentShape, _ session: Session
    ) throws -> [Int64: [OwedRows]] {
        var owed: [Int64: [OwedRows]] = [:]
        for dataClass in shape.classes {
            let query = ClassQuery(dataClass, shape)
            for subjects in [erasures.filter { $0.owner != nil }, erasures.filter { $0.video != nil }] {
                let asked = subjects.filter { $0.isAbout(dataClass) }
                guard let first = asked.first else { continue }
                let key = first.owner == nil ? query.video : query.owner
                for row in try rows(query, of: asked, by: key, session) {
                    let counted = try Reason.allCases.map {
                        OwedRows(
                            dataClass: dataClass, reason: $0, rows: try row.int($0.rawValue))
                    }
                    owed[try row.int("run"), default: []] += counted.filter { $0.rows > 0 }
                }
            }
        }
        return owed
    }

    private static func rows(
        _ query: ClassQuery, of erasures: [Erasure], by key: String, _ session: Session
    ) throws -> [Row] {
        try session.query(
            """
            SELECT x.run, count(*) FILTER (WHERE x.is_open) AS open,
                count(*) FILTER (WHERE NOT x.is_open AND x.is_held) AS held,
                count(*) FILTER (WHERE NOT x.is_open AND NOT x.is_held AND x.is_undated) AS undated,
                count(*) FILTER (WHERE NOT x.is_open AND NOT x.is_held AND NOT x.is_undated) AS due
            FROM (
                SELECT a.run, (\(query.isOpen)) AS is_open, (\(query.isHeld)) AS is_held,
                    (\(query.begun) IS NULL OR \(query.instant) IS NULL) AS is_undated
                FROM \(DeploymentShape.table(query.dataClass).fullName) AS r
                \(query.joins)
                JOIN unnest($1::bigint[], $2::uuid[], $3::timestamptz[]) AS a (run, id, before) ON a.id = \(key)
                WHERE ((\(query.belongs)) OR (\(query.isOpen))) AND NOT (\(query.isDone))
                    AND coalesce(\(query.begun) < a.before, true)
            ) AS x
            GROUP BY x.run
            """,
            [
                .ints(erasures.map(\.run)), .uuids(erasures.compactMap { $0.owner ?? $0.video }),
                .instants(erasures.map(\.before)),
            ])
    }

    /// Notes after a run that nothing is left of what was owed, where that is so.
    static func settle(_ run: Int64, _ session: Session) throws {
        let erasures = try Erasure.inForce(isOwed: true, session)
        guard !erasures.isEmpty else { return }
        let owed = try count(erasures, try DeploymentShape(session), session)
        // What no run can ever take is said once, by the run that was asked for it.
        let settled = erasures.filter { erasure in !(owed[erasure.run] ?? []).contains { $0.reason != .undated } }
        try session.execute(
            "UPDATE daybook.erasure SET settled_run = $1 WHERE run_id = ANY ($2) AND settled_run IS NULL",
            [.int(run), .ints(settled.map(\.run))])
    }

    /// What is owed, and what was erased and is there again, as a verification names it.
    static func findings(_ session: Session) throws -> [Verification.Finding] {
        let erasures = try Erasure.inForce(isOwed: false, session)
        guard !erasures.isEmpty else { return [] }
        let unsettled = Set(try Erasure.inForce(isOwed: true, session).map(\.run))
        let owed = try count(erasures, try DeploymentShape(session), session)
        return erasures.flatMap { erasure in
            // What has no instant is no debt: no purge can ever take it.
            (owed[erasure.run] ?? []).filter { $0.reason != .undated }.map { rows in
                Verification.Finding(
                    subject: "erasure \(erasure.run) of \(erasure.name)",
                    what: (unsettled.contains(erasure.run) ? "owed: " : "") + rows.sentence)
            }
        }
    }
}
