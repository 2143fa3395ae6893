internal import Domain
internal import Foundation
internal import Postgres
internal import Schema

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
        try LegalHoldLock.share(session)
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

/// Why a deleting or redacting statement failed, in words that say what to do.
enum SweepFailure {
    /// True where the same can go well a moment later.
    static func isPassing(_ error: PostgresError) -> Bool {
        error.code == .lockNotAvailable || error.code == .timeout || error.sqlState == .serializationFailure
            || error.sqlState == .deadlock
    }

    /// Waits a moment before the next attempt. Throws `tryAgain` after too many in a row: the run can be resumed.
    ///
    /// - Parameter what: What was tried on what, as the beginning of a sentence.
    static func wait(after refusals: Int, _ what: String, _ error: PostgresError) async throws {
        guard refusals < Limits.purgeAttempts else {
            throw DaybookError(
                .tryAgain, "\(what) \(refusals) times in a row; the purge stopped there.",
                debugText: String(reflecting: error))
        }
        try? await Task.sleep(for: .milliseconds(100 * refusals))
    }

    /// What a failure of the statement means; nil for one that is passing, or that is not about the table.
    ///
    /// The message of the server may hold values, and is left to the details.
    static func explain(_ error: PostgresError, _ relation: String) -> DaybookError? {
        guard !isPassing(error), let state = error.sqlState else { return nil }
        let debug = String(reflecting: error)
        if let column = column(thatCameBack: error) {
            return DaybookError(
                .badData,
                "A trigger of \(relation) writes into the column \(column), which a redaction clears; let it leave "
                    + "what is being cleared alone.", debugText: debug)
        }
        let constraint = error.constraint.map { "the constraint \($0)" } ?? "a constraint"
        switch state {
        case .foreignKeyViolation:
            return DaybookError(
                .configuration,
                "Rows of \(error.table ?? "another table") still refer to rows of \(relation) that are due, by "
                    + "\(constraint); delete those first, or drop it.", debugText: debug)
        case .checkViolation, .notNullViolation, .uniqueViolation, .exclusionViolation:
            let what = error.column.map { "the column \($0) may not be null" } ?? "\(constraint) forbids it"
            return DaybookError(
                .badData, "Rows of \(error.table ?? relation) cannot be cleared: \(what).", debugText: debug)
        case .insufficientPrivilege:
            return DaybookError(
                .configuration,
                "A right is missing on \(relation), or on what its triggers use: \(error.sentence) After a change of "
                    + "the tables run: \(NextStep.grantRoles)", debugText: debug)
        case .undefinedTable, .undefinedFunction, .undefinedColumn, .raisedException:
            return DaybookError(
                .badData, "A trigger of \(relation) failed: \(error.sentence)", debugText: debug)
        case "55000", "42P10", "0A000":
            // A publication, or a rule, that came after the look at the catalogue: the message names nothing else.
            return DaybookError(
                .configuration,
                "The database lets no row of \(relation) go: \(error.message ?? error.sentence). What is in the way, "
                    + "and what mends it, says: \(NextStep.check)", debugText: debug)
        default: return nil
        }
    }

    private static func column(thatCameBack error: PostgresError) -> String? {
        guard let message = error.message, let start = message.range(of: SweepStatement.cameBack)?.upperBound else {
            return nil
        }
        return String(message[start...].prefix { $0 != "\"" })
    }
}
