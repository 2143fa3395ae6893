import Codecs
public import Documents
public import Domain
import Ledger
public import Postgres
public import Reporting
import Schema

/// Runs a month: looks whether its data is there, verifies the ledger, writes everybody's reports and statements, and a
/// page of all of it. Whoever runs it again gets the same files; what was cut off is run again from its beginning,
/// because nobody can know what has come in since.
public struct MonthRun: Sendable {
    /// Where the parts of its reports are, and where its outputs go.
    public struct Settings: Sendable {
        /// The folder of the installed report definitions, `reports`.
        public let definitionFolder: String
        public let templates: TemplateSet
        /// The folder of the month.
        public let folder: String
        public let mode: OutputMode
        /// Who issues the statements.
        public let issuer: String
        /// The issuer's number for value added tax; empty where nobody says so.
        public let issuerVATID: String
        /// The paper that pages are printed on.
        public let paper: PaperSize
        /// True prints every page of a report as PDF too.
        public let printsPages: Bool
        /// Who does it, as he is called.
        public let author: String
        public let programVersion: String
        public let statementTimeoutMilliseconds: Int

        public init(
            definitionFolder: String, templates: TemplateSet, folder: String, mode: OutputMode, issuer: String,
            issuerVATID: String = "", paper: PaperSize = .a4, printsPages: Bool = false,
            author: String, programVersion: String, statementTimeoutMilliseconds: Int
        ) {
            self.definitionFolder = definitionFolder
            self.templates = templates
            self.folder = folder
            self.mode = mode
            self.issuer = issuer
            self.issuerVATID = issuerVATID
            self.paper = paper
            self.printsPages = printsPages
            self.author = author
            self.programVersion = programVersion
            self.statementTimeoutMilliseconds = statementTimeoutMilliseconds
        }

        var options: TransactionOptions {
            ReportSession.options(statementTimeoutMilliseconds: statementTimeoutMilliseconds)
        }

        var sla: SLAReport.Settings {
            SLAReport.Settings(
                definitionFolder: definitionFolder + "/sla", templates: templates, output: folder + "/sla", mode: mode,
                formats: formats, paper: paper, includesTasks: true, programVersion: programVersion,
                statementTimeoutMilliseconds: statementTimeoutMilliseconds)
        }

        /// The same reports for their figures alone, with the same digests.
        func figures(in folder: String) -> SLAReport.Settings {
            SLAReport.Settings(
                definitionFolder: definitionFolder + "/sla", templates: templates, output: folder, mode: mode,
                formats: [.csv], includesTasks: true, programVersion: programVersion,
                statementTimeoutMilliseconds: statementTimeoutMilliseconds)
        }

        private var formats: Set<ReportFormat> {
            ReportFormat.standard.union(printsPages ? [.pdf] : [])
        }

        /// What statements are written with. What is closed of them is what they are in the standard forms.
        func statements(key: SigningKey? = nil, closes: Bool = false) -> StatementReport.Settings {
            StatementReport.Settings(
                definitionFolder: definitionFolder, templates: templates, output: folder + "/statements", mode: mode,
                formats: closes ? ReportFormat.standard : formats, key: key, issuer: issuer, issuerVATID: issuerVATID,
                paper: paper, programVersion: programVersion,
                statementTimeoutMilliseconds: statementTimeoutMilliseconds)
        }
    }

    /// What a run came to.
    public struct Outcome: Sendable {
        public let month: Month
        public let isFinal: Bool
        /// From when on the month is final for everybody.
        public let finalityAt: Instant
        public let findings: [MonthFinding]
        public let customers: [MonthCustomer]
        /// Everybody's SLA report.
        public let everybody: SLAReport.Outcome
        /// The path of the page to open.
        public let pagePath: String
    }

    let month: Month
    let settings: Settings

    public init(_ month: Month, settings: Settings) {
        self.month = month
        self.settings = settings
    }

