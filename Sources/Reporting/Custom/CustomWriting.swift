import Documents
import Domain
import Foundation
import Postgres
import Schema
import Spreadsheet

/// Writes the files of a custom report: every row goes straight from the server into the CSV file and onto its sheet.
struct CustomWriting {
    let definition: ReportDefinition
    let arguments: [(term: String, value: String)]
    let promises: ReportPromises?
    let session: Session
    let watch: SessionWatch
    let outputs: Outputs
    let templates: TemplateSet
    let programVersion: String
    let progress: (String) -> Void

    /// Writes all sheets, then the provenance, the page and the manifest.
    func write(
        bind: (String) throws -> BoundQuery, file: (String) throws -> QueryLibrary.File,
        sources: () -> [QueryLibrary.File]
    ) throws -> [CustomReport.Outcome.Sheet] {
        let workbook = try outputs.formats.contains(.xlsx) ? makeWorkbook() : nil
        var provenance = Provenance()
        var counts: [CustomReport.Outcome.Sheet] = []
        var samples: [(Table, rows: Int)] = []
        for sheet in definition.sheets {
            progress("writing \(sheet.title)")
            let stream = SheetStream(
                sheet, csv: try outputs.sink(sheet.query + ".csv"),
                writer: workbook.map { SheetWriter(workbook: $0, footer: definition.title) }, progress: progress)
            let (table, rows) = try stream.write(try bind(sheet.query), session: session)
            try watch.check(session, after: "The sheet \"\(sheet.title)\" of the report \(definition.name)")
            let finished = try stream.finish()
            outputs.add("\(outputs.baseName)/\(sheet.query).csv", finished)
            try provenance.add(name: sheet.query, rows: Int64(rows), sha256: finished.sha256, query: file(sheet.query))
            counts.append(.init(title: sheet.title, rows: rows))
            samples.append((table, rows))
        }
        for source in sources() { provenance.add(source) }
        let provenanceTable = provenance.table()
        try outputs.write(CSVEncoder.encode(provenanceTable), to: "provenance.csv")
        if let workbook {
            try SheetWriter(workbook: workbook, footer: definition.title).add(provenanceTable)
            try workbook.close()
            try outputs.addWorkbook()
        }
        if outputs.formats.contains(.html) {
            let page = CustomPage(
                title: definition.title, arguments: arguments + (promises?.shown ?? []), samples: samples,
                charts: definition.sheets.map(\.chart), provenance: provenanceTable)
            try outputs.writeBeside(Array(try templates.render(page, template: "report").utf8), extension: "html")
        }
        try writeManifest(provenanceTable)
        return counts
    }

    private func makeWorkbook() throws -> Workbook {
        // The clock must not be in the file, so every custom report was created at the same instant.
        try Workbook(
            path: outputs.workbookPath(), temporaryDirectory: outputs.staging.path,
            properties: WorkbookProperties(
                created: Instant(microseconds: 1_577_836_800_000_000), title: definition.title))
    }

    private func writeManifest(_ provenance: Table) throws {
        let snapshot = try session.query("SELECT transaction_timestamp() AS now")[0].instant("now")
        let scope = promises?.scope
        let manifest = Manifest(
            report: definition.name, month: scope?.request.month.description, account: scope?.request.account,
            status: scope.map { $0.isFinal ? "final" : "preliminary" }, timeZone: scope?.timeZone,
            periodStart: scope?.current.period.start.description, periodEnd: scope?.current.period.end.description,
            cutoff: scope?.current.cutoff.description, snapshotAt: snapshot.description,
            snapshot: scope?.snapshotRemark,
            profiles: scope?.manifestProfiles ?? [], verdicts: [], files: outputs.files,
            sqlFiles: zip(provenance.texts(of: "figure"), provenance.texts(of: "sql_sha256")).map {
                Manifest.SQLFile(path: $0, sha256: $1)
            },
            programVersion: programVersion,
            generatedAt: Instant(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000)).description)
        let sink = try outputs.sink("manifest.json")
        try sink.write(try manifest.json())
        _ = try sink.finish()
    }
}

/// What the page of a custom report shows.
struct CustomPage: Sendable {
    struct Argument: Sendable {
        let term: String
        let value: String
    }

    /// A table with the chart above it: none, or one.
    struct Part: Sendable {
        let anchor: String
        let title: String
        let note: String
        let charts: [CustomChart]
        let table: [PageTable]
    }

    let title: String
    let arguments: [Argument]
    let parts: [Part]
    let provenance: PageTable

    init(
        title: String, arguments: [(term: String, value: String)], samples: [(Table, rows: Int)],
        charts: [CustomChart.Definition?], provenance: Table
    ) {
        self.title = title
        self.arguments = arguments.filter { !$0.value.isEmpty }.map {
            Argument(term: Column.title(of: $0.term), value: $0.value)
        }
        parts = zip(samples, charts).map { sample, chart in
            let table = PageTable(sample.0, totalRows: sample.rows)
            return Part(
                anchor: table.anchor, title: table.title, note: table.note,
                charts: [chart.flatMap { CustomChart($0, of: sample.0) }].compactMap(\.self), table: [table])
        }
        self.provenance = PageTable(provenance)
    }
}
