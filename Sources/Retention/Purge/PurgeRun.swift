internal import Codecs
internal import Domain
internal import Foundation
internal import Postgres
internal import Schema

/// A run as it is recorded: what it is bound to.
struct PurgeRun: Sendable {
    let id: Int64
    let terms: Terms
    /// Nil without an archive.
    let archive: ArchiveFolder?
    let isEncrypted: Bool

    /// Records a run, its plan and its cutoffs in the session's transaction.
    ///
    /// - Parameter isTrial: True for one that is undone: it takes no number of the real ones.
    static func record(
        _ plan: RetentionPlan, _ settings: PurgeSettings, isTrial: Bool = false, _ session: Session
    ) throws -> PurgeRun {
        let place = isTrial ? nil : settings.archive
        let id = try RunEntry(
            asOf: plan.asOf, account: plan.account ?? "", plan: plan.csv, policyDigest: plan.terms.policyDigest,
            holdDigest: plan.holdDigest, forced: settings.forced, holds: plan.holds,
            redactedColumns: plan.redactedColumns, archive: place,
            cutoffs: plan.terms.all.map { term in
                RunEntry.Cutoff(
                    userID: term.userID, slug: term.slug, timeZone: term.timeZone, dataClass: term.dataClass.rawValue,
                    retentionDays: term.retentionDays, instant: term.cutoff)
            }
        ).write(isTrial ? .trial : .next, settings, session)
        try plan.terms.erasure?.record(run: id, session)
        return PurgeRun(
            id: id, terms: plan.terms.recorded(as: id), archive: place.map { ArchiveFolder(place: $0, run: id) },
            isEncrypted: place?.cipher != nil)
    }

    /// Throws `configuration` where another archive is named than the one that the run began with.
    func requireArchive(_ resumption: Purge.Resumption) throws {
        guard let archive else {
            guard resumption.archive == nil else {
                throw DaybookError.configuration(
                    "Purge \(id) was begun without an archive; continue it without ", .choose(.archiveFolder).then("."))
            }
            return
        }
        func standard(_ path: String) -> String { URL(fileURLWithPath: path).standardizedFileURL.path }
        let isOther = resumption.archive.map { standard(ArchiveFolder.path(in: $0, run: id)) != standard(archive.path) }
        guard !resumption.withoutArchive, isOther != true else {
            throw DaybookError.configuration(
                "Purge \(id) keeps its archive in \(archive.path); continue it with that, or without naming one.")
        }
    }

    /// True while the policies are the ones that the run's plan was made by, and every hold of then is in force: a
    /// purge takes what its plan has shown, and never more.
    func isBound(_ session: Session) throws -> Bool {
        guard try Terms.policyDigest(session) == terms.policyDigest else { return false }
        return try session.query(
            """
            SELECT NOT EXISTS (
                SELECT FROM daybook.purge_run AS r CROSS JOIN unnest(r.holds) AS h (name)
                WHERE r.run_id = $1 AND h.name NOT IN (\(Terms.inForce))
            ) AS are_in_force
            """, [.int(id)])[0].bool("are_in_force")
    }

    /// Removes the file of a transaction that was undone: no transaction recorded it.
    func forgetUnrecorded(_ connection: DirectConnection) async throws {
        guard let archive else { return }
        archive.removeUnrecorded(
            try await Uninterrupted.run(connection) { [id] in try RunRecord.recordedFiles(id, $0) })
    }

    /// The terms that a run was bound to. The row has `run_id`, `as_of`, `account` and `policy_sha256`.
    static func terms(of row: Row, _ session: Session) throws -> Terms {
        let cutoffs = try session.query(
            """
            SELECT user_id, slug, time_zone, data_class, retention_days::bigint AS days, cutoff
            FROM daybook.purge_cutoff WHERE run_id = $1 ORDER BY data_class COLLATE "C", user_id
            """, [.int(try row.int("run_id"))])
        let erasure = try Erasure.of(run: row.int("run_id"), session)
        let unordered = try cutoffs.compactMap { row -> Term? in
            guard let dataClass = DataClass(rawValue: try row.text("data_class")) else { return nil }
            return Term(
                userID: try row.uuid("user_id"), slug: try row.text("slug"), timeZone: try row.text("time_zone"),
                dataClass: dataClass, retentionDays: try row.int("days"), cutoff: try row.instant("cutoff"))
        }
        let all = unordered.inNaturalOrder(of: \.slug)
        let account = try row.text("account")
        return Terms(
            asOf: try row.date("as_of"), account: account.isEmpty ? nil : account, all: all,
            policyDigest: try row.text("policy_sha256"), erasure: erasure,
            owed: erasure == nil ? try Erasure.owed(at: row.int("run_id"), session) : [])
    }

    /// The run that was begun and not finished, nil without one.
    static func unfinished(_ session: Session) throws -> PurgeRun? {
        let rows = try session.query(
            """
            SELECT run_id, as_of, account, archive_folder, archive_cipher, policy_sha256
            FROM daybook.purge_run WHERE state = $1
            """, [.text(RunState.running.rawValue)])
        guard let row = rows.first else { return nil }
        let id = try row.int("run_id")
        return PurgeRun(
            id: id, terms: try terms(of: row, session),
            archive: try row.optionalText("archive_folder").map {
                ArchiveFolder(path: ArchiveFolder.path(in: $0, run: id))
            },
            isEncrypted: try row.optionalText("archive_cipher") != nil)
    }
}

