import Documents
import Domain
import Foundation
public import Postgres
import Schema
import Spreadsheet

/// How reports are written: all of a run in one snapshot, and all of them appear or none.
extension SLAReport {
    /// One finished report, before it appears.
    private struct Report {
        let outputs: Outputs
        var outcome: Outcome
    }

    private static let progressInterval = 25
    /// Reports whose figures are counted and that wait to be written, while the next ones are counted.
    private static let reportsAhead = 500

    /// Writes a report of every account, each over its own month and by its own contract.
    public func runEach(
        _ connection: Connection, progress: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws -> [Outcome] {
        try await write(.ofEach, connection, isAddressed: false, progress: progress)
    }

    /// The same for reports that go out, of every account or of the request's one: with the address of each.
    public func runAddressed(
        ofEach: Bool, _ connection: Connection, progress: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws -> [Outcome] {
        try await write(ofEach ? .ofEach : .requested, connection, isAddressed: true, progress: progress)
    }

    /// What the reports that would go out come to, without a file.
    public func preview(ofEach: Bool, _ connection: Connection) async throws -> [Outcome] {
        try await PreviewFolder.with { folder in
            var bare = settings
            (bare.output, bare.formats) = (folder, [])
            return try await SLAReport(request, settings: bare).write(
                ofEach ? .ofEach : .requested, connection, isAddressed: true
            ) { _ in }
        }
    }

    /// What the report of the request comes to, without a file.
    public func glance(_ connection: Connection) async throws -> Outcome {
        try await PreviewFolder.with { folder in
            var bare = settings
            (bare.output, bare.formats) = (folder, [])
            return try await SLAReport(request, settings: bare).run(connection)
        }
    }

    func write(
        _ reports: Reports, _ connection: Connection, isAddressed: Bool, progress: @escaping @Sendable (String) -> Void
    ) async throws -> [Outcome] {
        let library = try QueryLibrary(folder: settings.definitionFolder)
        let folder = UncheckedTransfer(
            try StagingFolder(
                output: settings.output, mode: settings.mode, synchronisesEach: reports == .requested))
        return try await SnapshotReaders.with(
            connection, atMost: try await connections(of: reports, connection)
        ) { readers in
            try await write(reports, connection, readers, library, folder, isAddressed: isAddressed, progress: progress)
        }
    }

    /// Over how many connections the tasks are read: one, where there are few of them or one customer's alone, and for
    /// queries that are not ours, since what they do to their session is watched on one.
    private func connections(of reports: Reports, _ connection: Connection) async throws -> Int {
        guard reports == .ofEach || request.account == nil, !settings.isForeignDefinition else { return 1 }
        if let connections = settings.connections { return connections }
        let bytes = try await connection.run { try ReportSession.bytesOfTasks($0) }
        let pays = Int(bytes / Limits.bytesPerReader) + 1
        return min(pays, ProcessInfo.processInfo.activeProcessorCount, Limits.reportConnections)
    }

    private func write(
        _ reports: Reports, _ connection: Connection, _ readers: SnapshotReaders, _ library: QueryLibrary,
        _ folder: UncheckedTransfer<StagingFolder>, isAddressed: Bool, progress: @escaping @Sendable (String) -> Void
    ) async throws -> [Outcome] {
        try await connection.transaction(options) { session in
            let staging = folder.value
            let catalog = try prepare(session)
            let groups = try groups(reports, session, catalog)
            if groups.contains(where: { $0.scopes.count > 1 }) { try TaskRows.prepare(session) }
            let watch = try SessionWatch(session)
            var made = try make(groups, session, catalog, readers, library, staging, progress: progress)
            if let now = groups.flatMap(\.scopes).first(where: \.judged.isCutoffNow)?.snapshotAt {
                let silent = try SilentProber.find(session, catalog, now: now)
                for index in made.indices { made[index].outcome.silentProbers = silent }
            }
            try watch.check(session, after: "A query of \(settings.definitionFolder)")
            if isAddressed {
                let addresses = try MailAddress.of(made.compactMap(\.outcome.account), session, catalog)
                for index in made.indices {
                    made[index].outcome.email =
                        made[index].outcome.account.flatMap { addresses[$0.userID] } ?? ""
                }
            }
            progress("publishing the files")
            if !staging.synchronisesEach { try staging.synchroniseAll() }
            for index in made.indices {
                let outputs = made[index].outputs
                made[index].outcome.files = try outputs.publish()
                made[index].outcome.digests = outputs.publishedDigests
            }
            if !staging.synchronisesEach { try staging.synchroniseAll() }
            return made.map(\.outcome)
        }
    }

    /// Counts and writes the reports, group after group, and gives them by slug.
    private func make(
        _ groups: [SLAGroup], _ session: Session, _ catalog: Catalog, _ readers: SnapshotReaders,
        _ library: QueryLibrary, _ staging: StagingFolder, progress: @escaping @Sendable (String) -> Void
    ) throws -> [Report] {
        let clocks = try SLAReader.clocks(session, catalog)
        let count = groups.reduce(0) { $0 + $1.scopes.count }
        // Of several reports it is told how many are written.
        let common = try SLAWriting.Common(settings, library) { if count == 1 { progress($0) } }
        let work = OrderedWork<Report>(ahead: Self.reportsAhead)
        // Nothing is written any more when the staging folder goes.
        defer { work.wait() }
        var made: [Report] = []
        var number = 0
        for group in groups {
            let reader = try SLAReader(
                scope: group.whole, session: session, library: library, catalog: catalog, readers: readers,
                clocks: clocks, drawsPictures: settings.formats.contains(.html), options: options, progress: progress)
            let figures = try reader.figures(of: group)
            let tasks = settings.writesTasks ? try TaskRows(of: group, reader) : nil
            for (index, scope) in group.scopes.enumerated() {
                let writing = SLAWriting(
                    scope: scope, figures: figures[index], common: common,
                    outputs: try Outputs(
                        staging: staging, baseName: scope.request.baseName, formats: settings.formats),
                    tasks: tasks, account: group.scopes.count == 1 ? nil : Int64(index) + 1)
                // The tasks are read while they are written, over the connection that counts.
                if tasks != nil || count == 1 {
                    made.append(try Self.finish(writing))
                } else {
                    try work.add { try Self.finish(writing) }
                }
                number += 1
                if count > 1, number % Self.progressInterval == 0 { progress("writing reports, \(number) of \(count)") }
            }
            try tasks?.close()
        }
        return (made + (try work.finish())).inNaturalOrder { $0.outcome.account?.slug ?? "" }
    }

    private static func finish(_ writing: SLAWriting) throws -> Report {
        let (scope, summary) = (writing.scope, try writing.writeAll())
        var outcome = Outcome(
            account: scope.onlyAccount, summary: summary, isFinal: scope.isFinal, finalityAt: scope.finalityAt,
            counted: CountedMonths(scope, writing.figures.history.counted),
            findings: writing.figures.history.findings)
        outcome.serviceCredit = scope.onlyAccount.flatMap { account in
            scope.ownPeriods[account.slug].flatMap { period in
                ServiceCreditOffer(
                    ServiceCredit(
                        writing.figures.ownAvailability[account.slug] ?? [], scope.profile(of: account)),
                    month: scope.request.month, period: period, monthlyFee: account.monthlyFee)
            }
        }
        return Report(outputs: writing.outputs, outcome: outcome)
    }
}

/// Carries the one reference to the staging folder onto the connection's executor.
///
/// Unchecked because the value is made here, handed over once, and never touched again on this side.
private struct UncheckedTransfer<Value>: @unchecked Sendable {
    let value: Value

    init(_ value: Value) {
        self.value = value
    }
}
