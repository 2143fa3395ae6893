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
        /// When the month ends.
        let periodEnd: Instant
        /// The manifest that is to be written once the page is printed; nil where it is written.
        let unwritten: Manifest?
    }

    /// Reports that are written and have not appeared yet.
    ///
    /// `@unchecked Sendable`: the transaction that wrote them is over, and hands them out once.
    private struct Unpublished: @unchecked Sendable {
        let staging: StagingFolder
        let reports: [Report]

        /// Prints each page beside it, and names the file in its manifest, apart from the others.
        func print(by printer: PagePrinter, progress: (String) -> Void) async throws {
            for (index, report) in reports.enumerated() {
                progress("printing pages, \(index + 1) of \(reports.count)")
                let path = staging.file("\(report.outputs.baseName).\(ReportFormat.html.rawValue)")
                guard let page = FileManager.default.contents(atPath: path) else {
                    throw OutputError.cannotWrite(path, ENOENT)
                }
                let file = try report.outputs.writePrinted(
                    try await printer.print(Array(page), date: report.periodEnd))
                guard var manifest = report.unwritten else { continue }
                manifest.printed = [Manifest.Printed(file, program: printer.name)]
                try report.outputs.writeManifest(try manifest.json())
            }
        }

        /// Lets all of them appear.
        func publish<Taken>(taking: (Outcome) throws -> Taken) throws -> [Taken] {
            if !staging.synchronisesEach { try staging.synchroniseAll() }
            let outcomes = try reports.map { report in
                var outcome = report.outcome
                outcome.files = try report.outputs.publish()
                outcome.digests = report.outputs.publishedDigests
                return try taking(outcome)
            }
            if !staging.synchronisesEach { try staging.synchroniseAll() }
            return outcomes
        }
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

    /// A report of every account, with its address, where something smaller than its outcome is taken of each.
    package func runEach<Taken: Sendable>(
        _ connection: Connection, progress: @escaping @Sendable (String) -> Void,
        taking: @Sendable (Outcome) throws -> Taken
    ) async throws -> [Taken] {
        try await write(.ofEach, connection, isAddressed: true, progress: progress, taking: taking)
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
        try await write(reports, connection, isAddressed: isAddressed, progress: progress) { $0 }
    }

    private func write<Taken>(
        _ reports: Reports, _ connection: Connection, isAddressed: Bool,
        progress: @escaping @Sendable (String) -> Void, taking: (Outcome) throws -> Taken
    ) async throws -> [Taken] {
        let library = try QueryLibrary(folder: settings.definitionFolder)
        // Before minutes of counting, not after them.
        let printer = settings.formats.contains(.pdf) ? try await PagePrinter.find(drawing: true) : nil
        let folder = UncheckedTransfer(
            try StagingFolder(
                output: settings.output, mode: settings.mode, synchronisesEach: reports == .requested))
        let written = try await SnapshotReaders.with(
            connection, atMost: try await connections(of: reports, connection)
        ) { readers in
            try await write(reports, connection, readers, library, folder, isAddressed: isAddressed, progress: progress)
        }
        // No transaction waits for another program.
        if let printer { try await written.print(by: printer, progress: progress) }
        progress("publishing the files")
        return try written.publish(taking: taking)
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
    ) async throws -> Unpublished {
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
            return Unpublished(staging: staging, reports: made)
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
        let (scope, (summary, unwritten)) = (writing.scope, try writing.writeAll())
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
        return Report(
            outputs: writing.outputs, outcome: outcome, periodEnd: scope.current.period.end, unwritten: unwritten)
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
