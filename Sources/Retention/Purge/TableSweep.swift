// Over 300 lines: the walk of a table, its one transaction and the pace of both are read together.
internal import Domain
internal import Foundation
internal import Postgres
internal import Schema

/// Walks one table from its first page to its last, a transaction at a time.
struct TableSweep: Sendable {
    let step: SweepStep
    let connection: DirectConnection
    let journal: RunJournal
    let tell: @Sendable (PurgeProgress) -> Void
    let plannedRows: Int64
    let pauses: PurgePauses
    /// What becomes of rows of videos once they are marked; nil for every other class.
    var videos: VideoFiles?

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
                pace.took(milliseconds: Int64((clock.now - startedAt) / .milliseconds(1)))
                next = range.upperBound
                refusals = 0
                let gone =
                    try await videos?.removeMarked { gone in
                        tell(
                            .sweeping(
                                relation: step.relation, donePages: next, pages: place.pages, takenRows: taken + gone,
                                plannedRows: plannedRows))
                    } ?? rows
                journal.add(gone, of: step.dataClass)
                taken += gone
                tell(
                    .sweeping(
                        relation: step.relation, donePages: next, pages: place.pages, takenRows: taken,
                        plannedRows: plannedRows))
                // What a transaction does besides its rows has no rests: half of the time belongs to the others alone.
                if rests == .often { try? await Task.sleep(for: clock.now - startedAt) }
            } catch let error as PostgresError where SweepFailure.isPassing(error) {
                refusals += 1
                pace.ranOut()
                try await step.run.forgetUnrecorded(connection)
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

    /// Waits while the server has other things to do. False if the task was cancelled meanwhile.
    private func pauseWhileNeeded() async throws -> Bool {
        var waited: Int64 = 0
        while let reason = try await reasonToWait() {
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

    /// Nil if it need not wait; nothing if the server does not show it.
    private func reasonToWait() async throws -> String? {
        guard !Task.isCancelled else { return nil }
        return try await Uninterrupted.transaction(connection) { [relation = step.relation, pauses] session in
            try Throttle.reason(for: relation, pauses, session)
        }
    }
}

/// One transaction of a purge.
struct SweepStep: Sendable {
    let run: PurgeRun
    let statement: SweepStatement
    let dataClass: DataClass
    let relation: String
    let key: [UInt8]?

    static let isUnbound = DaybookError(
        .tryAgain,
        "The policies changed, or a hold was released, while the purge ran, so it stopped: it is bound to the plan "
            + "that was shown, and resumed it is certified and ends.")

    /// Takes the due rows of a stretch and gives their number.
    ///
    /// The order matters: the hold lock first, in a statement of its own, so that the deleting statement sees every
    /// hold that was acknowledged; the file on disk and its record before the COMMIT.
    func take(_ pages: Range<Int64>, _ rests: Rests, _ session: Session) throws -> Int64 {
        try LegalHoldLock.share(session)
        guard try run.isBound(session) else { throw Self.isUnbound }
        try Self.prepare(session)
        // A video is removed only after the mark of its row has reached the disk.
        if dataClass == .videoFiles { try session.executeScript("SET LOCAL synchronous_commit = on") }
        let rows: Int64
        do {
            rows = try taken(pages, rests, session)
        } catch let error as PostgresError {
            guard let reason = SweepFailure.explain(error, relation) else { throw error }
            throw reason.followed(by: " The purge stopped there.", debugText: String(reflecting: error))
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
        if let folder = run.archive, dataClass != .videoFiles {
            let sql = statement.sql(run: run.id, relation: relation, pages: pages, rests: rests, session)
            return try folder.archive(
                sql, columns: statement.columns, dataClass: dataClass.rawValue, relation: relation, run: run, key: key,
                session)
        }
        let sql = statement.sql(run: run.id, relation: relation, pages: pages, counts: true, rests: rests, session)
        return try session.query(sql)[0].int("taken")
    }
}

/// How many pages of a table the next transaction of a purge takes: as many as keep it near its target time.
struct BatchPace: Sendable, Hashable {
    /// Pages of the next transaction.
    private(set) var pages: Int64

    init(pages: Int64 = Limits.purgeFirstPages) {
        self.pages = pages
    }

    /// Learns from a transaction that was committed. At most doubles, so that one empty stretch of a table does not
    /// lead to a huge transaction on the next.
    ///
    /// - Parameter slow: Milliseconds that are too many. A transaction that takes less than half of it may grow.
    mutating func took(milliseconds: Int64, slow: Int64 = Limits.purgeSlowMilliseconds) {
        if milliseconds > slow {
            // In proportion: ten times too slow becomes a tenth, not a half.
            pages = max(1, min(pages * slow / milliseconds, pages / 2))
        } else if milliseconds < slow / 2 {
            pages = min(pages * 2, Limits.purgeMostPages)
        }
    }

    /// Learns from a transaction that ran into its time limit.
    mutating func ranOut() {
        pages = max(1, pages / 4)
    }
}

/// Rests: short sleeps in the middle of a purge's statements while others are at work, as VACUUM's cost delay.
///
/// A statement that computes for some milliseconds without a break keeps the others from a processor for as long; one
/// that rests all the time lets them in between.
enum Rests {
    case none
    case often

    /// A condition for a query's rows, always true, that rests for a millisecond after about so many of them.
    ///
    /// - Parameter column: A column, never null, of the table at whose rows the condition is looked at.
    func after(_ column: String, rows: Int64 = Limits.purgeRestRows) -> String {
        switch self {
        case .none: "true"
        case .often:
            """
            CASE WHEN random() * \(rows)::double precision < 1::double precision AND \(column) IS NOT NULL
                THEN pg_sleep(0.0005::double precision) IS NOT NULL ELSE true END
            """
        }
    }
}

/// Reasons to pause, as the server shows them to this role.
enum Throttle {
    /// Why a purge of a table should wait now, nil if it need not.
    static func reason(for relation: String, _ pauses: PurgePauses, _ session: Session) throws -> String? {
        let rows = try session.query(
            """
            SELECT
                (SELECT max(extract(epoch FROM replay_lag))::bigint FROM pg_stat_replication) AS lag,
                (SELECT count(*) FROM pg_stat_progress_vacuum AS v JOIN pg_stat_activity AS a ON a.pid = v.pid
                    WHERE v.relid = to_regclass($1) AND v.datname = current_database()
                        AND a.backend_type = 'autovacuum worker') AS vacuums,
                (SELECT max(extract(epoch FROM clock_timestamp() - xact_start))::bigint FROM pg_stat_activity
                    WHERE backend_xmin IS NOT NULL AND datname = current_database() AND pid <> pg_backend_pid()
                        AND backend_type = 'client backend') AS snapshot
            """, [.text(TableName.quoted(relation, session))])
        if let lag = try rows[0].optionalInt("lag"), lag > pauses.lagSeconds {
            return "a replica is \(lag) s behind"
        }
        if try rows[0].int("vacuums") > 0 { return "autovacuum works on \(relation)" }
        if let age = try rows[0].optionalInt("snapshot"), age > pauses.transactionSeconds {
            return "somebody's transaction is open for \(age) s"
        }
        return nil
    }

    /// True where another client of the database began or ended a statement within the last second, as far as the
    /// server shows that to this role, and that statement was work: not a pooler's or a monitor's sign of life.
    static func othersAreAtWork(_ session: Session) throws -> Bool {
        try session.query(
            """
            SELECT EXISTS (
                SELECT FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
                    AND state_change > clock_timestamp() - interval '1 second'
                    AND (backend_xid IS NOT NULL OR NOT \(isTrivial("query")))
            ) AS others
            """)[0].bool("others")
    }

    /// True for a text of nothing but statements that need no table: an empty one, a `SELECT` of constants and of what
    /// the server knows of itself, what changes the session alone. A transaction's begin or end stands for what is in
    /// it, and is work.
    static func isTrivial(_ query: String) -> String {
        """
        NOT EXISTS (
            SELECT FROM regexp_split_to_table(regexp_replace(\(query), '\(comment)', ' ', 'g'), ';') AS part
            WHERE part !~* '^\\s*(\(ofSession)|select(\\s+\(item)(\\s*,\\s*\(item))*)?)?\\s*$')
        """
    }

    private static let comment = #"--[^\n\r]*|/\*([^*]|\*+[^*/])*\*+/"#
    private static let ofSession = #"(set|show|reset|discard|deallocate|listen|unlisten|close)\y.*"#
    private static let item = #"(\d+|''[^'']*''|null|true|false|\#(ofServer)|\#(call))(\s+as\s+"?\w+"?)?"#
    private static let ofServer = "current_(date|time|timestamp|user|role|catalog|schema)|session_user"
    private static let call = #"(pg_catalog\.)?(\#(functions))\s*\(\s*(''[^'']*'')?\s*\)"#
    private static let functions =
        "now|version|clock_timestamp|current_database|current_setting|pg_backend_pid|pg_is_in_recovery"
}