    /// Runs the month. `beside` are further connections for the statements.
    ///
    /// Throws ``MonthRefusal/noPlace``, and what the reports throw.
    public func run(
        _ connection: Connection, beside: [DirectConnection] = [], progress: @escaping @Sendable (String) -> Void
    ) async throws -> Outcome {
        try await MonthRecord.require(connection)
        // Before hours of work, not after them.
        if settings.printsPages { _ = try await PagePrinter.find(drawing: true) }
        progress("looking for the month's data")
        let (scope, missing) = try await look(connection)
        let place = try await MonthRecord.begin(
            month, author: settings.author, isFinal: scope.isFinal, connection)
        var findings = missing
        try await MonthRecord.add(.data, findings: missing.count, remark: "nothing is missing", place, connection)

        let (broken, rows) = try await verify(connection, progress)
        findings += broken
        try await MonthRecord.add(.ledger, findings: broken.count, remark: "\(rows) rows", place, connection)

        let everybody = try await writeReport(connection, progress)
        let written = try await SLAReport(SLARequest(month: month), settings: settings.sla).runEach(
            connection, progress: progress
        ) { Written($0, MonthFiles.areShown) }
        let reports = written.map(\.report)
        let promises = Self.findings(of: everybody, reports)
        findings += promises
        try await MonthRecord.add(
            .sla, findings: promises.count, remark: "\(reports.count + 1) reports",
            digests: (.sla, written.compactMap { one in one.report.account.map { ($0.userID, one.digest) } }), place,
            connection)

        let stated = try await StatementReport(
            StatementRequest(month: month, account: nil), settings: settings.statements()
        ).run(connection, beside: beside, progress: progress) { Written($0, MonthFiles.areRead) }
        let statements = stated.map(\.report)
        let unwhole = Self.findings(of: statements)
        findings += unwhole
        try await MonthRecord.add(
            .statements, findings: unwhole.count, remark: "\(statements.count) statements",
            digests: (.statement, stated.map { ($0.report.account.userID, $0.digest) }), place, connection)

        let customers = try MonthCustomer.all(reports, statements, in: month)
        let outcome = try await writePage(scope, findings, customers, everybody, connection)
        try await MonthRecord.add(
            .page, findings: findings.count, remark: "\(customers.count) customers", place, connection)
        return outcome
    }

    /// Whose month it is, and what of its data is missing.
    ///
    /// - Parameter onlyFinal: True refuses a month that is not final, before anything of it is read.
    func look(_ connection: Connection, onlyFinal: Bool = false) async throws -> (MonthScope, [MonthFinding]) {
        try await connection.transaction(settings.options) { session in
            try ReportSession.prepare(session)
            let catalog = try Catalog(session)
            try catalog.requireEssentials()
            let scope = try MonthScope(
                month, definitionFolder: settings.definitionFolder, session: session, catalog: catalog)
            guard scope.period.start < scope.snapshotAt else {
                throw DaybookError.usage(
                    "The month \(month) has not begun in \(scope.timeZone); choose an earlier one.")
            }
            guard scope.isFinal || !onlyFinal else {
                throw MonthRefusal.preliminary(month, finalityAt: scope.finalityAt)
            }
            return (scope, try MonthData(month, scope, session: session, catalog: catalog).findings())
        }
    }

    /// What is broken of the money, and in how many rows, which are written to a file.
    func verify(
        _ connection: Connection, _ progress: @Sendable (String) -> Void
    ) async throws -> (findings: [MonthFinding], rows: Int) {
        progress("verifying the ledger")
        let verification = LedgerVerification(definitionFolder: settings.definitionFolder, account: nil)
        let verified = try await verification.run(connection)
        try MonthFiles(settings).write(CSVEncoder.encode(verified.table), to: MonthFiles.ledger)
        return (Self.findings(of: verified), verified.findings.count)
    }

    /// Everybody's SLA report.
    func writeReport(
        _ connection: Connection, _ progress: @escaping @Sendable (String) -> Void
    ) async throws -> SLAReport.Outcome {
        progress("writing the SLA report of everybody")
        return try await SLAReport(SLARequest(month: month), settings: settings.sla).run(connection, progress: progress)
    }

