import Documents
import Domain
import Foundation
import Postgres
import Schema
import Spreadsheet

/// Writes the files of one SLA report, in the order in which they depend on each other.
struct SLAWriting {
    /// What all reports of a run have in common.
    struct Common {
        let settings: SLAReport.Settings
        let library: QueryLibrary
        /// The SQL files that were used: all of the library's, put in order once.
        let files: [QueryFile]
        let definitions: [SLAPage.Definition]
        let progress: (String) -> Void

        init(_ settings: SLAReport.Settings, _ library: QueryLibrary, progress: @escaping (String) -> Void) throws {
            self.settings = settings
            self.library = library
            self.progress = progress
            files = library.files
            definitions = try SLAWriting.loadDefinitions(settings)
        }
    }

    let scope: SLAScope
    let figures: SLAFigures
    let common: Common
    let outputs: Outputs
    /// Where the tasks come from; nil where none are written.
    let tasks: TaskRows?
    /// The number of the report's account in its group; nil where it is the only report.
    let account: Int64?

    private var settings: SLAReport.Settings { common.settings }
    private var tables: SLATables { SLATables(scope: scope, figures: figures) }

    /// Writes everything into the staging folder, and says what it comes to and what of it is still to be written: the
    /// manifest, where it names what is printed of the page, which is done when everything else is.
    func writeAll() throws -> (summary: SLASummary, unwritten: Manifest?) {
        let tables = tables
        let promises = tables.promiseList()
        let summary = SLASummary(promises, scope: scope, hasData: figures.hasData)
        var made = tables.make(summary)
        let grids = trendGrids()
        let workbook =
            outputs.formats.contains(.xlsx)
            ? try SLAWorkbook(
                path: outputs.workbookPath(), temporaryDirectory: outputs.staging.path, scope: scope) : nil
        common.progress("writing the tables")
        made.exceptions.rows += LongCells.exceptions(in: made.all)
        made.exceptions.sortRows()
        try workbook?.addTables(made, summary: summary, grids: grids)
        var provenance = Provenance()
        if let tasks { try write(tasks, workbook, provenance: &provenance) }
        for table in made.all {
            let bytes = CSVEncoder.encode(table)
            try provenance.add(table, file: bytes, queries: Self.queries(of: table).map { try common.library.file($0) })
            if outputs.formats.contains(.csv) { try outputs.write(bytes, to: table.name + ".csv") }
        }
        for file in common.files { provenance.add(file) }
        let provenanceTable = provenance.table()
        if outputs.formats.contains(.csv) {
            try outputs.write(CSVEncoder.encode(provenanceTable), to: "provenance.csv")
        }
        if let workbook {
            common.progress("writing the workbook")
            try workbook.close(definitions: common.definitions, provenance: provenanceTable)
            try outputs.addWorkbook()
        }
        if outputs.formats.contains(.html) {
            let page = SLAPage(
                scope: scope, figures: figures, summary: summary, tables: tables.onPage(made), grids: grids,
                definitions: common.definitions, provenance: provenanceTable, paper: settings.paper)
            let html = try settings.templates.render(page, template: "sla")
            try outputs.writeBeside(Array(html.utf8), extension: "html")
        }
        let manifest = manifest(promises)
        guard outputs.formats.contains(.pdf) else {
            try outputs.writeManifest(try manifest.json())
            return (summary, nil)
        }
        return (summary, manifest)
    }

    private func trendGrids() -> [TrendGrid] {
        let months = (scope.earlier + [scope.current]).map(\.month)
        let points = figures.history.points + tables.currentTrend()
        return [Promise.Name.availability, .completion, .autoRefund].map {
            TrendGrid($0, points: points, months: months)
        }
    }

    private func write(_ tasks: TaskRows, _ workbook: SLAWorkbook?, provenance: inout Provenance) throws {
        common.progress("writing tasks")
        let count = figures.judgedTasks
        let csv = outputs.formats.contains(.csv) ? try outputs.sink("tasks.csv") : nil
        let sheets = try workbook?.addTaskSheets(count: count)
        let drillDown = TaskDrillDown(
            csv: csv, sheets: sheets?.sheets ?? [], formats: sheets?.formats ?? [],
            progress: common.progress)
        try drillDown.write(tasks, ofAccount: account, expected: count)
        try workbook?.finishTaskSheets(count: count)
        guard let finished = try csv?.finish() else { return }
        outputs.add("\(outputs.baseName)/tasks.csv", finished)
        try provenance.add(name: "tasks", rows: count, sha256: finished.sha256, query: common.library.file("tasks"))
    }

    private static func loadDefinitions(_ settings: SLAReport.Settings) throws -> [SLAPage.Definition] {
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
        case "availability_within": ["availability", "availability_within"]
        case "promises", "budget": ["availability", "batches", "idempotency", "month_tasks"]
        case "completion", "refund_rates": ["month_tasks"]
        case "refunds": ["batches", "month_tasks"]
        case "refund_exceptions": ["month_tasks", "refund_exceptions"]
        case "idempotency": ["batches", "idempotency"]
        case "credits": ["availability"]
        case "exceptions": ["exceptions", "month_tasks"]
        case "trend": ["availability", "batches", "month_tasks", "trend_completion"]
        default: [table.name]
        }
    }

    private func manifest(_ promises: [Promise]) -> Manifest {
        Manifest(
            report: "sla", month: scope.request.month.description, account: scope.request.account,
            status: scope.isFinal ? "final" : "preliminary", timeZone: scope.timeZone,
            periodStart: scope.current.period.start.description, periodEnd: scope.current.period.end.description,
            cutoff: scope.current.cutoff.description, snapshotAt: scope.snapshotAt.description,
            snapshot: scope.snapshotRemark,
            profiles: scope.manifestProfiles,
            verdicts: promises.map {
                Manifest.Verdict(
                    promise: $0.name.rawValue, account: $0.account, subject: $0.subject, verdict: $0.verdict.rawValue,
                    state: $0.budget.state?.text ?? "")
            },
            recordedMonths: figures.history.taken.map {
                Manifest.RecordedMonth(
                    month: $0.basis.month.description, version: $0.version, sha256: $0.sha256,
                    recordedAt: $0.recordedAt.description)
            },
            files: outputs.files,
            sqlFiles: common.files.map { Manifest.SQLFile(path: $0.path, sha256: $0.sha256) },
            programVersion: settings.programVersion,
            generatedAt: Instant(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000)).description)
    }
}
