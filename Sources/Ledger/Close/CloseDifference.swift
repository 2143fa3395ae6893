import Documents
public import Domain
import Foundation
public import Postgres
import Schema

/// Says what has changed about a month since it was closed.
public struct CloseDifference: Sendable {
    public struct Change: Sendable, Hashable {
        public enum Kind: String, Sendable {
            case lateEntry = "late_entry"
            case missingEntry = "missing_entry"
            case changedEntry = "changed_entry"
            /// The same rows give other figures.
            case changedTable = "changed_table"
        }

        public let account: String
        public let kind: Kind
        public let reference: String
        /// As it was closed, and as it is now; empty where there is none.
        public let closed: String
        public let now: String
        public let postedAt: Instant?
    }

    private let request: StatementRequest
    private let settings: StatementReport.Settings

    public init(_ request: StatementRequest, settings: StatementReport.Settings) {
        self.request = request
        self.settings = settings
    }

    /// Reads only. Throws `usage` where the month is not closed, `badData` where what was kept is not what was closed.
    public func run(_ connection: Connection) async throws -> [Change] {
        let library = try settings.library()
        return try await PreviewFolder.with { folder in
            try await connection.transaction(ReportSession.options(statementTimeoutMilliseconds: 0)) { session in
                try ReportSession.prepare(session)
                let staging = try StagingFolder(output: folder, synchronisesEach: false)
                let run = try StatementRun(
                    request, settings: settings, session: session, library: library, staging: staging, mode: .reproduce
                ) { _ in }
                guard !run.scope.accounts.isEmpty else { throw LedgerRefusal.notClosed(request.month) }
                let catalog = try Catalog(session)
                let closes = MonthCloses(session: session, catalog: catalog)
                let revisions = try closes.revisions(of: request.month)
                var changes: [Change] = []
                for statement in try run.writeAll() {
                    let account = statement.subject.account
                    changes += try entries(of: statement.subject, session: session, catalog: catalog)
                    let kept = try KeptStatement(
                        statement.subject, month: request.month, revision: revisions[account.userID] ?? 0, session)
                    changes += try tables(statement, kept: kept, staging: staging)
                }
                return changes
            }
        }
    }

    /// The rows before the month's end that came, went or changed since the close.
    private func entries(of subject: StatementAccount, session: Session, catalog: Catalog) throws -> [Change] {
        guard let ledger = KnownTable.deployment.first(where: { $0.name == "credit_ledger" }) else { return [] }
        let cutoff = try CarriedLedger.cutoff(session, catalog: catalog)
        let rows = try session.query(
            """
            WITH credit_ledger AS (\(catalog.select(ledger))), closed AS (
                SELECT e.id, e.credits, c.period_start < $4 AS may_be_carried
                FROM (\(MonthCloses.current)) AS c
                CROSS JOIN LATERAL unnest(c.entry_ids, c.entry_credits) AS e (id, credits)
                WHERE c.user_id = $1 AND c.month <= $2
            ), present AS (
                SELECT id, credits_delta::bigint AS credits, created_at FROM credit_ledger
                WHERE user_id = $1 AND ref_type IS DISTINCT FROM '\(StatementEntry.carriedForward)'
            )
            SELECT coalesce(c.id, p.id) AS id, c.credits AS was, p.credits AS now, p.created_at
            FROM closed AS c
            FULL JOIN present AS p ON p.id = c.id
            WHERE (c.id IS NULL AND p.created_at < $3) OR (p.id IS NULL AND c.may_be_carried IS NOT TRUE)
                OR p.credits <> c.credits OR p.created_at >= $3 AND c.id IS NOT NULL
            ORDER BY id
            """,
            [
                .uuid(subject.account.userID), .date(request.month.firstDay), .instant(subject.period.end),
                Value(cutoff),
            ])
        return try rows.map { row in
            let was = try row.optionalInt("was")
            let now = try row.optionalInt("now")
            return Change(
                account: subject.account.slug,
                kind: was == nil ? .lateEntry : now == nil ? .missingEntry : .changedEntry,
                reference: String(try row.int("id")), closed: was.map(String.init) ?? "",
                now: now.map(String.init) ?? "", postedAt: try row.optionalInstant("created_at"))
        }
    }

    /// Figures alone: whose they are, and of which month, rows said later than figures, and an account may be called
    /// otherwise since.
    private static func bare(_ records: [CSVFile.Record]) -> [CSVFile.Record] {
        records.map { record in StatementTables.leadingColumns.reduce(record) { $0.without($1) } }
    }

    /// Figures of now as a month states them that was closed before single videos had a line of their own: they were
    /// left unreconciled, and usage was that of batches.
    private static func inForm(of before: CSVFile, _ now: [CSVFile.Record], table: String) -> [CSVFile.Record] {
        let single = StatementLine.singleVideos.rawValue
        switch table {
        case "summary" where !before.records.contains { $0["line"] == single }:
            let credits = now.first { $0["line"] == single }?.integer("credits") ?? 0
            return now.filter { $0["line"] != single }.map { record in
                guard record["line"] == StatementLine.unreconciled.rawValue, let rest = record.integer("credits")
                else { return record }
                return record.with(String(rest + credits), in: "credits")
            }
        case "usage" where !before.columns.contains("source"):
            return now.filter { $0["source"] == StatementUsage.Source.batch.rawValue }.map { $0.without("source") }
        default: return now
        }
    }

    /// The tables that come out differently from the rows they were closed with.
    private func tables(
        _ statement: StatementRun.Statement, kept: KeptStatement, staging: StagingFolder
    ) throws -> [Change] {
        let baseName = statement.outputs.baseName
        return try ["batches", "entries", "open_batches", "service_credits", "summary", "usage"].compactMap { table in
            let written = FileManager.default.contents(atPath: staging.file("\(baseName)/\(table).csv")) ?? Data()
            let (was, now) = (try CSVFile(kept.content("\(table).csv")), try CSVFile(Array(written)))
            // What the wallet says is as of the close, and has no history.
            let snapshot = [StatementLine.expiredUnbooked, .unexplained].map(\.rawValue)
            func figures(_ records: [CSVFile.Record]) -> [[String]] {
                records.filter { table != "summary" || !snapshot.contains($0["line"] ?? "") }.map(\.fields)
            }
            let before = figures(Self.bare(was.records))
            let after = figures(Self.inForm(of: was, Self.bare(now.records), table: table))
            guard before != after else { return nil }
            let first = zip(before, after).first { $0 != $1 }
            return Change(
                account: statement.subject.account.slug, kind: .changedTable, reference: table,
                closed: first?.0.joined(separator: " ") ?? "\(before.count) rows",
                now: first?.1.joined(separator: " ") ?? "\(after.count) rows", postedAt: nil)
        }
    }
}
