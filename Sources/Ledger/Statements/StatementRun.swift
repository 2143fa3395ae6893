// Over 300 lines, because a statement is one way from its rows to its files, which are read and written side by side.
import Documents
import Domain
import Foundation
public import Postgres
import Schema
import Spreadsheet

extension StatementReport {
    /// Writes the statements. All of them appear, or none.
    ///
    /// - Parameter beside: Further connections to the same database, which read ahead in the same snapshot: what comes
    ///   before the month, the batches and the entries, as many of the three as there are. Behind a pooler there are
    ///   none: it may have no server left for them, and they would wait for the one that waits for them.
    public func run(
        _ connection: Connection, beside: [DirectConnection] = [],
        progress: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws -> [Outcome] {
        try await run(connection, beside: beside, progress: progress) { $0 }
    }

    /// The same where something smaller than its outcome is taken of each statement.
    package func run<Taken: Sendable>(
        _ connection: Connection, beside: [DirectConnection] = [], progress: @escaping @Sendable (String) -> Void,
        taking: @escaping @Sendable (Outcome) throws -> Taken
    ) async throws -> [Taken] {
        try await StatementReader.Feeds.serve(over: beside, options) { feeds in
            try await write(connection, feeds: feeds, progress: progress, taking: taking)
        }
    }

    private func write<Taken>(
        _ connection: Connection, feeds: StatementReader.Feeds, progress: @escaping @Sendable (String) -> Void,
        taking: (Outcome) throws -> Taken
    ) async throws -> [Taken] {
        let library = try settings.library()
        // Before hours of work, not after them.
        let printing = settings.formats.contains(.pdf) ? try await StatementPrinting(settings) : nil
        let written = try await connection.transaction(options) { session in
            try ReportSession.prepare(session)
            let staging = try StagingFolder(
                output: settings.output, mode: settings.mode, synchronisesEach: request.account != nil)
            let run = try StatementRun(
                request, settings: settings, session: session, library: library, staging: staging, progress: progress)
            let statements = try run.writeAll(feeds: feeds)
            let collected =
                request.account == nil
                ? try CollectedStatements(month: request.month, staging: staging).write(statements) : []
            return Unpublished(staging: staging, statements: statements, collected: collected)
        }
        // No transaction waits for another program.
        try await printing?.print(written.statements, from: written.staging, progress: progress)
        progress("publishing the files")
        return try written.publish(taking: taking)
    }
}

/// Statements that are written and have not appeared yet.
///
/// `@unchecked Sendable`: the transaction that wrote them is over, and hands them out once.
private struct Unpublished: @unchecked Sendable {
    let staging: StagingFolder
    let statements: [StatementRun.Statement]
    let collected: [String]

    /// Lets all of them appear.
    func publish<Taken>(taking: (StatementReport.Outcome) throws -> Taken) throws -> [Taken] {
        if !staging.synchronisesEach { try staging.synchroniseAll() }
        let outcomes = try statements.map { statement in
            var outcome = statement.outcome
            outcome.files = try statement.outputs.publish()
            outcome.digests = statement.outputs.publishedDigests
            return try taking(outcome)
        }
        for name in collected { try staging.publish(name) }
        if !staging.synchronisesEach { try staging.synchroniseAll() }
        return outcomes
    }
}

/// Writes statements into a staging folder, account by account, within one transaction.
struct StatementRun {
    /// One finished statement, before it appears.
    struct Statement {
        let subject: StatementAccount
        let outputs: Outputs
        let manifest: StatementManifest
        var outcome: StatementReport.Outcome
        /// The rows behind it that no closed month had, for whoever closes the month: every one before its end.
        package let rows: [(id: Int64, credits: Int64)]
    }

