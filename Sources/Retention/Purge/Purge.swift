public import Documents
public import Domain
internal import Foundation
public import Postgres
internal import Schema

/// A purge: prepared and shown, then run in small transactions that can be interrupted anywhere, and certified.
///
/// One connection does everything; its session holds the lock that keeps a second purge out.
public struct Purge: Sendable {
    /// What a purge did.
    public struct Outcome: Sendable {
        public let run: Int64
        /// Rows taken, over the whole run with its interruptions.
        public let takenRows: Int64
        /// Rows that were due by the run's cutoffs and are there all the same.
        public let remainingRows: Int64
        /// The certificate's number and the digest that heads the chain now; nil if nothing was due.
        public let certificate: (sequence: Int64, sha256: String)?
        /// The files that were written.
        public let files: [String]
        /// What an erasure leaves, and why.
        public var owed: [OwedRows] = []
    }

    let settings: PurgeSettings
    let connection: DirectConnection
    let tell: @Sendable (PurgeProgress) -> Void
    let journal = RunJournal()

    /// What stands of it by now, as far as its own program knows, for whoever ends it at once.
    public var standing: Remark { journal.known?.standing(isCertain: false) ?? Remark("Nothing was purged.") }

    public init(
        _ settings: PurgeSettings, _ connection: DirectConnection,
        tell: @escaping @Sendable (PurgeProgress) -> Void = { _ in }
    ) {
        self.settings = settings
        self.connection = connection
        self.tell = tell
    }

    /// Takes the lock, and makes the plan that the run will be bound to.
    ///
    /// Throws what stands against a purge: see ``PurgeGuard``; `tryAgain` if another purge is running or one has to
    /// be resumed first.
    public func prepare() async throws -> RetentionPlan {
        try await telling { try await planned() }
    }

    /// Lets whoever runs it know what stands of it, however it ends before its end.
    func telling<Result: Sendable>(_ body: () async throws -> Result) async throws -> Result {
        do {
            return try await body()
        } catch {
            throw await RunEnding.of(error, journal, connection)
        }
    }

    private func planned() async throws -> RetentionPlan {
        try await takeLock()
        if let run = try await Uninterrupted.run(connection, PurgeRun.unfinished) {
            throw DaybookError(
                .tryAgain,
                "Purge \(run.id) was interrupted and has to be finished first: ", .take(.resumePurge))
        }
        let plan = try await PlanReader(
            asOf: settings.asOf, account: settings.account, erasure: settings.erasure, rests: settings.pauses.rests
        ).run(connection.connection)
        // What follows lets the plan be run as it is, or not at all: it changes what becomes of no row.
        // What is asked for by name is neither too much nor too soon.
        let isErasure = plan.erasing != nil
        let shortest =
            isErasure ? nil : plan.terms.all.filter { $0.dataClass.isCustomers }.map(\.retentionDays).min()
        let clocks = try await Uninterrupted.run(connection) { session in
            let rows = try session.query(
                "SELECT clock_timestamp() AS now, (clock_timestamp() AT TIME ZONE 'UTC')::date AS today")
            return (now: try rows[0].instant("now"), today: try rows[0].date("today"))
        }
        let guarded = PurgeGuard(
            asOf: plan.asOf, account: plan.account, today: clocks.today,
            clockSkewSeconds: Self.seconds(settings.hostClock().microseconds(since: clocks.now)),
            shortestDays: shortest, shares: isErasure ? [] : plan.shares)
        if let refusal = guarded.refusal(forced: settings.forced, expectedRows: settings.expectedRows) { throw refusal }
        try await Uninterrupted.run(connection) { session in
            let shape = try DeploymentShape(session)
            try PurgeReach.refuseCascades(shape, session)
            try PurgeReach.requireRights(shape, session)
        }
        try Obstacles.refuse(plan.obstacles, due: plan.dueClasses, months: plan.wholePartitions)
        if plan.dueClasses.contains(.videoFiles) { try await withVideoStore { _ in } }
        if plan.dueRows > 0 { try await Trial(plan: plan, settings: settings).run(connection) }
        return plan
    }

    /// Runs a plan that ``prepare()`` made. Nothing is recorded where nothing is due.
    ///
    /// Throws ``StoppedRun`` where it ends before its end, and what kept it from beginning.
    public func run(_ plan: RetentionPlan) async throws -> Outcome {
        try await telling { try await begin(plan) }
    }

