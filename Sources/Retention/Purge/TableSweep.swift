internal import Domain
internal import Foundation
internal import Postgres

/// Walks one table from its first page to its last, a transaction at a time.
struct TableSweep: Sendable {
    let step: SweepStep
    let connection: DirectConnection
    let journal: RunJournal
    let tell: @Sendable (PurgeProgress) -> Void
    let plannedRows: Int64
    let pauses: PurgePauses

    /// How far it came.
    struct Ending: Sendable {
        var takenRows: Int64
        /// True if it was asked to stop before the end.
        var wasStopped: Bool
    }

    /// Walks on from where the record says. Stops between two transactions when its task is cancelled.
    ///
    /// Throws `tryAgain` if locks or limits turned it away too often: the run can be resumed.
    func run(takenBefore: Int64) async throws -> Ending {
        let place = try await Uninterrupted.run(connection) { session in
            let rows = try session.query(
                """
                SELECT pages, next_page FROM daybook.purge_sweep
                WHERE run_id = $1 AND data_class = $2 AND relation = $3
                """, [.int(step.run.id), .text(step.dataClass.rawValue), .text(step.relation)])
            return (pages: try rows[0].int("pages"), next: try rows[0].int("next_page"))
        }
        guard try await isThere() else {
            tell(.step("\(step.relation) is there no more"))
            try await end()
            return Ending(takenRows: takenBefore, wasStopped: false)
        }
        var pace = BatchPace()
        var next = place.next
        var taken = takenBefore
        var refusals = 0
        let clock = ContinuousClock()
        var looked: ContinuousClock.Instant?
        var sharedUntil = clock.now
        var wasShared = false
        while next < place.pages {
            guard !Task.isCancelled else { return Ending(takenRows: taken, wasStopped: true) }
            if looked.map({ clock.now - $0 > .seconds(Limits.purgeLookSeconds) }) ?? true {
                guard try await pauseWhileNeeded() else { return Ending(takenRows: taken, wasStopped: true) }
                looked = clock.now
            }
            let looksForOthers = pauses.rests && (!wasShared || clock.now + .seconds(1) > sharedUntil)
            if looksForOthers, try await Uninterrupted.run(connection, Throttle.othersAreAtWork) {
                if !wasShared { tell(.step("others are at work: the purge rests every few rows")) }
                wasShared = true
                sharedUntil = clock.now + .seconds(Limits.purgeSharedSeconds)
            }
            let rests: Rests = clock.now < sharedUntil ? .often : .none
            // Rests make a long stretch of due rows many times as slow as the empty one before it.
            let most = rests == .often ? min(pace.pages, Limits.purgeFirstPages) : pace.pages
            let range = next..<min(next + most, place.pages)
            let startedAt = clock.now
            do {
                let rows = try await Uninterrupted.changing(connection) { try step.take(range, rests, $0) }
                journal.add(rows, of: step.dataClass)
                taken += rows
                pace.took(milliseconds: Int64((clock.now - startedAt) / .milliseconds(1)))
                next = range.upperBound
                refusals = 0
                tell(
                    .sweeping(
                        relation: step.relation, donePages: next, pages: place.pages, takenRows: taken,
                        plannedRows: plannedRows))
                // What a transaction does besides its rows has no rests: half of the time belongs to the others alone.
                if rests == .often { try? await Task.sleep(for: clock.now - startedAt) }
            } catch let error as PostgresError where SweepFailure.isPassing(error) {
                refusals += 1
                pace.ranOut()
                try await forgetUnrecorded()
                try await SweepFailure.wait(after: refusals, "\(step.relation) was locked, or too slow,", error)
            }
        }
        try await end()
        return Ending(takenRows: taken, wasStopped: false)
    }

    /// False for a partition that its application dropped meanwhile.
    private func isThere() async throws -> Bool {
        try await Uninterrupted.run(connection) { session in
            let name = TableName.quoted(step.relation, session)
            return try session.query("SELECT to_regclass($1) IS NOT NULL AS found", [.text(name)])[0].bool("found")
        }
    }

    private func end() async throws {
        try await Uninterrupted.changing(connection) { session in
            try RunRecord.note(.done, step.run.id, step.dataClass, step.relation, session)
        }
    }

    /// A transaction that was undone may have left its file.
    private func forgetUnrecorded() async throws {
        guard let folder = step.run.archive else { return }
        let recorded = try await Uninterrupted.run(connection) { try RunRecord.recordedFiles(step.run.id, $0) }
        folder.removeUnrecorded(recorded)
    }

    /// Waits while the server has other things to do. False if the task was cancelled meanwhile.
    private func pauseWhileNeeded() async throws -> Bool {
        var waited: Int64 = 0
        while let reason = try await connection.reason(for: step.relation, pauses) {
            tell(.pausing(reason))
            guard waited < pauses.mostSeconds else {
                throw DaybookError(.tryAgain, "The purge waited \(waited) s because \(reason), and stopped.")
            }
            try? await Task.sleep(for: .seconds(Limits.purgeLookSeconds))
            guard !Task.isCancelled else { return false }
            waited += Limits.purgeLookSeconds
        }
        return true
    }
}

extension DirectConnection {
    /// Why a purge should wait, nil if it need not; nothing if the server does not show it.
    fileprivate func reason(for relation: String, _ pauses: PurgePauses) async throws -> String? {
        guard !Task.isCancelled else { return nil }
        return try await Uninterrupted.transaction(self) { try Throttle.reason(for: relation, pauses, $0) }
    }
}
