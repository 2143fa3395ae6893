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
        let row = try session.query(
            """
            INSERT INTO daybook.purge_run (\(isTrial ? "run_id, " : "")as_of, account, plan, plan_sha256,
                policy_sha256, hold_sha256, forced, program_version, host, archive_folder, archive_cipher,
                archive_days, archive_state, holds, redacted_columns)
            \(isTrial ? "OVERRIDING SYSTEM VALUE" : "")
            VALUES (\(isTrial ? "0, " : "")$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
            RETURNING run_id
            """,
            [
                .date(plan.asOf), .text(plan.account ?? ""), .text(String(decoding: plan.csv, as: UTF8.self)),
                .text(plan.digest), .text(plan.terms.policyDigest), .text(plan.holdDigest),
                .texts(settings.forced.map(\.rawValue).sorted()), .text(settings.programVersion), .text(settings.host),
                Value(place?.folder), Value(place?.cipher), place.map { .int($0.days) } ?? .null,
                .text(place == nil ? "none" : "kept"), .texts(plan.holds), .texts(plan.redactedColumns),
            ])[0]
        let id = try row.int("run_id")
        let terms = plan.terms.all
        _ = try session.execute(
            """
            INSERT INTO daybook.purge_cutoff (run_id, user_id, data_class, slug, time_zone, retention_days, cutoff)
            SELECT $1, t.* FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::timestamptz[])
                AS t (user_id, data_class, slug, time_zone, retention_days, cutoff)
            """,
            [
                .int(id), .uuids(terms.map(\.userID)), .texts(terms.map(\.dataClass.rawValue)),
                .texts(terms.map(\.slug)), .texts(terms.map(\.timeZone)), .ints(terms.map(\.retentionDays)),
                .instants(terms.map(\.cutoff)),
            ])
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
                    "Purge \(id) was begun without an archive; continue it without --archive.")
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

    /// The terms that a run was bound to. The row has `run_id`, `as_of`, `account` and `policy_sha256`.
    static func terms(of row: Row, _ session: Session) throws -> Terms {
        let cutoffs = try session.query(
            """
            SELECT user_id, slug, time_zone, data_class, retention_days::bigint AS days, cutoff
            FROM daybook.purge_cutoff WHERE run_id = $1 ORDER BY slug COLLATE "C", data_class COLLATE "C"
            """, [.int(try row.int("run_id"))])
        let erasure = try Erasure.of(run: row.int("run_id"), session)
        let all = try cutoffs.compactMap { row -> Term? in
            guard let dataClass = DataClass(rawValue: try row.text("data_class")) else { return nil }
            return Term(
                userID: try row.uuid("user_id"), slug: try row.text("slug"), timeZone: try row.text("time_zone"),
                dataClass: dataClass, retentionDays: try row.int("days"), cutoff: try row.instant("cutoff"))
        }
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
            FROM daybook.purge_run WHERE state = 'running'
            """)
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
