public import Documents
public import Domain
import Foundation
public import Postgres
public import Schema
import Spreadsheet

/// Runs a report that is a folder: read-only, in one snapshot, with bound parameters and a time limit.
public struct CustomReport: Sendable {
    /// What a run gives to the person who started it.
    public struct Outcome: Sendable {
        public struct Sheet: Sendable {
            public let title: String
            public let rows: Int
        }

        public let sheets: [Sheet]
        /// Paths of the files that were written.
        public let files: [String]
        /// Probers that have said nothing for a while, where a query reads probes.
        public let silentProbers: [SilentProber]
    }

    private let definition: ReportDefinition
    private let definitionFolder: String
    private let arguments: [String: String]
    private let templates: TemplateSet
    private let output: String
    private let mode: OutputMode
    private let formats: Set<ReportFormat>
    private let programVersion: String
    private let timeoutSeconds: Int

    /// - Parameter definitionFolder: The folder of the installed report definitions.
    public init(
        _ definition: ReportDefinition, definitionFolder: String, arguments: [String: String], templates: TemplateSet,
        output: String, mode: OutputMode = .ownerOnly, formats: Set<ReportFormat>, programVersion: String,
        statementTimeoutSeconds: Int? = nil
    ) {
        self.definition = definition
        self.definitionFolder = definitionFolder
        self.arguments = arguments
        self.templates = templates
        self.output = output
        self.mode = mode
        self.formats = formats
        self.programVersion = programVersion
        timeoutSeconds = statementTimeoutSeconds ?? definition.statementTimeoutSeconds
    }

    /// How PostgreSQL prints values: the same in every database, whatever is set for it or for its role.
    private static let printing = """
        SET LOCAL IntervalStyle = 'postgres';
        SET LOCAL bytea_output = 'hex';
        SET LOCAL extra_float_digits = 1;
        SET LOCAL xmlbinary = 'base64';
        SET LOCAL lc_monetary = 'C';
        SET LOCAL lc_numeric = 'C';
        SET LOCAL lc_time = 'C'
        """

    /// Writes the report. Throws `usage` for a parameter that is missing, unknown or wrong, and `configuration` for a
    /// query that is more than one query that reads, and for a login that may do more than read.
    public func run(
        _ connection: Connection, progress: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws -> Outcome {
        let given = try ReportArguments(definition, arguments)
        let library = try QueryLibrary(
            folder: definition.folder,
            shared: definition.asksForPromises ? "\(definitionFolder)/\(ReportPromises.judgingReport)" : nil)
        return try await connection.transaction(
            ReportSession.options(statementTimeoutMilliseconds: timeoutSeconds * 1000)
        ) { session in
            try ReportSession.prepare(session)
            try ReportLogin.require(session, for: .customReport)
            try session.executeScript(Self.printing)
            let catalog = try Catalog(session)
            let promises =
                definition.asksForPromises
                ? try ReportPromises(
                    given, definitionFolder: definitionFolder, session: session, catalog: catalog) : nil
            let values = try bound(given.bind(session: session, catalog: catalog), promises)
            let outputs = try Outputs(
                folder: output, baseName: ([definition.name] + given.nameParts).joined(separator: "-"),
                formats: formats, mode: mode)
            let writing = CustomWriting(
                definition: definition, arguments: given.shown, promises: promises, session: session,
                watch: try SessionWatch(session), outputs: outputs, templates: templates,
                programVersion: programVersion, progress: progress)
            let sheets = try writing.write {
                try library.bind($0, catalog: catalog, parameters: values)
            } file: {
                try library.file($0)
            } sources: {
                library.files.filter { $0.path.contains("/") }
            }
            // What is judged as of another instant does not depend on who is silent now.
            let isOfNow = promises?.scope?.judged.isCutoffNow ?? true
            let silent =
                isOfNow && library.reads(.probe)
                ? try SilentProber.find(session, catalog, now: session.snapshotInstant()) : []
            return Outcome(sheets: sheets, files: try outputs.publish(), silentProbers: silent)
        }
    }

    /// The values of the arguments and of the promises. Throws `configuration` for a parameter that has the name of
    /// one of the promises.
    private func bound(_ given: [String: Value], _ promises: ReportPromises?) throws(DaybookError) -> [String: Value] {
        guard let promises else { return given }
        if let taken = definition.parameters.map(\.name).first(where: { promises.values[$0] != nil }) {
            throw .configuration(
                "The parameter \(taken) of the report \(definition.name) has the name of a value of the promises; "
                    + "call it something else.")
        }
        return given.merging(promises.values) { _, promised in promised }
    }
}

/// What the queries of a report are told of the contracts, where its manifest asks for the promises: the values that
/// the SLA report counts by.
struct ReportPromises {
    /// The folder of the report whose relations judge tasks and batches.
    static let judgingReport = "sla"

    /// The month that is judged; nil where the report is not of one month.
    let scope: SLAScope?
    /// By the names that the SQL uses.
    let values: [String: Value]

    /// Throws what the SLA report of the month throws: `usage` for one that has not begun, `badData` for an account
    /// whose contract profile is not there.
    init(
        _ arguments: ReportArguments, definitionFolder: String, session: Session, catalog: Catalog
    ) throws {
        let books = Books(session: session, catalog: catalog)
        let contracts = try Contracts(books, definitionFolder: definitionFolder)
        var values = try contracts.modelParameters(
            of: books.accounts(), now: session.snapshotInstant(), session: session)
        scope = try arguments.judged.map { judged in
            try SLAScope(
                SLARequest(month: judged.month, account: judged.account), contracts: contracts, session: session,
                catalog: catalog)
        }
        if let scope, let judged = arguments.judged {
            let counted = scope.parameters(
                months: [scope.current], clocks: try SLAReader.clocks(session, catalog),
                noticeHours: scope.widestProfile.maintenanceNoticeHours)
            values.merge(counted) { model, _ in model }
            // Everybody's month lies in the zone of the standard profile.
            values[judged.parameter + "_start"] = .instant(scope.current.period.start)
            values[judged.parameter + "_end"] = .instant(scope.current.period.end)
        }
        self.values = values
    }

    /// What is shown of it beside the arguments.
    var shown: [(term: String, value: String)] {
        guard let scope else { return [] }
        let contracts = scope.contracts.map { contract in
            "\(contract.profile.name), version \(contract.profile.version) (\(contract.sha256))"
        }
        return [("cutoff", scope.current.cutoff.description)] + (scope.snapshotRemark.map { [("read", $0)] } ?? [])
            + [("profiles", contracts.joined(separator: "; "))]
    }
}