    private static let progressInterval = 25
    private static let flushInterval = 200
    /// Statements whose rows are read and that wait to be written.
    private static let draftsAhead = 16

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
    let session: Session
    let catalog: Catalog
    private let staging: StagingFolder
    private let progress: (String) -> Void
    private let mode: Mode
    /// The accounts whose month is closed and is written as it was kept, with the revision that is in force.
    private var kept: [(subject: StatementAccount, revision: Int64)]
    /// Nil where no ledger row was carried forward.
    private let carried: CarriedLedger?
    private let acceptances: StatementAcceptances
    /// The month before, of those that closed it, by their ids.
    private let lastMonths: [String: LastMonth]

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
        acceptances = try StatementAcceptances(session, catalog: catalog)
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
            mode == .report
            ? closed.map { ($0, revisions[$0.account.userID] ?? 0) } : []
        try closes.attach(to: &scope, including: mode == .reproduce)
        scope.keepsRows = mode == .close
        carried = try CarriedLedger(session, catalog: catalog, owners: scope.accounts.map(\.account.userID))
        for subject in scope.accounts {
            try CarriedLedger.refuse(
                "The statement \(subject.account.slug)-\(request.month)", from: subject.period.start,
                cutoff: carried?.cutoff)
        }
        self.scope = scope
        lastMonths =
            settings.formats.contains(.html)
            ? try LastMonth.closed(request.month.adding(months: -1), session, catalog: catalog) : [:]
    }

    /// Leaves accounts out whose statement is not to be made.
    mutating func leaveOut(_ isLeftOut: (StatementAccount) -> Bool) {
        scope.accounts.removeAll(where: isLeftOut)
        kept.removeAll { isLeftOut($0.subject) }
    }

    /// Keeps some accounts alone. Throws `usage` for a slug that is nobody's.
    mutating func leaveOutAll(but slugs: [String]) throws {
        let accounts = scope.accounts.map(\.account) + kept.map(\.subject.account)
        for slug in slugs { _ = try Account.named(slug, among: accounts) }
        leaveOut { !slugs.contains($0.account.slug) }
    }

    /// Writes every statement of the request.
    func writeAll(feeds: StatementReader.Feeds = StatementReader.Feeds()) throws -> [Statement] {
        var statements: [Statement] = []
        try writeEach(feeds: feeds) { statements.append($0) }
        return statements.inNaturalOrder(of: \.subject.account.slug)
    }

    /// Writes every statement of the request, and hands each out as soon as it is written, so that what is behind it
    /// need not wait for the others: the open months in the order of the accounts, then the closed ones.
    func writeEach(
        feeds: StatementReader.Feeds = StatementReader.Feeds(), _ body: (Statement) throws -> Void
    ) throws {
        progress("reading the ledger")
        let reader = try StatementReader(
            scope: scope, session: session, library: library, catalog: catalog, feeds: feeds)
        let granted = try grantedServiceCredits()
        let writing = StatementWriting(
            request: request, settings: settings, snapshotAt: scope.snapshotAt, library: library,
            files: library.files, acceptances: acceptances,
            keyNames: try StatementReader.keyNames(of: scope.accounts, session, catalog: catalog))
        let work = OrderedWork<Statement>(ahead: Self.draftsAhead)
        let flushing = OrderedWork<Void>(ahead: scope.accounts.count)
        // Nothing is written any more when the staging folder goes.
        defer {
            work.wait()
            flushing.wait()
        }
        for (index, subject) in scope.accounts.enumerated() {
            let draft = try draft(
                subject, number: Int64(index + 1), reader: reader, granted: granted[Int64(index + 1)] ?? [])
            try work.add { try writing.finish(draft) }
            for statement in work.take() { try body(statement) }
            if (index + 1) % Self.progressInterval == 0 {
                progress("writing statements, \(index + 1) of \(scope.accounts.count)")
            }
            // The disk begins early: whoever waits for it at the end waits for little. What only passes through a
            // folder that goes again never has to be there.
            if mode == .report, (index + 1) % Self.flushInterval == 0, !staging.synchronisesEach {
                try flushing.add { try staging.synchroniseAll() }
            }
        }
        for statement in try work.finish() + writeKept() { try body(statement) }
    }