/// What is written down of a run before its first row goes, whether a purge takes it or a carry-forward: its row, and
/// its cutoffs.
struct RunEntry {
    /// The cutoff of an owner and class.
    struct Cutoff {
        let userID: String
        let slug: String
        let timeZone: String
        let dataClass: String
        let retentionDays: Int64
        let instant: Instant
    }

    /// How a run gets its number.
    enum Number {
        case next
        /// Of a run that is undone: it takes no number of the real ones.
        case trial
        /// Of a run that is finished in the transaction that writes it down.
        case reserved(Int64)
    }

    let asOf: CalendarDate
    /// The slug that the run is limited to; empty for everybody.
    var account = ""
    /// The plan that was shown, as CSV.
    let plan: [UInt8]
    let policyDigest: String
    let holdDigest: String
    var forced: Set<PurgeGuard.Danger> = []
    /// The holds that may not be released before what the plan shows is done.
    var holds: [String] = []
    /// The columns that the run clears; nil where it clears none by name.
    var redactedColumns: [String]?
    let archive: ArchivePlace?
    let cutoffs: [Cutoff]

    /// Writes it in the session's transaction and gives the number.
    func write(_ number: Number, _ settings: PurgeSettings, _ session: Session) throws -> Int64 {
        // Of its state and number nobody but the owner of the table may say anything.
        let (columns, values): (String, String) =
            switch number {
            case .next: ("", "")
            case .trial: ("run_id, ", "0, ")
            case .reserved(let id): ("run_id, state, finished_at, ", "\(id), 'finished', clock_timestamp(), ")
            }
        let id = try session.query(
            """
            INSERT INTO daybook.purge_run (\(columns)as_of, account, plan, plan_sha256,
                policy_sha256, hold_sha256, forced, program_version, host, archive_folder, archive_cipher,
                archive_days, archive_state, holds, redacted_columns)
            \(columns.isEmpty ? "" : "OVERRIDING SYSTEM VALUE")
            VALUES (\(values)$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
            RETURNING run_id
            """,
            [
                .date(asOf), .text(account), .text(String(decoding: plan, as: UTF8.self)),
                .text(SHA256Digest.hex(plan)), .text(policyDigest), .text(holdDigest),
                .texts(forced.map(\.rawValue).sorted()), .text(settings.programVersion), .text(settings.host),
                Value(archive?.folder), Value(archive?.cipher), archive.map { .int($0.days) } ?? .null,
                .text((archive == nil ? ArchiveState.none : .kept).rawValue), .texts(holds),
                redactedColumns.map(Value.texts) ?? .null,
            ])[0].int("run_id")
        _ = try session.execute(
            """
            INSERT INTO daybook.purge_cutoff (run_id, user_id, data_class, slug, time_zone, retention_days, cutoff)
            SELECT $1, t.* FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::timestamptz[])
                AS t (user_id, data_class, slug, time_zone, retention_days, cutoff)
            """,
            [
                .int(id), .uuids(cutoffs.map(\.userID)), .texts(cutoffs.map(\.dataClass)),
                .texts(cutoffs.map(\.slug)), .texts(cutoffs.map(\.timeZone)), .ints(cutoffs.map(\.retentionDays)),
                .instants(cutoffs.map(\.instant)),
            ])
        return id
    }
}

/// What is recorded of a run while it goes on.
enum RunRecord {
    /// True for a run `r` that has ended and was a purge or an erasure: no carry-forward of the ledger.
    static let isPurge = """
        NOT EXISTS (SELECT FROM daybook.retention_certificate AS c WHERE c.run_id = r.run_id AND c.kind = 'carry')
        """

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
    static func sweeps(_ run: Int64, _ dataClass: DataClass, _ state: SweepState, _ session: Session) throws -> [String]
    {
        let rows = try session.query(
            """
            SELECT relation FROM daybook.purge_sweep
            WHERE run_id = $1 AND data_class = $2 AND state = $3 ORDER BY relation COLLATE "C"
            """, [.int(run), .text(dataClass.rawValue), .text(state.rawValue)])
        return try rows.map { try $0.text("relation") }
    }

    /// Writes down how far the run has come with a table.
    static func note(
        _ state: SweepState, _ run: Int64, _ dataClass: DataClass, _ relation: String, _ session: Session
    ) throws {
        _ = try session.execute(
            """
            UPDATE daybook.purge_sweep SET state = $4
            WHERE run_id = $1 AND data_class = $2 AND relation = $3
            """, [.int(run), .text(dataClass.rawValue), .text(relation), .text(state.rawValue)])
    }

    /// Ends a run, whatever took its rows, before it is certified.
    ///
    /// - Parameter manifestDigest: SHA-256 of its archive's manifest; nil without an archive.
    static func finish(_ run: Int64, manifestDigest: String?, _ session: Session) throws {
        _ = try session.execute(
            """
            UPDATE daybook.purge_run SET state = 'finished', finished_at = clock_timestamp(), manifest_sha256 = $2,
                archive_expires_at = clock_timestamp() + make_interval(days => archive_days)
            WHERE run_id = $1
            """, [.int(run), Value(manifestDigest)])
    }
}

/// How far a run has come.
enum RunState: String, Sendable, CaseIterable {
    case running, finished
}

/// What became of the archive of a run.
enum ArchiveState: String, Sendable, CaseIterable {
    /// It was begun without one.
    case none
    case kept
    /// Its destruction was begun.
    case expiring
    case destroyed
    /// It is certified as nowhere to be found.
    case lost
}

/// How far a run has come with a table.
enum SweepState: String, Sendable, CaseIterable {
    case sweeping
    case done
    /// Earlier versions detached a month before they dropped it.
    case detached
    /// It was dropped as a whole.
    case dropped
}
