internal import Domain
internal import Postgres
internal import Schema

/// How videos go: their rows are marked, and the marks are on the disk of the server, before the first byte is removed;
/// each video is then removed from the store, which looks that it is not there any more; only then it is on record as
/// gone, and counted. Whatever ends a purge between two of these, the next one goes on where it was.
struct VideoFiles: Sendable {
    /// What the purge writes to in `daybook.video_copy`.
    static let columns = ["state", "removed_at", "removed_run", "gone_at", "was_there"]

    /// What marks due rows, and takes over for this run what an earlier one marked. Nobody is served a marked video.
    static func marking(_ table: String, _ run: Int64) -> String {
        """
        UPDATE ONLY \(table) AS r SET state = 'removed', removed_run = \(run),
                    removed_at = coalesce(r.removed_at, transaction_timestamp()) FROM due
        """
    }

    /// What to know before it begins.
    static func advice(_ lines: [PlanLine]) -> [String] {
        let lines = lines.filter { $0.dataClass == .videoFiles }
        let (count, bytes) = (lines.reduce(0) { $0 + $1.dueRows }, lines.reduce(0) { $0 + $1.dueBytes })
        guard count > 0 else { return [] }
        return [
            "\(count) video\(count == 1 ? "" : "s") of \(bytes) bytes would go from the store for good: an archive has "
                + "rows, and no videos."
        ]
    }

    let run: PurgeRun
    let query: ClassQuery
    let store: any VideoRemoval
    let connection: DirectConnection

    /// A video that is marked.
    private struct Marked: Sendable {
        let userID: String
        let taskID: String
        let digest: [UInt8]
    }

    /// Removes what the run has marked, a few at a time. Gives how many are on record as gone now.
    ///
    /// Ends between two of them when its task is cancelled. Throws what the store throws; what was removed until then
    /// is on record.
    ///
    /// - Parameter tell: Told now and then how many are gone.
    func removeMarked(_ tell: (Int64) -> Void) async throws -> Int64 {
        var gone: Int64 = 0
        var last: Marked?
        while !Task.isCancelled {
            let (found, newest) = try await removeSome(after: last)
            gone += found
            tell(gone)
            guard let newest else { break }
            last = newest
        }
        return gone
    }

    /// The hold lock is shared over the look at the holds and the removal: a hold that is acknowledged keeps its video.
    private func removeSome(after last: Marked?) async throws -> (gone: Int64, last: Marked?) {
        guard try await shareLock() else { return (0, nil) }
        do {
            let result = try await removeHeldOff(after: last)
            try await Uninterrupted.run(connection, LegalHoldLock.release)
            return result
        } catch {
            // Where the session is lost its locks are, too.
            try? await Uninterrupted.run(connection, LegalHoldLock.release)
            throw error
        }
    }

    /// False where the task was cancelled before it had the lock.
    private func shareLock() async throws -> Bool {
        var refusals = 0
        while !Task.isCancelled {
            do {
                try await Uninterrupted.run(connection) { session in
                    try LegalHoldLock.shareAcross(session, milliseconds: Limits.purgeLockMilliseconds)
                }
                return true
            } catch let error as PostgresError where SweepFailure.isPassing(error) {
                refusals += 1
                try await SweepFailure.wait(after: refusals, "The lock of legal holds was taken", error)
            }
        }
        return false
    }

    private func removeHeldOff(after last: Marked?) async throws -> (gone: Int64, last: Marked?) {
        let marked = try await Uninterrupted.changing(connection) { session in
            guard try run.isBound(session) else { throw SweepStep.isUnbound }
            return try self.marked(after: last, session)
        }
        var done: [(video: Marked, wasThere: Bool)] = []
        var failure: (any Error)?
        for video in marked where !Task.isCancelled {
            do {
                // With the session the lock would be lost, and a hold be acknowledged meanwhile.
                try await Uninterrupted.run(connection, PurgeLock.require)
                // Of its own task: a video is removed whole, whoever interrupts.
                let wasThere = try await Task { [store] in
                    try await store.remove(video.taskID, digest: video.digest)
                }.value
                done.append((video, wasThere))
            } catch {
                failure = error
                break
            }
        }
        try await record(done.map(\.video), done.map(\.wasThere))
        if let failure { throw failure }
        return (Int64(done.count), marked.last)
    }