    /// The statements of closed months, one after the other. Where one is not what was closed none appears, of nobody:
    /// all that are refused are named, so that one look at them is enough.
    private func writeKept() throws -> [Statement] {
        var statements: [Statement] = []
        var refused: [(slug: String, error: DaybookError)] = []
        for (subject, revision) in kept {
            do {
                let kept = try KeptStatement(subject, month: request.month, revision: revision, session)
                var outcome = try kept.outcome(email: MailAddress.of(subject.account, session, catalog))
                outcome.isAccepted =
                    acceptances.covering(outcome.summary, of: subject.account.userID, in: request.month) != nil
                statements.append(
                    Statement(
                        subject: subject, outputs: try kept.write(staging: staging, formats: settings.formats),
                        manifest: kept.manifest, outcome: outcome, rows: []))
            } catch let error as DaybookError where error.kind == .badData {
                refused.append((subject.account.slug, error))
            }
        }
        guard let first = refused.first else { return statements }
        throw LedgerRefusal.forgedStatements(
            first.error, others: refused.dropFirst().map(\.slug), isOfEverybody: request.account == nil)
    }

    /// Reads the rows of one account, and writes its entries as they come.
    private func draft(
        _ subject: StatementAccount, number: Int64, reader: StatementReader, granted: [StatementServiceCredits.Granted]
    ) throws -> StatementDraft {
        let outputs = try Outputs(
            staging: staging, baseName: request.baseName(subject.account.slug), formats: settings.formats)
        let clock = reader.clock(of: subject.account)
        let workbook =
            settings.formats.contains(.xlsx)
            ? try StatementWorkbook(
                path: outputs.workbookPath(), temporaryDirectory: staging.path,
                number: "\(subject.account.slug)-\(request.month)", issuer: settings.issuer, subject: subject,
                month: request.month, clock: clock) : nil
        // The figures are always digested, also where no CSV file is asked for.
        let csv = try outputs.sink("entries.csv")
        let writer = try EntryWriter(
            csv: csv, leading: StatementTables.leading(subject.account.slug, request.month), workbook: workbook,
            clock: clock, keepsPageRows: settings.formats.contains(.html))
        let posting = StatementPosting(
            subject: subject, number: number, reader: reader, carried: carried, keepsRows: mode == .close)
        let (book, rows) = try posting.post(into: writer)
        return StatementDraft(
            subject: subject, clock: clock, outputs: outputs, csv: csv, workbook: workbook, writer: writer, book: book,
            rows: rows, holdings: reader.holdings(of: number),
            packages: try StatementPackages(book, of: subject, reader: reader),
            serviceCredits: try serviceCredits(granted, of: subject), keys: try reader.keys(of: number),
            last: last(subject, number, reader))
    }

    /// The month before: as it was closed, else from the ledger of an account that never closed a month.
    private func last(_ subject: StatementAccount, _ number: Int64, _ reader: StatementReader) -> LastMonth? {
        if let closed = lastMonths[subject.account.userID] { return closed }
        guard subject.ledger == nil, let before = subject.before, before.start >= scope.keptFrom,
            let month = request.month.adding(months: -1)
        else { return nil }
        let sums = reader.sums(of: number)
        return LastMonth(month, moved: sums.before, closing: sums.opening)
    }
}

/// A statement whose rows are read and whose entries are written: the rest follows from its book.
struct StatementDraft {
    let subject: StatementAccount
    let clock: LocalClock
    let outputs: Outputs
    let csv: FileSink
    package let workbook: StatementWorkbook?
    let writer: EntryWriter
    /// Not finished yet.
    let book: StatementBook
    package let rows: [StatementPosting.KeptRow]
    let holdings: StatementReader.Holdings
    let packages: StatementPackages
    let serviceCredits: StatementServiceCredits
    /// The API keys that its batches were made with, by batch.
    let keys: [String: String]
    let last: LastMonth?
}

