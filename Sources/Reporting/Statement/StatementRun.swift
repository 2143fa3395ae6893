import Domain
import Foundation
import Postgres
import Schema
import Spreadsheet

/// Writes statements into a staging folder, account by account, within one transaction.
struct StatementRun {
    /// One finished statement, before it appears.
    struct Statement {
        let subject: StatementAccount
        let outputs: Outputs
        let manifest: StatementManifest
        var outcome: StatementReport.Outcome
        /// The rows behind it that no closed month had, for whoever closes the month: every one before its end.
        let rows: [(id: Int64, credits: Int64)]
    }

    private static let progressInterval = 25

    /// How a run treats the months that are closed.
    enum Mode {
        /// Closed months are written as they were kept.
        case report
        /// Closed months are left out, and the rows behind the others are kept.
        case close
        /// Only closed months, worked out again from the rows that they were closed with.
        case reproduce
    }

    private(set) var scope: StatementScope
    let library: QueryLibrary
    private let request: StatementRequest
    private let settings: StatementReport.Settings
    private let session: Session
    private let catalog: Catalog
    private let staging: StagingFolder
    private let progress: (String) -> Void
    private let mode: Mode
    private let kept: [KeptStatement]
    /// Nil where no ledger row was carried forward.
    private let carried: CarriedLedger?

    init(
        _ request: StatementRequest, settings: StatementReport.Settings, session: Session, library: QueryLibrary,
        staging: StagingFolder, mode: Mode = .report, progress: @escaping (String) -> Void
    ) throws {
        self.request = request
        self.settings = settings
        self.session = session
        self.library = library
        self.staging = staging
        self.mode = mode
        self.progress = progress
        catalog = try Catalog(session)
        try catalog.requireEssentials()
        let closes = MonthCloses(session: session, catalog: catalog)
        var scope = try StatementScope(
            request, session: session, catalog: catalog, profileFolder: settings.definitionFolder + "/sla")
        let revisions = try closes.revisions(of: request.month)
        let closed = scope.accounts.filter { revisions[$0.account.userID] != nil }
        if mode == .reproduce {
            scope.accounts = closed
        } else {
            scope.accounts.removeAll { revisions[$0.account.userID] != nil }
        }
        kept =
            try mode == .report
            ? closed.map { subject in
                let userID = subject.account.userID
                let revision = revisions[userID] ?? 0
                return KeptStatement(
                    subject: subject, files: try closes.files(of: userID, month: request.month, revision: revision))
            } : []
        try closes.attach(to: &scope, including: mode == .reproduce)
        scope.keepsRows = mode == .close
        carried = try CarriedLedger(session, catalog: catalog, owners: scope.accounts.map(\.account.userID))
        for subject in scope.accounts {
            try CarriedLedger.refuse(
                "The statement \(subject.account.slug)-\(request.month)", from: subject.period.start,
                cutoff: carried?.cutoff)
        }
        self.scope = scope
    }

    /// Writes every statement of the request.
    func writeAll(feed: RowFeed<Movement>? = nil) throws -> [Statement] {
        progress("reading the ledger")
        let reader = try StatementReader(
            scope: scope, session: session, library: library, catalog: catalog, feed: feed)
        var statements: [Statement] = []
        for (index, subject) in scope.accounts.enumerated() {
            statements.append(try write(subject, number: Int64(index + 1), reader: reader))
            if (index + 1) % Self.progressInterval == 0 {
                progress("writing statements, \(index + 1) of \(scope.accounts.count)")
            }
        }
        for kept in kept {
            let outputs = try kept.write(
                baseName: request.baseName(kept.subject.account.slug), staging: staging, formats: settings.formats)
            statements.append(
                Statement(
                    subject: kept.subject, outputs: outputs, manifest: try kept.manifest(),
                    outcome: try kept.outcome(email: email(of: kept.subject)), rows: []))
        }
        return statements.sorted {
            $0.subject.account.slug.utf8.lexicographicallyPrecedes($1.subject.account.slug.utf8)
        }
    }

    private func email(of subject: StatementAccount) throws -> String {
        let users = KnownTable.deployment.first { $0.name == "users" }
        guard let users, catalog.has(users) else { return "" }
        let rows = try session.query(
            "WITH users AS (\(catalog.select(users))) SELECT email FROM users WHERE id = $1",
            [.uuid(subject.account.userID)])
        return try rows.first?.optionalText("email") ?? ""
    }

