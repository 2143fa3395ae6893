internal import Domain
internal import Foundation
public import Postgres
internal import Schema

/// The financial retention: months of the ledger that are older than the years it asks for are replaced by balances,
/// one per owner and lot, so that every statement after them comes out as before.
///
/// Only on a database whose ledger Daybook made. One transaction does it all: archive, replacement and certificate are
/// there together, or none of them. What a killed run may leave is an archive folder, which the next run removes.
public struct CarryForward: Sendable {
    /// The name of the data in archives, totals and certificates.
    static let dataClass = "credit_ledger"

    /// What a run did.
    public struct Outcome: Sendable {
        public let run: Int64
        public let rows: Int64
        public let balances: Int64
        /// The certificate's number and the digest that heads the chain now; nil if nothing was to be replaced.
        public let certificate: (sequence: Int64, sha256: String)?
        /// The files that were written, those that a killed run could not write any more included.
        public let files: [String]
    }

    let settings: PurgeSettings
    let years: Int64
    let connection: DirectConnection
    let tell: @Sendable (PurgeProgress) -> Void

    /// - Parameters:
    ///   - settings: Where archive and certificates go. Its account, forced refusals and expected rows are not used.
    ///   - years: Whole years that rows are kept.
    public init(
        _ settings: PurgeSettings, years: Int64, _ connection: DirectConnection,
        tell: @escaping @Sendable (PurgeProgress) -> Void = { _ in }
    ) {
        self.settings = settings
        self.years = years
        self.connection = connection
        self.tell = tell
    }

    /// Counts what would be replaced. Changes nothing.
    ///
    /// Throws `configuration` on a deployment, `usage` for a date in the future and where a late row stands against it.
    public func plan() async throws -> CarryPlan {
        try await connection.transaction(TransactionOptions(statementTimeoutMilliseconds: 0)) { try read($0) }
    }

    /// Runs a plan that ``plan()`` made, whole or not at all. What killed runs left is put in order first.
    ///
    /// Throws `tryAgain` where another purge runs, the ledger is in use, or it has changed since the plan was made.
    public func run(_ plan: CarryPlan) async throws -> Outcome {
        do {
            return try await replace(plan)
        } catch  where RunEnding.isInterruption(error) {
            throw StoppedRun(.interruption, standing: Self.undone)
        }
    }

    private static let undone = "Nothing was replaced."

    private func replace(_ plan: CarryPlan) async throws -> Outcome {
        guard let place = settings.archive else {
            throw DaybookError.usage(
                "Ledger rows never go without an archive; name its folder with ", .choose(.archiveFolder).then("."))
        }
        try await Uninterrupted.run(connection) { session in
            try RetentionSession.prepareSession(session)
            try RetentionSession.requireTables(session)
            try PurgeLock.take(session)
        }
        try await removeBegun()
        let late = try await publish()
        guard plan.rows > 0 else { return Outcome(run: 0, rows: 0, balances: 0, certificate: nil, files: late) }
        try ArchiveFolder(path: place.folder).make()
        try await connection.transaction(
            TransactionOptions(lockTimeoutMilliseconds: Limits.purgeStatementMilliseconds)
        ) { session in
            try RetentionSession.prepare(session)
            _ = try LedgerPartitions.divide(ahead: 0, session)
            let months = plan.lines.map { CarryMonth(month: $0.month).relation }
            let found = try MonthObstacles.find(months, session)
            guard found.isEmpty else {
                throw DaybookError.configuration(
                    "The database would refuse to let these months go, so nothing was replaced. "
                        + found.map(\.sentence).joined(separator: " "))
            }
        }
        let id = try await begin(plan, place)
        let replacement = CarryReplacement(id: id, plan: plan, settings: settings, place: place, tell: tell)
        let deed = CertifiedDeed(
            connection: connection, done: "Run \(id) has replaced \(plan.rows) rows", undone: Self.undone)
        let issued: CertificateIssuer.Issued?
        do {
            // An interrupt undoes it: whoever waits for the ledger should not have to wait for its end.
            issued = try await deed.commit(
                TransactionOptions(
                    statementTimeoutMilliseconds: 0, lockTimeoutMilliseconds: Limits.purgeLockMilliseconds)
            ) { session in
                try PurgeLock.require(session)
                guard try read(session).digest == plan.digest else {
                    throw DaybookError(
                        .tryAgain, "The ledger or the holds changed since the plan was made; nothing was replaced.")
                }
                return ((), try replacement.run(session))
            }.issued
        } catch {
            // The database knows whether it was undone; a lost connection leaves the rest to the next run.
            try? await removeBegun()
            throw error
        }
        let files = try await deed.publish(issued, by: settings.issuer) { tell(.step($0)) }
        return Outcome(
            run: id, rows: plan.rows, balances: plan.balances, certificate: issued.map { ($0.sequence, $0.sha256) },
            files: late + files)
    }

