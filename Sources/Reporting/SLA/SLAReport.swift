import Codecs
public import Documents
public import Domain
import Foundation
public import Postgres
public import Schema
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
        var output: String
        /// Who may read what is written.
        public let mode: OutputMode
        var formats: Set<ReportFormat>
        /// The paper that the page is printed on.
        public let paper: PaperSize
        /// False leaves the drill-down out of the CSV files and the workbook.
        public let includesTasks: Bool
        public let programVersion: String
        /// Milliseconds after which a single query is given up; 0 for never.
        public let statementTimeoutMilliseconds: Int
        /// Over how many connections of one snapshot the tasks are read at most; nil for as many as pay off.
        public let connections: Int?

        /// True where the drill-down is written into any file.
        var writesTasks: Bool { includesTasks && (formats.contains(.csv) || formats.contains(.xlsx)) }

        public init(
            definitionFolder: String, isForeignDefinition: Bool = false, templates: TemplateSet, output: String,
            mode: OutputMode = .ownerOnly,
            formats: Set<ReportFormat>, paper: PaperSize = .a4, includesTasks: Bool, programVersion: String,
            statementTimeoutMilliseconds: Int = 0, connections: Int? = nil
        ) {
            self.definitionFolder = definitionFolder
            self.isForeignDefinition = isForeignDefinition
            self.templates = templates
            self.output = output
            self.mode = mode
            self.formats = formats
            self.paper = paper
            self.includesTasks = includesTasks
            self.programVersion = programVersion
            self.statementTimeoutMilliseconds = statementTimeoutMilliseconds
            self.connections = connections
        }
    }

    /// What a run gives to the person who started it.
    public struct Outcome: Sendable {
        /// Whose report it is; nil for everybody's.
        public let account: Account?
        /// Where it would be sent; empty where nobody knows, or nobody asked.
        public internal(set) var email = ""
        /// Paths of the files that were written.
        public var files: [String] = []
        /// SHA-256 of each of them as it was written, by its path.
        package var digests: [String: String] = [:]
        public let summary: SLASummary
        public let isFinal: Bool
        /// From when on it is final.
        public let finalityAt: Instant
        /// What can be recorded of it; nil where that is forgotten.
        private(set) var counted: CountedMonths?
        /// What judging recorded months anew has found.
        public let findings: [RecordedFinding]
        /// The service credit for which the report's one account is eligible; nil without one.
        public internal(set) var serviceCredit: ServiceCreditOffer?
        /// Probers that have said nothing for a while, where the month goes on.
        public internal(set) var silentProbers: [SilentProber] = []

        /// Forgets what can be recorded too.
        package mutating func forget(filesBut isKept: (String) -> Bool) {
            counted = nil
            digests = [:]
            files = files.filter(isKept)
        }
    }

    /// Which reports a run writes.
    enum Reports {
        /// That of the request: everybody's, or its one account's.
        case requested
        /// One of each account whose month has begun.
        case ofEach
    }

    let request: SLARequest
    let settings: Settings

    public init(_ request: SLARequest, settings: Settings) {
        self.request = request
        self.settings = settings
    }

    /// Writes the report. `progress` is told what is being done, in a few words.
    public func run(
        _ connection: Connection, progress: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws -> Outcome {
        try await write(.requested, connection, isAddressed: false, progress: progress)[0]
    }

    /// The SQL of every figure with its values, as a script for psql that counts the same.
    public func script(_ connection: Connection) async throws -> String {
        let library = try QueryLibrary(folder: settings.definitionFolder)
        return try await connection.transaction(ReportSession.options(statementTimeoutMilliseconds: 0)) { session in
            let catalog = try prepare(session)
            let scope = try groups(.requested, session, catalog)[0].whole
            let reader = try SLAReader(scope: scope, session: session, library: library, catalog: catalog) { _ in }
            return try reader.script(includesTasks: settings.includesTasks)
        }
    }

    /// The options of every transaction that reads.
    var options: TransactionOptions {
        ReportSession.options(statementTimeoutMilliseconds: settings.statementTimeoutMilliseconds)
    }

    /// Settles the session, and what holds for every report that is read in it.
    func prepare(_ session: Session) throws -> Catalog {
        try ReportSession.prepare(session)
        if settings.isForeignDefinition { try ReportLogin.require(session, for: .slaDefinitions) }
        let catalog = try Catalog(session)
        try catalog.requireEssentials()
        return catalog
    }

    /// The contract profile that comes with the report.
    private func shippedProfile() throws -> [UInt8] {
        let path = settings.definitionFolder + "/standard-profile.json"
        guard let profile = FileManager.default.contents(atPath: path) else {
            throw DaybookError.configuration("\(path) is missing; reinstall the reports.")
        }
        return Array(profile)
    }

    /// The reports of a run, put together as far as they can be counted together.
    func groups(_ reports: Reports, _ session: Session, _ catalog: Catalog) throws -> [SLAGroup] {
        let contracts = try Contracts(Books(session: session, catalog: catalog), shippedProfile: shippedProfile())
        let groups: [SLAGroup]
        switch reports {
        case .requested:
            groups = [SLAGroup(try SLAScope(request, contracts: contracts, session: session, catalog: catalog))]
        case .ofEach:
            let scopes = try SLAScope.each(of: request, contracts: contracts, session: session, catalog: catalog)
            // What queries of somebody's own give of several accounts nobody knows.
            groups = settings.isForeignDefinition ? scopes.map { SLAGroup($0) } : SLAGroup.groups(of: scopes)
        }
        let cutoff = try CarriedLedger.cutoff(session, catalog: catalog)
        if request.records, let early = groups.flatMap(\.scopes).first(where: { !$0.isFinal }) {
            throw ReportRefusal.preliminaryMonth(
                request.month, account: early.request.account, finalityAt: early.finalityAt)
        }
        for group in groups {
            try CarriedLedger.refuse(
                "The SLA report of \(request.month)", from: group.whole.current.period.start, cutoff: cutoff)
        }
        return groups
    }
}

