import Digests
public import Domain
import Foundation
public import Postgres
import Schema
import Spreadsheet

/// The monthly SLA report: counts every figure in one snapshot, and writes workbook, page and CSV files.
///
/// The definitions are those of `docs/definitions.md`. Nothing in the database is changed.
public struct SLAReport: Sendable {
    /// Where the report's parts are, and where its outputs go.
    public struct Settings: Sendable {
        /// The folder of the report's definition, `reports/sla`.
        public let definitionFolder: String
        /// True where that is a folder of the user's, whose queries are not ours.
        public let isForeignDefinition: Bool
        public let templates: TemplateSet
        public let output: String
        /// Who may read what is written.
        public let mode: OutputMode
        public let formats: Set<ReportFormat>
        /// False leaves the drill-down out of the CSV files and the workbook.
        public let includesTasks: Bool
        public let programVersion: String
        /// Milliseconds after which a single query is given up; 0 for never.
        public let statementTimeoutMilliseconds: Int

        public init(
            definitionFolder: String, isForeignDefinition: Bool = false, templates: TemplateSet, output: String,
            mode: OutputMode = .ownerOnly,
            formats: Set<ReportFormat>, includesTasks: Bool, programVersion: String,
            statementTimeoutMilliseconds: Int = 0
        ) {
            self.definitionFolder = definitionFolder
            self.isForeignDefinition = isForeignDefinition
            self.templates = templates
            self.output = output
            self.mode = mode
            self.formats = formats
            self.includesTasks = includesTasks
            self.programVersion = programVersion
            self.statementTimeoutMilliseconds = statementTimeoutMilliseconds
        }
    }

    /// What a run gives to the person who started it.
    public struct Outcome: Sendable {
        /// Paths of the files that were written.
        public let files: [String]
        /// Promises of everybody, or of the report's one account.
        public let promises: Table
        public let sentence: String
        public let isFinal: Bool
        /// True if any promise of any account is broken.
        public let hasBreach: Bool
    }

    private let request: SLARequest
    private let settings: Settings

    public init(_ request: SLARequest, settings: Settings) {
        self.request = request
        self.settings = settings
    }

    /// Writes the report. `progress` is told what is being done, in a few words.
    public func run(
        _ connection: Connection, progress: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws -> Outcome {
        let library = try QueryLibrary(folder: settings.definitionFolder)
        let outputs = UncheckedTransfer(
            try Outputs(
                folder: settings.output, baseName: request.baseName, formats: settings.formats, mode: settings.mode))
        return try await connection.transaction(
            ReportSession.options(statementTimeoutMilliseconds: settings.statementTimeoutMilliseconds)
        ) { session in
            let (scope, reader) = try prepare(session, library: library, progress: progress)
            let watch = try SessionWatch(session)
            let figures = try reader.figures()
            return try write(figures, scope: scope, reader: reader, outputs: outputs.value, watch: watch)
        }
    }

    /// The SQL of every figure with its values, as a script for psql that counts the same.
    public func script(_ connection: Connection) async throws -> String {
        let library = try QueryLibrary(folder: settings.definitionFolder)
        return try await connection.transaction(ReportSession.options(statementTimeoutMilliseconds: 0)) { session in
            let (_, reader) = try prepare(session, library: library) { _ in }
            return try reader.script(includesTasks: settings.includesTasks)
        }
    }

    private func prepare(
        _ session: Session, library: QueryLibrary, progress: @escaping (String) -> Void
    ) throws -> (SLAScope, SLAReader) {
        try ReportSession.prepare(session)
        if settings.isForeignDefinition { try ReportLogin.require(session, option: "--database") }
        let catalog = try Catalog(session)
        try catalog.requireEssentials()
        let path = settings.definitionFolder + "/standard-profile.json"
        guard let profile = FileManager.default.contents(atPath: path) else {
            throw DaybookError.configuration("\(path) is missing; reinstall the reports.")
        }
        let scope = try SLAScope(request, session: session, catalog: catalog, shippedProfile: Array(profile))
        let reader = try SLAReader(
            scope: scope, session: session, library: library, catalog: catalog, progress: progress)
        return (scope, reader)
    }

    private func write(
        _ figures: SLAFigures, scope: SLAScope, reader: SLAReader, outputs: Outputs, watch: SessionWatch
    ) throws -> Outcome {
        let tables = SLATables(scope: scope, figures: figures)
        let writing = SLAWriting(
            scope: scope, figures: figures, tables: tables, reader: reader, outputs: outputs, settings: settings)
        let promises = try writing.writeAll()
        try watch.check(reader.session, after: "A query of \(settings.definitionFolder)")
        reader.progress("publishing the files")
        let files = try outputs.publish()
        let (sentence, hasBreach) = SLAPage.verdict(promises, scope: scope)
        return Outcome(
            files: files, promises: SLAPage.widest(promises, scope: scope), sentence: sentence, isFinal: scope.isFinal,
            hasBreach: hasBreach)
    }
}

/// Carries the one reference to the outputs onto the connection's executor.
///
/// Unchecked because the value is made here, handed over once, and never touched again on this side.
private struct UncheckedTransfer<Value>: @unchecked Sendable {
    let value: Value

    init(_ value: Value) {
        self.value = value
    }
}
