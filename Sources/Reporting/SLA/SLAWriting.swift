import Documents
import Domain
import Foundation
public import Postgres
import Schema
import Spreadsheet

/// Writes the files of one SLA report, in the order in which they depend on each other.
struct SLAWriting {
    let scope: SLAScope
    let figures: SLAFigures
    let tables: SLATables
    let reader: SLAReader
    let outputs: Outputs
    let settings: SLAReport.Settings

    /// Writes everything into the staging folder and says what it comes to.
    func writeAll() throws -> SLASummary {
        let promises = tables.promiseList()
        let summary = SLASummary(promises, scope: scope)
        var made = tables.make(summary)
        let grids = trendGrids()
        let definitions = try loadDefinitions()
        let workbook =
            outputs.formats.contains(.xlsx)
            ? try SLAWorkbook(
                path: outputs.workbookPath(), temporaryDirectory: outputs.staging.path, scope: scope) : nil
        reader.progress("writing the tables")
        made.exceptions.rows += LongCells.exceptions(in: made.all)
        made.exceptions.sortRows()
        try workbook?.addTables(made, summary: summary, grids: grids)
        var provenance = Provenance()
        if outputs.formats.contains(.csv) || outputs.formats.contains(.xlsx), settings.includesTasks {
            try writeTasks(workbook, provenance: &provenance)
        }
        for table in made.all {
            let bytes = CSVEncoder.encode(table)
            try provenance.add(table, file: bytes, queries: Self.queries(of: table).map { try reader.library.file($0) })
            if outputs.formats.contains(.csv) { try outputs.write(bytes, to: table.name + ".csv") }
        }
        for file in reader.library.files { provenance.add(file) }
        let provenanceTable = provenance.table()
        if outputs.formats.contains(.csv) {
            try outputs.write(CSVEncoder.encode(provenanceTable), to: "provenance.csv")
        }
        if let workbook {
            reader.progress("writing the workbook")
            try workbook.close(definitions: definitions, provenance: provenanceTable)
            try outputs.addWorkbook()
        }
        if outputs.formats.contains(.html) {
            let page = SLAPage(
                scope: scope, summary: summary, tables: made.shown, grids: grids, definitions: definitions,
                provenance: provenanceTable)
            let html = try settings.templates.render(page, template: "sla")
            try outputs.writeBeside(Array(html.utf8), extension: "html")
        }
        try writeManifest(promises)
        return summary
    }

    private func trendGrids() -> [TrendGrid] {
        let months = (scope.earlier + [scope.current]).map(\.month)
        let points = figures.trend + tables.currentTrend()
        return [Promise.Name.availability, .completion, .autoRefund].map {
            TrendGrid($0, points: points, months: months)
        }
    }

    private func writeTasks(_ workbook: SLAWorkbook?, provenance: inout Provenance) throws {
        reader.progress("writing tasks")
        let count = figures.judgedTasks
        let csv = outputs.formats.contains(.csv) ? try outputs.sink("tasks.csv") : nil
        let sheets = try workbook?.addTaskSheets(count: count)
        let drillDown = TaskDrillDown(
            csv: csv, sheets: sheets?.sheets ?? [], formats: sheets?.formats ?? [],
            slugs: ["(none)"] + scope.accounts.map(\.slug), progress: reader.progress)
        _ = try drillDown.write(try reader.bound("tasks"), session: reader.session, expected: count)
        guard let finished = try csv?.finish() else { return }
        outputs.add("\(outputs.baseName)/tasks.csv", finished)
        try provenance.add(name: "tasks", rows: count, sha256: finished.sha256, query: reader.library.file("tasks"))
    }

    private func loadDefinitions() throws -> [SLAPage.Definition] {
        struct Entry: Decodable {
            let term: String
            let text: String
        }
        let path = settings.definitionFolder + "/definitions.json"
        guard let data = FileManager.default.contents(atPath: path),
            let entries = try? JSONDecoder().decode([Entry].self, from: data)
        else { throw DaybookError.configuration("\(path) is missing or not what it should be; reinstall the reports.") }
        return entries.map { SLAPage.Definition(term: $0.term, text: $0.text) }
    }

    /// The queries whose rows a table is made of.
    private static func queries(of table: Table) -> [String] {
        switch table.name {
        case "promises": ["availability", "batches", "completion", "idempotency"]
        case "refunds": ["batches"]
        case "idempotency": ["batches", "idempotency"]
        case "credits": ["availability"]
        case "trend": ["availability", "batches", "completion", "trend_completion"]
        default: [table.name]
        }
    }

    private func writeManifest(_ promises: [Promise]) throws {
        let manifest = Manifest(
            report: "sla", month: scope.request.month.description, account: scope.request.account,
            status: scope.isFinal ? "final" : "preliminary", timeZone: scope.timeZone,
            periodStart: scope.current.period.start.description, periodEnd: scope.current.period.end.description,
            cutoff: scope.current.cutoff.description, snapshotAt: scope.snapshotAt.description,
            profiles: scope.manifestProfiles,
            verdicts: promises.map {
                Manifest.Verdict(
                    promise: $0.name.rawValue, account: $0.account, subject: $0.subject, verdict: $0.verdict.rawValue)
            },
            files: outputs.files,
            sqlFiles: reader.library.files.map { Manifest.SQLFile(path: $0.path, sha256: $0.sha256) },
            programVersion: settings.programVersion,
            generatedAt: Instant(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000)).description)
        try outputs.writeManifest(try manifest.json())
    }
}

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
        return try await connection.transaction(
            ReportSession.options(statementTimeoutMilliseconds: settings.statementTimeoutMilliseconds)
        ) { session in
            let staging = folder.value
            let catalog = try prepare(session)
            let profile = try shippedProfile()
            let requests = reports == .ofEach ? try eachRequest(session, catalog) : [request]
            let watch = try SessionWatch(session)
            var made = try requests.map { request in
                if reports == .ofEach { progress("\(request.account ?? "")") }
                let (scope, reader) = try reader(of: request, session, catalog, profile, library, progress)
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
        return begun.map { SLARequest(month: request.month, account: $0.slug, cutoff: request.cutoff) }
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
                summary: summary, isFinal: scope.isFinal, finalityAt: scope.finalityAt))
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