    /// Marked videos that nothing keeps: neither a hold of by now, nor another owner's task of the same id, whose video
    /// lies in the same place; the last of those takes it.
    private func marked(after last: Marked?, _ session: Session) throws -> [Marked] {
        try session.query(
            """
            SELECT r.user_id, r.task_id, r.sha256 FROM daybook.video_copy AS r
            \(query.probes)
            WHERE r.state = 'removed' AND r.gone_at IS NULL AND r.removed_run = $1 AND NOT (\(query.isHeld))
                AND ($2::uuid IS NULL OR (r.user_id, r.task_id) > ($2::uuid, $3::uuid)) AND NOT EXISTS (
                    SELECT FROM daybook.video_copy AS o
                    WHERE o.task_id = r.task_id AND o.user_id <> r.user_id AND o.state IN ('copying', 'stored'))
            ORDER BY r.user_id, r.task_id LIMIT $4
            """,
            [
                .int(run.id), last.map { .uuid($0.userID) } ?? .null, last.map { .uuid($0.taskID) } ?? .null,
                .int(Limits.purgeVideosAtOnce),
            ]
        ).map { row in
            Marked(
                userID: try row.uuid("user_id"), taskID: try row.uuid("task_id"),
                digest: try row.optionalBytes("sha256") ?? [])
        }
    }

    /// Writes down what was removed, and tries that again: what is gone counts as missing to whoever looks later.
    private func record(_ videos: [Marked], _ wereThere: [Bool]) async throws {
        var refusals = 0
        while !videos.isEmpty {
            do {
                return try await Uninterrupted.changing(connection) { [run] session in
                    try Self.record(videos, wereThere, run.id, session)
                }
            } catch let error as PostgresError where SweepFailure.isPassing(error) {
                refusals += 1
                try await SweepFailure.wait(after: refusals, "daybook.video_copy was locked, or too slow,", error)
            }
        }
    }

    /// Writes down that videos are gone, and adds them to what the run has taken.
    private static func record(_ videos: [Marked], _ wereThere: [Bool], _ run: Int64, _ session: Session) throws {
        try session.execute(
            """
            WITH gone AS (
                UPDATE daybook.video_copy AS r SET gone_at = transaction_timestamp(), was_there = k.was_there
                FROM unnest($2::uuid[], $3::uuid[], $4::boolean[]) AS k (user_id, task_id, was_there)
                WHERE r.user_id = k.user_id AND r.task_id = k.task_id AND r.state = 'removed' AND r.gone_at IS NULL
                RETURNING r.user_id, r.found_at, r.size_bytes, r.was_there
            ), looked AS (
                INSERT INTO daybook.purge_video (user_id, run_id, missing, video_bytes)
                SELECT user_id, $1::bigint, count(*) FILTER (WHERE NOT was_there),
                    coalesce(sum(size_bytes) FILTER (WHERE was_there), 0)
                FROM gone GROUP BY user_id
                ON CONFLICT ON CONSTRAINT purge_video_pkey DO UPDATE SET
                    missing = purge_video.missing + excluded.missing,
                    video_bytes = purge_video.video_bytes + excluded.video_bytes
            )
            INSERT INTO daybook.purge_total (user_id, run_id, data_class, row_count, oldest, newest)
            SELECT user_id, $1::bigint, '\(DataClass.videoFiles.rawValue)', count(*), min(found_at), max(found_at)
            FROM gone GROUP BY user_id
            ON CONFLICT ON CONSTRAINT purge_total_pkey DO UPDATE SET
                row_count = purge_total.row_count + excluded.row_count,
                oldest = least(purge_total.oldest, excluded.oldest),
                newest = greatest(purge_total.newest, excluded.newest)
            """,
            [.int(run), .uuids(videos.map(\.userID)), .uuids(videos.map(\.taskID)), .bools(wereThere)])
    }
}

extension Purge {
    /// Opens the store that due videos are in, for as long as the body needs it.
    ///
    /// Throws `configuration` where none was named, or it is not the database's.
    func withVideoStore(_ body: (any VideoRemoval) async throws -> Void) async throws {
        // A task of its own does not inherit the cancellation.
        let store = try await Task { [open = settings.openVideos, connection] in try await open(connection) }.value
        guard let store else {
            throw DaybookError.configuration(
                "Videos are due, and nobody said where this database keeps them; on a machine that has the store,",
                .nameStore)
        }
        do {
            try await body(store)
        } catch {
            await store.disconnect()
            throw error
        }
        await store.disconnect()
    }
}