    /// One of each customer, with its address.
    func writeReports(
        _ connection: Connection, _ progress: @escaping @Sendable (String) -> Void
    ) async throws -> [SLAReport.Outcome] {
        try await SLAReport(SLARequest(month: month), settings: settings.sla).runAddressed(
            ofEach: true, connection, progress: progress)
    }

    /// Everybody's statement: of a month that is closed, as it was closed.
    func writeStatements(
        _ connection: Connection, _ beside: [DirectConnection], _ progress: @escaping @Sendable (String) -> Void
    ) async throws -> [StatementReport.Outcome] {
        let report = StatementReport(StatementRequest(month: month, account: nil), settings: settings.statements())
        return try await report.run(connection, beside: beside, progress: progress)
    }

    /// Writes the page of the month with what is closed and sent by now.
    func writePage(
        _ scope: MonthScope, _ findings: [MonthFinding], _ customers: [MonthCustomer], _ everybody: SLAReport.Outcome,
        _ connection: Connection
    ) async throws -> Outcome {
        let (customers, credits) = try await connection.transaction(settings.options) { session in
            try ReportSession.prepare(session)
            return (
                try customers.noting(month, session, Catalog(session)),
                try MonthCredits(month, MonthRecord(month, session), at: nil, session)
            )
        }
        let files = MonthFiles(settings)
        let page = MonthPage(
            month, isFinal: scope.isFinal, finalityAt: scope.finalityAt, findings: findings, customers: customers,
            credits: credits, everybody: everybody, folder: settings.folder)
        try files.write(CSVEncoder.encode(MonthFinding.table(findings)), to: MonthFiles.findings)
        try files.write(CSVEncoder.encode(MonthPage.table(customers, month)), to: MonthFiles.customers)
        // Last, so that whoever finds it finds what it names.
        try files.write(Array(settings.templates.render(page, template: "month").utf8), to: MonthFiles.page)
        return Outcome(
            month: month, isFinal: scope.isFinal, finalityAt: scope.finalityAt, findings: findings,
            customers: customers, everybody: everybody, pagePath: "\(settings.folder)/\(MonthFiles.page)")
    }

    /// A report that was written: what the page needs of it, and the digest of its figures.
    private struct Written<Report: MailedReport> {
        let report: Report
        let digest: String

        init(_ report: Report, _ isKept: (String) -> Bool) {
            digest = MonthRun.digest(report)
            var report = report
            report.forget(filesBut: isKept)
            self.report = report
        }
    }

    /// The digest of a report's figures: of the names and digests of its CSV files.
    static func digest(_ report: some MailedReport) -> String {
        let figures = report.files.filter { $0.hasSuffix(".csv") }.map { path in
            "\(path.split(separator: "/").last ?? "") \(report.digests[path] ?? "")\n"
        }
        return SHA256Digest.hex(figures.sorted().joined())
    }
}

/// The files of a month that are no report's: each appears whole or not at all.
struct MonthFiles {
    static let page = "index.html"
    static let findings = "findings.csv"
    static let customers = "customers.csv"
    static let ledger = "ledger.csv"

    /// True for a file of a report that the month's page leads to.
    static func areShown(_ path: String) -> Bool {
        [".html", ".xlsx", ".pdf", "/manifest.json"].contains { path.hasSuffix($0) }
    }

    /// True for those, and for a file of a statement that the page's amounts are read from.
    static func areRead(_ path: String) -> Bool {
        areShown(path) || ["/usage.csv", "/service_credits.csv"].contains { path.hasSuffix($0) }
    }

    private let settings: MonthRun.Settings

    init(_ settings: MonthRun.Settings) {
        self.settings = settings
    }

    func write(_ bytes: [UInt8], to name: String) throws {
        let staging = try StagingFolder(output: settings.folder, mode: settings.mode)
        let sink = try staging.sink(name)
        try sink.write(bytes)
        _ = try sink.finish()
        try staging.publish(name)
    }
}