    private func begin(_ plan: RetentionPlan) async throws -> Outcome {
        try Task.checkCancellation()
        let files = try await publishCertificates()
        guard plan.isWorthARun else {
            return Self.nothing(files)
        }
        if let archive = settings.archive { try ArchiveFolder(path: archive.folder).make() }
        let run = try await Uninterrupted.changing(connection) { session in
            try settings.issuer.requirePlace(session)
            let run = try PurgeRun.record(plan, settings, session)
            journal.begin(run.id)
            guard try run.isBound(session) else {
                throw DaybookError(
                    .tryAgain,
                    "The policies changed, or a hold was released, since the plan was made; nothing was purged. Look "
                        + "at the plan again.")
            }
            // Made before anything is committed: an archive that cannot be written leaves no run behind.
            try run.archive?.makeNew()
            return run
        }
        return try await go(run, plan: plan)
    }

    /// The head of the chain, as the run leaves it.
    public func head() async throws -> ChainHead {
        try await telling { try await CertificateHead.read(connection.connection) }
    }

    static func nothing(_ files: [String]) -> Outcome {
        Outcome(run: 0, takenRows: 0, remainingRows: 0, certificate: nil, files: files)
    }

    /// Whole seconds, away from zero: a clock that is a moment more than five minutes off is off.
    private static func seconds(_ microseconds: Int64) -> Int64 {
        let seconds = (abs(microseconds) + 999_999) / 1_000_000
        return microseconds < 0 ? -seconds : seconds
    }

    /// Writes down what the database has of a run.
    func note(_ run: PurgeRun) async throws {
        journal.set(try await Uninterrupted.run(connection) { try RunTally(run: run.id, $0) })
    }

    func takeLock() async throws {
        try await Uninterrupted.run(connection) { session in
            try RetentionSession.prepareSession(session)
            try RetentionSession.requireTables(session, upTo: AccessTotals.table)
            try PurgeLock.take(session)
            // As the role that can purge and cannot touch money, where there is one.
            try DatabaseRoles.becomePurger(session)
        }
    }

    func publishCertificates() async throws -> [String] {
        let (files, tell) = (settings.issuer.files, tell)
        return try await Uninterrupted.run(connection) { session in
            // An old certificate's folder that cannot be reached from here keeps no purge from running.
            try files.publishMissing(session) { tell(.step($0)) }
        }
    }
}

extension Purge {
    /// Takes class after class, the access log first, then certifies.
    ///
    /// `plan` is what was just counted; a resumed run counts again.
    func go(_ run: PurgeRun, plan: RetentionPlan?) async throws -> Outcome {
        let planned = plan?.dueRows ?? 0
        // Read once: what the run does is bound to the tables as they were when it began.
        let shape = try await Uninterrupted.run(connection) { session in
            let shape = try DeploymentShape(session)
            // Again: an application may have got other tables since the plan, or since an interruption.
            try shape.requirePurgeable(session)
            try PurgeReach.requireRights(shape, session)
            try PurgeReach.refuseCascades(shape, session)
            let months = try WholePartitions.find(session, shape, run.terms).map(\.name)
            try Obstacles.refuse(
                Obstacles.find(shape, months: months, session), due: plan?.dueClasses ?? Set(run.terms.classes(shape)),
                months: months)
            return shape
        }
        // Before anything touches a task: what a settlement is taken to be does not move with it.
        try await Uninterrupted.transaction(connection) { try SettlementCapture.run($0, catalog: Catalog($0)) }
        var taken = try await Uninterrupted.run(connection) { try RunRecord.takenRows(run.id, $0) }
        var lines: [PlanLine] = []
        for dataClass in run.terms.classes(shape) {
            try await dropWholePartitions(run, dataClass, shape)
            var left = plan?.lines.filter { $0.dataClass == dataClass }
            for pass in 0...Limits.purgePasses {
                // The plan was counted a moment ago; after each pass the table is asked again.
                let counted = if pass == 0, let left { left } else { try await count(run, dataClass, shape) }
                left = counted
                if pass == Limits.purgePasses || counted.allSatisfy({ $0.dueRows == 0 }) { break }
                try await Uninterrupted.changing(connection) { session in
                    let isFirst = try pass == 0 && RunRecord.sweeps(run.id, dataClass, .done, session).isEmpty
                    let isOpen = try !RunRecord.sweeps(run.id, dataClass, .sweeping, session).isEmpty
                    try RunRecord.beginSweeps(run.id, dataClass, again: !isFirst && !isOpen, session)
                }
                let ending = try await sweep(run, dataClass, shape, taken: taken, planned: planned)
                taken = ending.takenRows
                if ending.wasStopped { throw CancellationError() }
            }
            lines += left ?? []
        }
        return try await finish(run, lines: lines)
    }

