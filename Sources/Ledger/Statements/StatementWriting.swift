import Documents
import Domain
import Foundation
import Schema
import Spreadsheet

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

    func finish(_ draft: StatementDraft) throws -> StatementRun.Statement {
        let (subject, outputs, writer) = (draft.subject, draft.outputs, draft.writer)
        let baseName = outputs.baseName
        var book = draft.book
        book.finish(wallet: draft.holdings.wallet, expiredUnbooked: draft.holdings.expiredUnbooked)
        let entries = try draft.csv.finish()
        outputs.add("\(baseName)/entries.csv", entries)

        let layout = StatementTables(book: book)
        let tables = layout.all()
        var provenance = Provenance()
        try provenance.add(
            name: "entries", rows: Int64(writer.count), sha256: entries.sha256, query: library.file("entries"))
        for table in tables {
            let digest = try outputs.write(CSVEncoder.encode(table), to: table.name + ".csv")
            try provenance.add(
                name: table.name, rows: Int64(table.rows.count), sha256: digest,
                query: library.file(Self.query(of: table)))
        }
        for file in files { provenance.add(file) }
        let provenanceTable = provenance.table()
        let shown = tables.map { $0.name == "usage" ? layout.usageWithTotal() : $0 }
        if let workbook = draft.workbook {
            try workbook.close(book: book, tables: shown, provenance: provenanceTable)
            try outputs.addWorkbook()
        }
        if settings.formats.contains(.html) {
            let page = StatementPage(
                subject: subject, request: request, issuer: settings.issuer, clock: draft.clock, book: book,
                tables: shown, provenance: provenanceTable, entries: writer.count)
            let html = try settings.templates.render(page, template: "statement")
            let parts = [(mark: page.entriesMark, html: writer.pageRows)] + page.parts.map { ($0.mark, $0.html) }
            try outputs.writeBeside(PageRows.splice(parts, into: html), extension: "html")
        }
        let accepted = acceptances.covering(book.summary, of: subject.account.userID, in: request.month)
        let manifest = try writeManifest(subject, summary: book.summary, accepted: accepted, outputs: outputs)
        return StatementRun.Statement(
            subject: subject, outputs: outputs, manifest: manifest,
            outcome: StatementReport.Outcome(
                account: subject.account, summary: book.summary, entries: writer.count, email: draft.holdings.email,
                isFinal: subject.scope.isFinal, isClosed: false, isAccepted: accepted != nil),
            rows: draft.rows)
    }

    /// Writes the manifest, signed where there is a key.
    private func writeManifest(
        _ subject: StatementAccount, summary: StatementSummary, accepted: [StatementAcceptance]?, outputs: Outputs
    ) throws -> StatementManifest {
        let written = outputs.files.map {
            StatementManifest.File(name: $0.name, sha256: $0.sha256, bytes: $0.bytes)
        }.sorted { $0.name < $1.name }
        let digest = StatementManifest.digest(of: written)
        let previous = subject.closed?.hash ?? ""
        let account = subject.account
        let contract = subject.contract
        let unsigned = StatementManifest(
            report: "statement", number: "\(account.slug)-\(request.month)",
            account: .init(userId: account.userID, slug: account.slug, name: account.name, plan: account.plan.rawValue),
            month: request.month.description, status: subject.scope.isFinal ? "final" : "preliminary",
            timeZone: account.timeZone, periodStart: subject.period.start.description,
            periodEnd: subject.period.end.description, cutoff: subject.cutoff.description,
            snapshotAt: snapshotAt.description,
            profile: .init(name: contract.profile.name, version: contract.profile.version, sha256: contract.sha256),
            openingBalance: summary.openingBalance, closingBalance: summary.closingBalance, statementSha256: digest,
            chain: .init(
                previous: previous,
                hash: StatementManifest.chainHash(
                    previous: previous, userID: account.userID, month: request.month.description,
                    opening: summary.openingBalance, closing: summary.closingBalance, statement: digest)),
            accepted: accepted?.map(StatementManifest.Accepted.init),
            files: written, sqlFiles: files.map { .init(path: $0.path, sha256: $0.sha256) },
            programVersion: settings.programVersion,
            generatedAt: Instant(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000)).description)
        let manifest = try settings.key.map { try unsigned.signed(with: $0) } ?? unsigned
        try outputs.writeManifest(try manifest.json())
        return manifest
    }

    /// The query whose rows a table is made of.
    private static func query(of table: Table) -> String {
        table.name == "summary" || table.name == "differences" ? "entries" : "batches"
    }
}