/// What a user asks of the SLA report.
public struct SLARequest: Sendable {
    /// The month that is reported.
    public let month: Month
    /// The slug of the one account that is reported, nil for everybody.
    public let account: String?
    /// The instant as of which everything is judged; nil for the earlier of now and the month's finality.
    public let cutoff: Instant?
    /// True where the figures of the month, and of those before it, are to be recorded: all of them final.
    public let records: Bool
    /// True where recorded months are judged anew, and compared with what was recorded.
    public let recounts: Bool

    public init(
        month: Month, account: String? = nil, cutoff: Instant? = nil, records: Bool = false, recounts: Bool = false
    ) {
        self.month = month
        self.account = account
        self.cutoff = cutoff
        self.records = records
        self.recounts = recounts
    }

    /// The same of one account.
    func of(_ account: String) -> SLARequest {
        SLARequest(month: month, account: account, cutoff: cutoff, records: records, recounts: recounts)
    }

    /// The name of the outputs without an extension, `sla-2026-10` or `sla-SLUG-2026-10`.
    public var baseName: String {
        // What is no slug is no account's, and nothing is ever published under it; it must not be a path meanwhile.
        let name = account.map { Account.isSlug($0) ? $0 : "nobody" }
        return (["sla"] + (name.map { [$0] } ?? []) + [month.description]).joined(separator: "-")
    }
}

/// Why a report is refused where a command or an option helps. These are the facts: whoever knows the commands says
/// what to type.
public enum ReportRefusal: Error, Sendable {
    /// There is nobody to make a report of.
    case noAccounts
    /// No final SLA report for everybody lies in a folder.
    case noFinalReport(folder: String)
    /// A month is recorded once it is final.
    case preliminaryMonth(Month, account: String?, finalityAt: Instant)
    /// A recorded month is not what was recorded.
    case forgedMonth(Month, of: SLARequest)
    /// The database has no place for recorded months.
    case noPlaceForMonths
    case mayNotRecord(role: String)
    case missingParameter(String, report: String, kind: ReportDefinition.Parameter.Kind)
    case wrongParameter(String, text: String, kind: ReportDefinition.Parameter.Kind)
}
