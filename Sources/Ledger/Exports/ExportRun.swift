import Documents
public import Domain
import Formats
import Foundation
import Postgres
import Schema

/// Where the parts of an export are, and where its files go.
public struct ExportSettings: Sendable {
    /// The folder of the installed report definitions, `reports`.
    public let definitionFolder: String
    public let output: String
    /// Who may read what is written.
    public let mode: OutputMode
    public let programVersion: String
    /// Milliseconds after which a single query is given up; 0 for never.
    public let statementTimeoutMilliseconds: Int

    public init(
        definitionFolder: String, output: String, mode: OutputMode = .ownerOnly, programVersion: String,
        statementTimeoutMilliseconds: Int = 0
    ) {
        self.definitionFolder = definitionFolder
        self.output = output
        self.mode = mode
        self.programVersion = programVersion
        self.statementTimeoutMilliseconds = statementTimeoutMilliseconds
    }

    func library() throws -> QueryLibrary { try QueryLibrary(folder: definitionFolder + "/statement") }
}

/// What an export came to.
public struct ExportOutcome: Sendable {
    /// An account's figures by the names of the columns, for the terminal.
    public struct Line: Sendable {
        public let account: String
        public let isFinal: Bool
        public let figures: [String]
    }

    /// The names of the figures of a line.
    public let columns: [String]
    public let lines: [Line]
    /// What is not as it should be, or was valued in another way than by a price, in whole sentences.
    public let remarks: [String]
    /// Paths of the files that were written.
    public internal(set) var files: [String] = []
}

/// Writes one export in one snapshot: its files into a folder with a manifest, which appears whole or not at all.
struct ExportRun {
    let report: String
    let request: StatementRequest
    let settings: ExportSettings

    /// `journal-2026-10`, or `journal-customer5-2026-10`.
    private var baseName: String {
        ([report] + [request.account].compactMap(\.self) + ["\(request.month)"]).joined(separator: "-")
    }

    /// Lets the body read the books and write files. It gives what it came to of each account, for the manifest.
    func run<Totals: Encodable & Sendable>(
        _ connection: Connection,
        _ body: @escaping @Sendable (MonthBooks, Outputs) throws -> (totals: [Totals], outcome: ExportOutcome)
    ) async throws -> ExportOutcome {
        let options = ReportSession.options(statementTimeoutMilliseconds: settings.statementTimeoutMilliseconds)
        return try await connection.transaction(options) { session in
            try ReportSession.prepare(session)
            let books = try MonthBooks(request, settings: settings, session: session)
            let outputs = try Outputs(
                folder: settings.output, baseName: baseName, formats: [], mode: settings.mode)
            var (totals, outcome) = try body(books, outputs)
            let manifest = ExportManifest(
                report: report, month: request.month.description, accounts: totals,
                cutoff: request.cutoff?.description, snapshotAt: books.snapshotAt.description,
                files: outputs.files.sorted { $0.name < $1.name },
                sqlFiles: books.library.files.map { Manifest.SQLFile(path: $0.path, sha256: $0.sha256) },
                programVersion: settings.programVersion,
                generatedAt: Instant(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000)).description)
            try outputs.writeManifest(try CanonicalJSON.encode(manifest))
            outcome.files = try outputs.publish()
            return outcome
        }
    }
}

/// `manifest.json` of an export: what it came to by account, from what, by which program and when.
private struct ExportManifest<Totals: Encodable>: Encodable {
    let report: String
    let month: String
    let accounts: [Totals]
    /// The one that was asked for; absent where none was.
    let cutoff: String?
    let snapshotAt: String
    let files: [Manifest.File]
    let sqlFiles: [Manifest.SQLFile]
    let programVersion: String
    let generatedAt: String
}

/// What every export says of an account in its manifest.
struct ExportSubject: Encodable, Sendable {
    let account: String
    let plan: String
    let status: String
    let timeZone: String
    let periodStart: String
    let periodEnd: String
    let cutoff: String

    init(_ book: MonthBooks.Book) {
        let subject = book.subject
        account = book.slug
        plan = subject.account.plan.rawValue
        status = subject.scope.isFinal ? "final" : "preliminary"
        timeZone = subject.account.timeZone
        periodStart = subject.period.start.description
        periodEnd = subject.period.end.description
        cutoff = subject.asOf
    }
}

extension Dollars {
    /// Six decimals, always: readers of journals take the number of decimals for the precision.
    var exactText: String { FixedPoint.text(micros, places: 6) }
}