/// Writes what follows from a statement's book: its tables, the workbook's sheets, the page, and the manifest. It needs
/// no database.
struct StatementWriting {
    let request: StatementRequest
    let settings: StatementReport.Settings
    let snapshotAt: Instant
    let library: QueryLibrary
    /// The SQL files that were used: all of the library's, put in order once.
    package let files: [QueryLibrary.File]
    let acceptances: StatementAcceptances
    /// What the API keys are called, by their ids.
    let keyNames: [String: String]

    func finish(_ draft: StatementDraft) throws -> StatementRun.Statement {
        let (subject, outputs, writer) = (draft.subject, draft.outputs, draft.writer)
        let baseName = outputs.baseName
        var book = draft.book
        book.finish(wallet: draft.holdings.wallet, expiredUnbooked: draft.holdings.expiredUnbooked)
        let entries = try draft.csv.finish()
        outputs.add("\(baseName)/entries.csv", entries)

        let layout = StatementTables(
            book: book, packages: draft.packages, serviceCredits: draft.serviceCredits)
        let tables = layout.all()
        var provenance = Provenance()
        try provenance.add(
            name: "entries", rows: Int64(writer.count), sha256: entries.sha256, query: library.file("entries"))
        let leading = StatementTables.leading(subject.account.slug, request.month)
        for table in tables {
            let digest = try outputs.write(
                CSVEncoder.encode(table.preceded(by: leading)), to: table.name + ".csv")
            try provenance.add(
                name: table.name, rows: Int64(table.rows.count), sha256: digest,
                query: library.file(Self.query(of: table)))
        }
        for file in files { provenance.add(file) }
        let provenanceTable = provenance.table()
        let shown = tables.map { $0.name == "usage" ? layout.usageWithTotal() : $0 }
        let use = UseTables(layout: layout, clock: draft.clock, keys: draft.keys, keyNames: keyNames)
        let uses = [use.days(), use.keysTable()]
        let amounts = StatementAmounts(layout: layout, fee: subject.account.monthlyFee, last: draft.last)
        if let workbook = draft.workbook {
            try workbook.close(book: book, amounts: amounts, tables: tables + uses, provenance: provenanceTable)
            try outputs.addWorkbook()
        }
        if settings.formats.contains(.html) {
            let around = StatementPage.Surroundings(
                subject: subject, request: request, settings: settings, clock: draft.clock, amounts: amounts,
                last: draft.last)
            let page = StatementPage(
                around, layout: layout, uses: uses, tables: shown, provenance: provenanceTable, entries: writer.count)
            let html = try settings.templates.render(page, template: "statement")
            let parts = [(mark: page.entriesMark, html: writer.pageRows)] + page.parts.map { ($0.mark, $0.html) }
            try outputs.writeBeside(PageRows.splice(parts, into: html), extension: "html")
        }
        let accepted = acceptances.covering(book.summary, of: subject.account.userID, in: request.month)
        let unsigned = StatementManifest(
            subject, month: request.month, summary: book.summary, accepted: accepted, outputs: outputs, queries: files,
            snapshotAt: snapshotAt, programVersion: settings.programVersion)
        let manifest = try settings.key.map { try unsigned.signed(with: $0) } ?? unsigned
        // It names what is printed of the page, which is done when everything else is.
        if !settings.formats.contains(.pdf) { try outputs.writeManifest(try manifest.json()) }
        return StatementRun.Statement(
            subject: subject, outputs: outputs, manifest: manifest,
            outcome: StatementReport.Outcome(
                account: subject.account, summary: book.summary, entries: writer.count,
                email: subject.account.billing.email.isEmpty ? draft.holdings.email : subject.account.billing.email,
                isFinal: subject.scope.isFinal, isClosed: false, isAccepted: accepted != nil),
            rows: draft.rows)
    }

    /// The query whose rows a table is made of.
    private static func query(of table: Table) -> String {
        [
            "summary": "entries", "differences": "entries", "packages": "packages",
            "service_credits": "service_credits",
        ][table.name] ?? "batches"
    }
}
