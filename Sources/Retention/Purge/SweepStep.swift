internal import Domain
internal import Postgres

/// One transaction of a purge.
struct SweepStep: Sendable {
    let run: PurgeRun
    let statement: SweepStatement
    let dataClass: DataClass
    let relation: String
    let key: [UInt8]?

    /// Takes the due rows of a stretch and gives their number.
    ///
    /// The order matters: the hold lock first, in a statement of its own, so that the deleting statement sees every
    /// hold that was acknowledged; the file on disk and its record before the COMMIT.
    func take(_ pages: Range<Int64>, _ rests: Rests, _ session: Session) throws -> Int64 {
        _ = try session.query("SELECT pg_advisory_xact_lock_shared($1)", [.int(RetentionSession.holdLock)])
        guard try run.isBound(session) else {
            throw DaybookError(
                .tryAgain,
                "The policies changed, or a hold was released, while the purge ran, so it stopped: it is bound to the "
                    + "plan that was shown, and resumed it is certified and ends.")
        }
        try Self.prepare(session)
        let rows: Int64
        do {
            rows = try taken(pages, rests, session)
        } catch let error as PostgresError {
            guard let reason = SweepFailure.explain(error, relation) else { throw error }
            throw DaybookError(
                reason.kind, reason.sentence + " The purge stopped there.", debugText: String(reflecting: error))
        }
        try RetentionSession.restorePath(session)
        // Looked at after the statement, whose lock keeps columns and constraints as they are until the COMMIT.
        guard try statement.fits(relation, session) else {
            throw DaybookError(
                .tryAgain,
                "The columns of \(relation) are not those that the purge began with, so it stopped: none may go "
                    + "without its archived copy.")
        }
        try statement.refuseCascades(session)
        _ = try session.execute(
            """
            UPDATE daybook.purge_sweep SET next_page = $4
            WHERE run_id = $1 AND data_class = $2 AND relation = $3
            """, [.int(run.id), .text(dataClass.rawValue), .text(relation), .int(pages.upperBound)])
        // For triggers that wait for the COMMIT.
        try RetentionSession.takeLoginPath(session)
        return rows
    }

    /// Settings of a transaction that takes rows.
    ///
    /// What is not looked up by an index is small, or as long as the stretch: a hash suits both. Nobody waits for the
    /// disk: a transaction that a crash undoes is undone as a whole, and the certificate's waits for all. The search
    /// path is the login's own, because the deployment's triggers look things up by it.
    static func prepare(_ session: Session) throws {
        try session.executeScript(
            """
            SET LOCAL enable_nestloop = off; SET LOCAL enable_mergejoin = off; SET LOCAL synchronous_commit = off
            """)
        try RetentionSession.takeLoginPath(session)
    }

    private func taken(_ pages: Range<Int64>, _ rests: Rests, _ session: Session) throws -> Int64 {
        if let folder = run.archive {
            let sql = statement.sql(run: run.id, relation: relation, pages: pages, rests: rests, session)
            return try archived(sql, folder, session)
        }
        let sql = statement.sql(run: run.id, relation: relation, pages: pages, counts: true, rests: rests, session)
        return try session.query(sql)[0].int("taken")
    }

    private func archived(_ sql: String, _ folder: ArchiveFolder, _ session: Session) throws -> Int64 {
        try Self.archive(
            sql, columns: statement.columns, dataClass: dataClass.rawValue, relation: relation, run: run,
            folder: folder,
            key: key,
            session)
    }

    /// Runs a COPY into the next segment and records it. The file goes away again if anything fails before the COMMIT.
    static func archive(
        _ sql: String, columns: [String], dataClass: String, relation: String, run: PurgeRun,
        folder: ArchiveFolder, key: [UInt8]?, _ session: Session
    ) throws -> Int64 {
        let next = try session.query(
            "SELECT coalesce(max(segment), 0) + 1 AS number FROM daybook.purge_segment WHERE run_id = $1",
            [.int(run.id)])[0].int("number")
        let name = ArchiveFolder.segmentName(next, dataClass, isEncrypted: run.isEncrypted)
        let writer = SegmentWriter(path: folder.file(name), key: key)
        do {
            let rows = try session.copyOut("COPY (\(sql)) TO STDOUT (FORMAT csv)") { try writer.write($0) }
            guard !writer.isEmpty else { return 0 }
            let finished = try writer.finish()
            _ = try session.execute(
                """
                INSERT INTO daybook.purge_segment (run_id, segment, data_class, relation, file_name, column_names,
                    row_count, size_bytes, sha256, csv_sha256)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
                """,
                [
                    .int(run.id), .int(next), .text(dataClass), .text(relation), .text(name), .texts(columns),
                    .int(Int64(rows)), .int(finished.sizeBytes), .text(finished.sha256), .text(finished.csvSHA256),
                ])
            return Int64(rows)
        } catch {
            writer.discard()
            throw error
        }
    }
}