    private func publish() async throws -> [String] {
        let (certificates, tell) = (settings.issuer.files, tell)
        return try await Uninterrupted.run(connection) { session in
            try certificates.publishMissing(session) { tell(.step($0)) }
        }
    }

    /// Reads the plan in the session's transaction, and leaves its sorted rows there.
    private func read(_ session: Session) throws -> CarryPlan {
        try RetentionSession.prepare(session)
        try RetentionSession.requireTables(session)
        try Self.requireOwnLedger(session)
        let today = try session.query(
            "SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date AS today, clock_timestamp() AS now")[0]
        let asOf = try settings.asOf ?? today.date("today")
        guard try asOf <= today.date("today") else {
            throw DaybookError.usage("The date \(asOf) lies in the future; ledger rows are never replaced early.")
        }
        let skew = try abs(settings.hostClock().microseconds(since: today.instant("now"))) / 1_000_000
        guard skew <= Limits.clockSkewSeconds else {
            throw DaybookError(
                .failed,
                "The clocks of this machine and of the database are \(skew) s apart; set the wrong one right first.")
        }
        let first = try CarryPlan.cutoff(asOf, years: years)
        let cutoff = try session.query(
            "SELECT $1::date::timestamp AT TIME ZONE 'UTC' AS cutoff", [.date(first.firstDay)])[0].instant("cutoff")
        let holdDigest = try Terms.holdDigest(session)
        try PlanReader.prepareCounting(session)
        try CarryRows.collect(before: cutoff, session)
        return CarryPlan(
            asOf: asOf, years: years, cutoff: cutoff, lines: try CarryRows.lines(session), holdDigest: holdDigest)
    }

    private static func requireOwnLedger(_ session: Session) throws {
        guard try Migrator.madeService(session) else {
            throw DaybookError.configuration(
                "The ledger of this database is its application's, not Daybook's: its rows are never replaced. Keep or "
                    + "archive them with the means of the application.")
        }
        let known = try session.query(
            """
            SELECT to_regclass('daybook.ledger_carry') IS NOT NULL AND EXISTS (
                SELECT FROM pg_class WHERE oid = to_regclass('public.credit_ledger') AND relkind = 'p') AS is_divided
            """)
        guard try known[0].bool("is_divided") else {
            throw DaybookError.configuration("The ledger has no months yet", .migrate)
        }
    }

    /// Writes down, before the first file, which archive folder would belong to nothing if this run were killed.
    private func begin(_ plan: CarryPlan, _ place: ArchivePlace) async throws -> Int64 {
        try await Uninterrupted.transaction(connection) { session in
            let run = try session.query(
                """
                INSERT INTO daybook.ledger_carry (run_id, cutoff, archive_folder)
                VALUES (nextval(pg_get_serial_sequence('daybook.purge_run', 'run_id')), $1, $2) RETURNING run_id
                """, [.instant(plan.cutoff), .text(place.folder)])[0].int("run_id")
            // What is left of this run may be removed later, and nothing else: the folder is made here.
            try ArchiveFolder(place: place, run: run).makeNew()
            return run
        }
    }

    /// Removes what runs left that were killed before their transaction was committed.
    private func removeBegun() async throws {
        let begun = try await Uninterrupted.run(connection) { session in
            try session.query(
                "SELECT run_id, archive_folder FROM daybook.ledger_carry WHERE state = 'begun' ORDER BY run_id"
            ).map { (run: try $0.int("run_id"), folder: try $0.text("archive_folder")) }
        }
        for (run, folder) in begun {
            let path = ArchiveFolder.path(in: folder, run: run)
            try ArchiveRemoval.removeBegun(path)
            try await Uninterrupted.transaction(connection) { session in
                _ = try session.execute(
                    "DELETE FROM daybook.ledger_carry WHERE run_id = $1 AND state = 'begun'", [.int(run)])
            }
        }
    }
}
