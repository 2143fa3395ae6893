internal import Domain
internal import Postgres
internal import Schema

/// What is recorded of a run while it goes on.
enum RunRecord {
    /// The names of the segments that transactions recorded.
    static func recordedFiles(_ run: Int64, _ session: Session) throws -> Set<String> {
        let rows = try session.query("SELECT file_name FROM daybook.purge_segment WHERE run_id = $1", [.int(run)])
        return Set(try rows.map { try $0.text("file_name") })
    }

    /// The rows that a run took so far.
    static func takenRows(_ run: Int64, _ session: Session) throws -> Int64 {
        let rows = try session.query(
            "SELECT coalesce(sum(row_count), 0)::bigint AS taken FROM daybook.purge_total WHERE run_id = $1",
            [.int(run)])
        return try rows[0].int("taken")
    }

    /// Writes down the tables that are to be walked, or walked again, from their first page to what is now their last.
    static func beginSweeps(_ run: Int64, _ dataClass: DataClass, again: Bool, _ session: Session) throws {
        for relation in try TableName.leaves(of: DeploymentShape.table(dataClass).fullName, session) {
            let change =
                again ? "DO UPDATE SET state = 'sweeping', next_page = 0, pages = excluded.pages" : "DO NOTHING"
            _ = try session.execute(
                """
                INSERT INTO daybook.purge_sweep (run_id, data_class, relation, pages) VALUES ($1, $2, $3, $4)
                ON CONFLICT ON CONSTRAINT purge_sweep_pkey \(change)
                """,
                [
                    .int(run), .text(dataClass.rawValue), .text(relation),
                    .int(try TableName.pages(of: relation, session)),
                ])
        }
    }

    /// The tables of a class that are in a state, in the order in which they were written down.
    static func sweeps(_ run: Int64, _ dataClass: DataClass, state: String, _ session: Session) throws -> [String] {
        let rows = try session.query(
            """
            SELECT relation FROM daybook.purge_sweep
            WHERE run_id = $1 AND data_class = $2 AND state = $3 ORDER BY relation COLLATE "C"
            """, [.int(run), .text(dataClass.rawValue), .text(state)])
        return try rows.map { try $0.text("relation") }
    }
}
