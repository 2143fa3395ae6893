internal import Domain
internal import Foundation
internal import Postgres

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
