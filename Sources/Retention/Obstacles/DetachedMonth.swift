internal import Domain
internal import Postgres
internal import Schema

/// A month that a purge detached and did not drop, as earlier versions did in two transactions: it is in no report
/// until it is given back.
struct DetachedMonth: Sendable {
    let run: Int64
    /// `public.video_external_access_log_2026_01`.
    let relation: String
    let fate: Fate

    /// What has become of it meanwhile.
    enum Fate: Sendable {
        case detached
        /// Somebody attached it again.
        case attached
        /// Somebody dropped it.
        case gone
    }

    /// Those that are on record.
    static func all(_ session: Session) throws -> [DetachedMonth] {
        try session.query(
            """
            SELECT run_id, relation FROM daybook.purge_sweep WHERE state = 'detached'
            ORDER BY run_id, relation COLLATE "C"
            """
        ).map { row in
            let relation = try row.text("relation")
            let place = try session.query(
                "SELECT relispartition FROM pg_class WHERE oid = to_regclass($1)",
                [.text(TableName.quoted(relation, session))])
            let fate: Fate =
                if let row = place.first { try row.bool("relispartition") ? .attached : .detached } else { .gone }
            return DetachedMonth(run: try row.int("run_id"), relation: relation, fate: fate)
        }
    }

    /// A sentence each, for who asks what is wrong with a database.
    static func findings(_ session: Session) throws -> [String] {
        let may = try session.query("SELECT has_table_privilege('daybook.purge_sweep', 'SELECT') AS may")
        guard try may[0].bool("may") else { return [] }
        return try all(session).filter { $0.fate == .detached }.map { month in
            "Purge \(month.run) detached \(month.relation) and ended before its drop, so its rows are in no report. "
                + "Give it back with: daybook retention purge --resume"
        }
    }
}
