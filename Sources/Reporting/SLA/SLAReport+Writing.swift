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
        guard reports == .requested, request.account == nil, !settings.isForeignDefinition else { return 1 }
        if let connections = settings.connections { return connections }
        // By the catalogue's own numbers: asking for the size of a file would wait for whoever locks the table.
        let bytes = try await connection.run { session in
            try session.query(
                """
                SELECT coalesce(sum(c.relpages), 0)::bigint * pg_catalog.current_setting('block_size')::bigint AS bytes
                FROM pg_catalog.pg_class AS c
                WHERE c.oid = pg_catalog.to_regclass('public.video_tasks') OR c.oid IN (
                    SELECT i.inhrelid FROM pg_catalog.pg_inherits AS i
                    WHERE i.inhparent = pg_catalog.to_regclass('public.video_tasks')
                )
                """)[0].int("bytes")
        }
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
            let profile = try shippedProfile()
            let requests = reports == .ofEach ? try eachRequest(session, catalog) : [request]
            let watch = try SessionWatch(session)
            var made = try requests.map { request in
                if reports == .ofEach { progress("\(request.account ?? "")") }
                let (scope, reader) = try reader(of: request, session, catalog, profile, library, readers, progress)
                return try make(scope, reader, staging, isAddressed: isAddressed)
            }
            try watch.check(session, after: "A query of \(settings.definitionFolder)")
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

    /// A request for each account whose own month has begun at the cutoff.
    private func eachRequest(_ session: Session, _ catalog: Catalog) throws -> [SLARequest] {
        let accounts = try Books(session: session, catalog: catalog).accounts()
        guard !accounts.isEmpty else { throw ReportRefusal.noAccounts }
        let asked = try request.cutoff ?? session.snapshotInstant()
        let periods = try LocalMonths(session).periods(of: accounts.map { (request.month, $0) })
        let begun = zip(accounts, periods).filter { $1.start < asked }.map(\.0)
        guard !begun.isEmpty else {
            throw DaybookError.usage(
                "At the cutoff the month \(request.month) has not begun for anybody; choose an earlier one.")
        }
        return begun.map { request.of($0.slug) }
    }

    private func make(
        _ scope: SLAScope, _ reader: SLAReader, _ staging: StagingFolder, isAddressed: Bool
    ) throws -> Report {
        let figures = try reader.figures()
        let outputs = try Outputs(staging: staging, baseName: scope.request.baseName, formats: settings.formats)
        let tables = SLATables(scope: scope, figures: figures)
        let writing = SLAWriting(
            scope: scope, figures: figures, tables: tables, reader: reader, outputs: outputs, settings: settings)
        let summary = try writing.writeAll()
        let owner = isAddressed ? scope.onlyAccount : nil
        return Report(
            outputs: outputs,
            outcome: Outcome(
                account: scope.onlyAccount,
                email: try owner.map { try MailAddress.of($0, reader.session, reader.catalog) } ?? "",
                summary: summary, isFinal: scope.isFinal, finalityAt: scope.finalityAt,
                counted: CountedMonths(scope, figures.history.counted), findings: figures.history.findings))
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
