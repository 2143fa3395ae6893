public import Codecs
public import Documents
public import Domain
internal import Foundation
public import Postgres

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
    public var standing: String { journal.known?.standing(isCertain: false) ?? "Nothing was purged." }

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
    private func telling<Result: Sendable>(_ body: () async throws -> Result) async throws -> Result {
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
                "Purge \(run.id) was interrupted and has to be finished first: \(NextStep.resume)")
        }
        let plan = try await PlanReader(
            asOf: settings.asOf, account: settings.account, erasure: settings.erasure, rests: settings.pauses.rests
        ).run(connection.connection)
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
        try plan.refuseObstacles()
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

    /// How an interrupted run is continued.
    public struct Resumption: Sendable {
        /// True takes nothing more: what the run did is certified, whatever became of its archive or key.
        public var endsNow: Bool
        /// The folder of archives that was named; nil for the one that the run began with.
        public var archive: String?
        /// True if it was said that no archive is to be kept.
        public var withoutArchive: Bool

        public init(endsNow: Bool = false, archive: String? = nil, withoutArchive: Bool = false) {
            self.endsNow = endsNow
            self.archive = archive
            self.withoutArchive = withoutArchive
        }
    }

    /// Continues a run that was interrupted; nil if there is none.
    ///
    /// Throws `configuration` where the run's archive is another, not whole, or its key is not the one that was named;
    /// ``StoppedRun`` where it ends before its end.
    public func resume(_ resumption: Resumption = Resumption()) async throws -> Outcome? {
        try await telling { try await goOn(resumption) }
    }

    private func goOn(_ resumption: Resumption) async throws -> Outcome? {
        try await takeLock()
        let files = try await publishCertificates()
        guard let run = try await Uninterrupted.run(connection, PurgeRun.unfinished) else {
            return files.isEmpty ? nil : Self.nothing(files)
        }
        try await note(run)
        // First of all: until then its rows are in no report.
        try await giveBackDetached(run)
        try run.requireArchive(resumption)
        try await Uninterrupted.run(connection) { [settings] session in
            try settings.issuer.requirePlace(session)
        }
        if let folder = run.archive, !resumption.endsNow {
            guard !run.isEncrypted || settings.archive?.key != nil else {
                throw DaybookError.configuration("Purge \(run.id) encrypts its archive; name the key with --key-file.")
            }
            let recorded = try await Uninterrupted.run(connection) { try RunRecord.recordedFiles(run.id, $0) }
            try folder.requireWhole(recorded, key: run.isEncrypted ? settings.archive?.key : nil)
            try folder.make()
            folder.removeUnrecorded(recorded)
        }
        if resumption.endsNow {
            tell(.step("certifying what purge \(run.id) did, and taking nothing more"))
            return try await end(run)
        }
        let isBound = try await Uninterrupted.run(connection) { session in
            try PurgeReach.refuseHiddenRows(session)
            return try run.isBound(session)
        }
        guard isBound else {
            let reason = "the policies changed, or a hold was released, since purge \(run.id) began"
            tell(.step(reason + ": certifying what it did"))
            return try await end(run)
        }
        return try await go(run, plan: nil)
    }

    /// Ends a run where it is.
    private func end(_ run: PurgeRun) async throws -> Outcome {
        if let folder = run.archive {
            try folder.make()
            folder.removeUnrecorded(try await Uninterrupted.run(connection) { try RunRecord.recordedFiles(run.id, $0) })
        }
        return try await finish(run, lines: try await countAll(run))
    }

    private static func nothing(_ files: [String]) -> Outcome {
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

    private func takeLock() async throws {
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

/// What a purge is told.
public struct PurgeSettings: Sendable {
    /// Nil for today.
    public var asOf: CalendarDate?
    public var account: String?
    /// What is to go at once, whatever the policies say; nil for what is due by them.
    public var erasure: ErasureRequest?
    /// Nil deletes without an archive.
    public var archive: ArchivePlace?
    /// The folder that certificates are written to.
    public var certificates: String
    /// Who may read the certificates; an archive is its owner's alone.
    public var mode: OutputMode
    public var templates: TemplateSet
    /// Signs the certificate; nil leaves it unsigned.
    public var signingKey: SigningKey?
    public var forced: Set<PurgeGuard.Danger>
    /// The plan's number of due rows, said out loud.
    public var expectedRows: Int64?
    public var pauses: PurgePauses
    public var programVersion: String
    /// The name of this machine.
    public var host: String
    /// The host's clock.
    public var hostClock: @Sendable () -> Instant

    public init(
        asOf: CalendarDate? = nil, account: String? = nil, erasure: ErasureRequest? = nil, archive: ArchivePlace?,
        certificates: String, mode: OutputMode = .ownerOnly, templates: TemplateSet, signingKey: SigningKey? = nil,
        forced: Set<PurgeGuard.Danger> = [], expectedRows: Int64? = nil, pauses: PurgePauses = PurgePauses(),
        programVersion: String, host: String, hostClock: @escaping @Sendable () -> Instant
    ) {
        self.asOf = asOf
        self.account = account
        self.erasure = erasure
        self.archive = archive
        self.certificates = certificates
        self.mode = mode
        self.templates = templates
        self.signingKey = signingKey
        self.forced = forced
        self.expectedRows = expectedRows
        self.pauses = pauses
        self.programVersion = programVersion
        self.host = host
        self.hostClock = hostClock
    }

    /// Who issues the certificates of the run.
    var issuer: CertificateIssuer {
        CertificateIssuer(
            folder: certificates, key: signingKey, files: CertificateFiles(templates, mode: mode),
            programVersion: programVersion, host: host)
    }
}

/// What a running purge tells.
public enum PurgeProgress: Sendable {
    /// A table's walk: pages done of all, rows taken so far in the run and rows that the plan had.
    case sweeping(relation: String, donePages: Int64, pages: Int64, takenRows: Int64, plannedRows: Int64)
    /// It waits, and why.
    case pausing(String)
    /// A step in words.
    case step(String)
}