    /// What is due by the run's cutoffs, and what is held, now.
    func count(_ run: PurgeRun, _ dataClass: DataClass, _ shape: DeploymentShape) async throws -> [PlanLine] {
        try await Uninterrupted.transaction(connection, TransactionOptions()) { session in
            let rests = try PlanReader.prepareCounting(session, rests: settings.pauses.rests)
            return try PlanReader.lines(ClassQuery(dataClass, shape), run.terms, rests, session)
        }
    }

    private func sweep(
        _ run: PurgeRun, _ dataClass: DataClass, _ shape: DeploymentShape, taken: Int64, planned: Int64
    ) async throws -> TableSweep.Ending {
        var ending = TableSweep.Ending(takenRows: taken, wasStopped: false)
        let (relations, statement) = try await Uninterrupted.run(connection) { session in
            (
                try RunRecord.sweeps(run.id, dataClass, .sweeping, session),
                try SweepStatement(dataClass, shape, run.terms, session)
            )
        }
        func go(_ videos: VideoFiles?) async throws {
            for relation in relations where !ending.wasStopped {
                let step = SweepStep(
                    run: run, statement: statement, dataClass: dataClass, relation: relation, key: key(run))
                let sweep = TableSweep(
                    step: step, connection: connection, journal: journal, tell: tell, plannedRows: planned,
                    pauses: settings.pauses, videos: videos)
                ending = try await sweep.run(takenBefore: ending.takenRows)
            }
        }
        guard dataClass == .videoFiles else {
            try await go(nil)
            return ending
        }
        let query = ClassQuery(dataClass, shape)
        try await withVideoStore { store in
            try await go(VideoFiles(run: run, query: query, store: store, connection: connection))
        }
        return ending
    }

    /// The key of the run's archive: nil for one that was begun without, whatever key was named now.
    func key(_ run: PurgeRun) -> [UInt8]? { run.isEncrypted ? settings.archive?.key : nil }

    /// Writes the manifest, certifies in one transaction, and puts the certificate where it belongs.
    ///
    /// - Parameter lines: What was counted after the last pass over each class.
    func finish(_ run: PurgeRun, lines: [PlanLine]) async throws -> Outcome {
        let manifest = try await Uninterrupted.run(connection) { try ArchiveManifest(run, $0) }
        let owed = try await owed(run)
        let digest = try run.archive.map { try manifest.write(to: $0) }
        let (certificate, taken) = try await Uninterrupted.changing(connection, TransactionOptions()) { session in
            (
                try certify(run, lines: lines, owed: owed, manifestDigest: digest, session),
                try RunRecord.takenRows(run.id, session)
            )
        }
        journal.certify(certificate.sequence)
        let files = try await publishCertificates()
        try settings.issuer.requireThere(
            [certificate], of: "Purge \(run.id) is done", goOn: Remark("make room there."))
        return Outcome(
            run: run.id, takenRows: taken, remainingRows: lines.reduce(0) { $0 + $1.dueRows },
            certificate: (certificate.sequence, certificate.sha256),
            files: files, owed: owed)
    }

    /// Ends the run and certifies it, in the transaction that settles what it pays of earlier debts.
    private func certify(
        _ run: PurgeRun, lines: [PlanLine], owed: [OwedRows], manifestDigest: String?, _ session: Session
    ) throws -> CertificateIssuer.Issued {
        try RetentionSession.prepare(session)
        try RunRecord.finish(run.id, manifestDigest: manifestDigest, session)
        try OwedRows.settle(run.id, session)
        let erased = try Certificate.Erased(run: run.id, owed: owed, session)
        return try settings.issuer.issue(
            .init(kind: erased == nil ? .purge : .erasure, run: run.id, lines: lines, erased: erased), session)
    }

    /// What an erasure leaves.
    private func owed(_ run: PurgeRun) async throws -> [OwedRows] {
        guard let erasure = run.terms.erasure else { return [] }
        return try await Uninterrupted.transaction(connection, TransactionOptions()) { session in
            try PlanReader.prepareCounting(session, rests: settings.pauses.rests)
            return try OwedRows.count([erasure], try DeploymentShape(session), session)[erasure.run, default: []]
        }
    }
}
