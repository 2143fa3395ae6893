public import Codecs
public import Documents
public import Domain
import Foundation
public import Postgres
import Schema

/// The monthly statements: one account's or everybody's, in one snapshot and one pass over the ledger.
public struct StatementReport: Sendable {
    /// Where the report's parts are, and where its outputs go.
    public struct Settings: Sendable {
        /// The folder of the installed report definitions, `reports`.
        public let definitionFolder: String
        public let templates: TemplateSet
        public let output: String
        /// Who may read what is written.
        public let mode: OutputMode
        public let formats: Set<ReportFormat>
        /// Signs the manifests; nil leaves them unsigned.
        public let key: SigningKey?
        /// Who issues the statements, in one line; empty where nobody says so.
        public let issuer: String
        /// The issuer's number for value added tax; empty where nobody says so.
        public let issuerVATID: String
        /// What the page is printed on.
        public let paper: PaperSize
        public let programVersion: String
        /// Milliseconds after which a single query is given up; 0 for never.
        public let statementTimeoutMilliseconds: Int

        public init(
            definitionFolder: String, templates: TemplateSet, output: String, mode: OutputMode = .ownerOnly,
            formats: Set<ReportFormat>, key: SigningKey?, issuer: String = "", issuerVATID: String = "",
            paper: PaperSize = .a4, programVersion: String, statementTimeoutMilliseconds: Int = 0
        ) {
            self.definitionFolder = definitionFolder
            self.templates = templates
            self.output = output
            self.mode = mode
            self.formats = formats
            self.key = key
            self.issuer = issuer
            self.issuerVATID = issuerVATID
            self.paper = paper
            self.programVersion = programVersion
            self.statementTimeoutMilliseconds = statementTimeoutMilliseconds
        }

        func library() throws -> QueryLibrary { try QueryLibrary(folder: definitionFolder + "/statement") }
    }

    /// What one statement came to.
    public struct Outcome: Sendable {
        public let account: Account
        public let summary: StatementSummary
        public let entries: Int
        /// Where it would be sent; empty where nobody knows.
        public let email: String
        public let isFinal: Bool
        /// True where it was written from what was kept when its month was closed.
        public let isClosed: Bool
        /// Paths of the files that were written.
        public var files: [String] = []
        /// SHA-256 of each of them as it was written, by its path.
        package var digests: [String: String] = [:]

        /// True where somebody accepted everything that it differs by.
        public var isAccepted = false

        /// True for what may be sent and closed.
        public var mayGoOut: Bool { isWhole || isAccepted }
        /// What it differs by, for people; empty where it is whole.
        public var differences: String { summary.differencesText }
        /// True where all of the checks are 0.
        public var isWhole: Bool { StatementLine.checks.allSatisfy { (summary[$0] ?? 0) == 0 } }

        package mutating func forget(filesBut isKept: (String) -> Bool) {
            digests = [:]
            files = files.filter(isKept)
        }
    }

    /// How many further connections a run has something to do for.
    public static let furtherConnections = 3

    let request: StatementRequest
    let settings: Settings

    /// Paths of the files that have the rows of everybody's statements; none where one account's is asked for.
    public var collectedFiles: [String] {
        guard request.account == nil else { return [] }
        return CollectedStatements.names(of: request.month).map { "\(settings.output)/\($0)" }
    }

    public init(_ request: StatementRequest, settings: Settings) {
        self.request = request
        self.settings = settings
    }

    /// What the statements come to, of everybody or of some accounts, without a file.
    public func preview(_ connection: Connection, accounts: [String]? = nil) async throws -> [Outcome] {
        let library = try settings.library()
        return try await PreviewFolder.with { folder in
            let bare = StatementReport.Settings(
                definitionFolder: settings.definitionFolder, templates: settings.templates, output: folder,
                formats: [], key: nil, programVersion: settings.programVersion,
                statementTimeoutMilliseconds: settings.statementTimeoutMilliseconds)
            return try await connection.transaction(options) { session in
                try ReportSession.prepare(session)
                let staging = try StagingFolder(output: folder, synchronisesEach: false)
                var run = try StatementRun(
                    request, settings: bare, session: session, library: library, staging: staging
                ) { _ in }
                if let accounts { try run.leaveOutAll(but: accounts) }
                return try run.writeAll().map(\.outcome)
            }
        }
    }

    var options: TransactionOptions {
        ReportSession.options(statementTimeoutMilliseconds: settings.statementTimeoutMilliseconds)
    }
}

/// What a user asks of the statements.
public struct StatementRequest: Sendable {
    public let month: Month
    /// The slug of the one account, nil for all of them.
    public let account: String?
    /// The instant as of which everything is judged; nil for the earlier of now and the month's finality.
    public let cutoff: Instant?

    public init(month: Month, account: String?, cutoff: Instant? = nil) {
        self.month = month
        self.account = account
        self.cutoff = cutoff
    }

    /// The name of an account's outputs without an extension, `statement-SLUG-2026-10`.
    public func baseName(_ slug: String) -> String { "statement-\(slug)-\(month)" }
}
