public import Digests
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
        public let formats: Set<ReportFormat>
        /// Signs the manifests; nil leaves them unsigned.
        public let key: SigningKey?
        /// Who issues the statements, in one line; empty where nobody says so.
        public let issuer: String
        public let programVersion: String
        /// Milliseconds after which a single query is given up; 0 for never.
        public let statementTimeoutMilliseconds: Int

        public init(
            definitionFolder: String, templates: TemplateSet, output: String, formats: Set<ReportFormat>,
            key: SigningKey?, issuer: String = "", programVersion: String, statementTimeoutMilliseconds: Int = 0
        ) {
            self.definitionFolder = definitionFolder
            self.templates = templates
            self.output = output
            self.formats = formats
            self.key = key
            self.issuer = issuer
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

        /// True where all of the checks are 0.
        public var isWhole: Bool { StatementLine.checks.allSatisfy { (summary[$0] ?? 0) == 0 } }
    }

    private let request: StatementRequest
    private let settings: Settings

    public init(_ request: StatementRequest, settings: Settings) {
        self.request = request
        self.settings = settings
    }

    /// Writes the statements. All of them appear, or none.
    ///
    /// - Parameter beside: A second connection to the same database, which reads the ledger ahead in the same snapshot.
    public func run(
        _ connection: Connection, beside: Connection? = nil,
        progress: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws -> [Outcome] {
        guard let beside else { return try await write(connection, feed: nil, progress: progress) }
        let feed = RowFeed(decode: StatementReader.movement)
        async let served: Void = serve(feed, over: beside)
        let outcomes: [Outcome]
        do {
            defer { feed.stop() }
            outcomes = try await write(connection, feed: feed, progress: progress)
        }
        await served
        return outcomes
    }

    /// What goes wrong here, the connection's loss too, ends the waiting of the first one.
    private func serve(_ feed: RowFeed<Movement>, over connection: Connection) async {
        do {
            try await connection.transaction(options) { feed.serve($0) }
        } catch {
            feed.fail(error)
        }
    }

    private var options: TransactionOptions {
        ReportSession.options(statementTimeoutMilliseconds: settings.statementTimeoutMilliseconds)
    }

    private func write(
        _ connection: Connection, feed: RowFeed<Movement>?, progress: @escaping @Sendable (String) -> Void
    ) async throws -> [Outcome] {
        let library = try settings.library()
        return try await connection.transaction(options) { session in
            try ReportSession.prepare(session)
            let staging = try StagingFolder(output: settings.output, synchronisesEach: request.account != nil)
            let run = try StatementRun(
                request, settings: settings, session: session, library: library, staging: staging, progress: progress)
            var statements = try run.writeAll(feed: feed)
            if !staging.synchronisesEach { try staging.synchroniseAll() }
            progress("publishing the files")
            for index in statements.indices {
                statements[index].outcome.files = try statements[index].outputs.publish()
            }
            if !staging.synchronisesEach { try staging.synchroniseAll() }
            return statements.map(\.outcome)
        }
    }
}