    private func write(_ subject: StatementAccount, number: Int64, reader: StatementReader) throws -> Statement {
        let baseName = request.baseName(subject.account.slug)
        let outputs = try Outputs(staging: staging, baseName: baseName, formats: settings.formats)
        let clock = reader.clock(of: subject.account)
        let workbook =
            settings.formats.contains(.xlsx)
            ? try StatementWorkbook(
                path: outputs.path(extension: "xlsx"), temporaryDirectory: staging.path,
                number: "\(subject.account.slug)-\(request.month)", issuer: settings.issuer, subject: subject,
                month: request.month) : nil
        // The figures are always digested, also where no CSV file is asked for.
        let csv = try outputs.sink("entries.csv")
        let writer = try EntryWriter(
            csv: csv, workbook: workbook, clock: clock, closed: subject.closed,
            keepsPageRows: settings.formats.contains(.html))
        let posting = StatementPosting(
            subject: subject, number: number, reader: reader, carried: carried, keepsRows: mode == .close)
        var (book, rows) = try posting.post(into: writer)
        let holdings = reader.holdings(of: number)
        book.finish(wallet: holdings.wallet, expiredUnbooked: holdings.expiredUnbooked)
        outputs.add("\(baseName)/entries.csv", try csv.finish())

        let tables = StatementTables(book: book).all()
        var provenance = Provenance()
        try provenance.add(
            name: "entries", rows: Int64(writer.count), sha256: outputs.files[0].sha256, query: library.file("entries"))
        for table in tables {
            let bytes = CSVEncoder.encode(table)
            try provenance.add(table, file: bytes, query: library.file(Self.query(of: table)))
            try outputs.write(bytes, to: table.name + ".csv")
        }
        for file in library.files { provenance.add(file) }
        let provenanceTable = provenance.table()
        let shown = tables.map { $0.name == "usage" ? StatementTables(book: book).usageWithTotal() : $0 }
        if let workbook {
            try workbook.close(book: book, tables: shown, provenance: provenanceTable)
            outputs.add("\(baseName).xlsx", try FileDigest.of(outputs.path(extension: "xlsx")))
        }
        if settings.formats.contains(.html) {
            let page = StatementPage(
                subject: subject, request: request, issuer: settings.issuer, clock: clock, book: book,
                tables: shown, provenance: provenanceTable, entries: writer.count)
            let html = try settings.templates.render(page, template: "statement")
            let parts = [(mark: page.entriesMark, html: writer.pageRows)] + page.tables.map { ($0.mark, $0.html) }
            try outputs.writeBeside(PageRows.splice(parts, into: html), extension: "html")
        }
        let manifest = try finish(subject, summary: book.summary, outputs: outputs)
        return Statement(
            subject: subject, outputs: outputs, manifest: manifest,
            outcome: StatementReport.Outcome(
                account: subject.account, summary: book.summary, entries: writer.count, email: holdings.email,
                isFinal: subject.isFinal, isClosed: false),
            rows: rows)
    }

    /// Writes the manifest, signed where there is a key.
    private func finish(
        _ subject: StatementAccount, summary: StatementSummary, outputs: Outputs
    ) throws -> StatementManifest {
        let files = outputs.files.map {
            StatementManifest.File(name: $0.name, sha256: $0.sha256, bytes: $0.bytes)
        }.sorted { $0.name < $1.name }
        let digest = StatementManifest.digest(of: files)
        let previous = subject.closed?.hash ?? ""
        let account = subject.account
        let contract = subject.contract
        let unsigned = StatementManifest(
            report: "statement", number: "\(account.slug)-\(request.month)",
            account: .init(userId: account.userID, slug: account.slug, name: account.name, plan: account.plan.rawValue),
            month: request.month.description, status: subject.isFinal ? "final" : "preliminary",
            timeZone: account.timeZone, periodStart: subject.period.start.description,
            periodEnd: subject.period.end.description, cutoff: subject.cutoff.description,
            snapshotAt: scope.snapshotAt.description,
            profile: .init(name: contract.profile.name, version: contract.profile.version, sha256: contract.sha256),
            openingBalance: summary.openingBalance, closingBalance: summary.closingBalance, statementSha256: digest,
            chain: .init(
                previous: previous,
                hash: StatementManifest.chainHash(
                    previous: previous, userID: account.userID, month: request.month.description,
                    opening: summary.openingBalance, closing: summary.closingBalance, statement: digest)),
            files: files, sqlFiles: library.files.map { .init(path: $0.path, sha256: $0.sha256) },
            programVersion: settings.programVersion,
            generatedAt: Instant(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000)).description)
        let manifest = try settings.key.map { try unsigned.signed(with: $0) } ?? unsigned
        let sink = try outputs.sink("manifest.json")
        try sink.write(try manifest.json())
        _ = try sink.finish()
        return manifest
    }

    /// The query whose rows a table is made of.
    private static func query(of table: Table) -> String {
        table.name == "summary" || table.name == "differences" ? "entries" : "batches"
    }
}
