public import Documents
public import Domain
import Formats
import Foundation
public import Postgres
import Schema
import Spreadsheet

/// Checks every invariant of the money in one snapshot.
public struct LedgerVerification: Sendable {
    public struct Finding: Sendable, Codable {
        public let finding: String
        public let account: String
        public let reference: String
        /// The money at stake; nil where none is.
        public let credits: Int64?
        public let detail: String
        public let advice: String
    }

    /// The findings and the snapshot they are of.
    public struct Outcome: Sendable {
        public let findings: [Finding]
        public let snapshotAt: Instant

        /// How many findings of each name there are, and the credits at stake.
        public var totals: [(finding: String, count: Int, credits: Int64)] {
            Dictionary(grouping: findings, by: \.finding).sorted { $0.key < $1.key }.map { name, found in
                (name, found.count, found.reduce(0) { $0 + ($1.credits ?? 0) })
            }
        }
    }

    private let definitionFolder: String
    private let account: String?

    /// - Parameters:
    ///   - definitionFolder: the folder of the installed report definitions.
    ///   - account: the slug of the one account that is checked; nil for everybody, owners without an account included.
    public init(definitionFolder: String, account: String?) {
        self.definitionFolder = definitionFolder
        self.account = account
    }

    /// Reads only. Throws `usage` for an unknown account.
    public func run(_ connection: Connection) async throws -> Outcome {
        let library = try QueryLibrary(
            folder: definitionFolder + "/ledger", shared: definitionFolder + "/sla")
        return try await connection.transaction(ReportSession.options(statementTimeoutMilliseconds: 0)) { session in
            try ReportSession.prepare(session)
            // Of everybody every row is wanted, and those of a large table lie in no index's order: page by page is
            // quicker than row by row, whatever the planner hopes to find in memory.
            if account == nil { try session.executeScript("SET LOCAL enable_indexscan = off") }
            let catalog = try Catalog(session)
            try catalog.requireEssentials()
            let snapshotAt = try session.snapshotInstant()
            let values = try parameters(session, catalog, snapshotAt: snapshotAt)
            let query = try library.bind("findings", catalog: catalog, parameters: values)
            let findings = try query.rows(session).map { row in
                let name = try row.text("finding")
                return Finding(
                    finding: name, account: try row.text("account"), reference: try row.optionalText("reference") ?? "",
                    credits: try row.optionalInt("credits"), detail: try row.text("detail"),
                    advice: LedgerFinding(rawValue: name)?.advice ?? "")
            }
            return Outcome(findings: findings, snapshotAt: snapshotAt)
        }
    }

    private func parameters(
        _ session: Session, _ catalog: Catalog, snapshotAt: Instant
    ) throws -> [String: Value] {
        let books = Books(session: session, catalog: catalog)
        let accounts = try books.accounts()
        let only = try account.map { try Account.named($0, among: accounts) }
        let contracts = try Contracts(books, definitionFolder: definitionFolder)
        let stretches = try contracts.stretches(of: accounts, session: session)
        let standard = try contracts.contract("standard", monthEnd: snapshotAt).profile
        let hasWallets = KnownTable.deployment.contains { $0.name == "credit_wallet" && catalog.has($0) }
        let values: [String: Value] = [
            "owner_ids": .texts(accounts.map(\.userID)), "owner_slugs": .texts(accounts.map(\.slug)),
            "terms_owners": .texts(stretches.map(\.userID)), "terms_from": .instants(stretches.map(\.from)),
            "terms_until": .instants(stretches.map(\.until)),
            "refund_deadlines": .ints(stretches.map(\.contract.profile.refundDeadlineSeconds)),
            "stuck_hours": .ints(stretches.map(\.contract.profile.stuckAfterHours)),
            "refund_deadline": .int(standard.refundDeadlineSeconds),
            "stuck_after": .int(standard.stuckAfterHours), "snapshot_at": .instant(snapshotAt),
            "only_user": only.map { .text($0.userID) } ?? .null, "has_wallets": .bool(hasWallets),
            "has_lots": .bool(catalog.has(.lot)),
        ]
        let models = try contracts.modelParameters(of: accounts, now: snapshotAt, session: session)
        return values.merging(models) { own, _ in own }
    }
}

extension LedgerVerification.Outcome {
    /// The findings as a table, for a file.
    public var table: Table {
        var table = Table(
            name: "findings", title: "Findings", note: "Every invariant of the money that is broken.",
            columns: [
                Column("finding", .text, width: 28), Column("reference", .identifier, width: 38),
                Column("credits", .integer, width: 12), Column("account", .text, width: 16),
                Column("detail", .text, width: 70), Column("advice", .text, width: 80),
            ],
            rows: findings.map {
                [
                    .text($0.finding), .text($0.reference), .optional($0.credits), .text($0.account), .text($0.detail),
                    .text($0.advice),
                ]
            })
        table.sortRows()
        return table
    }

    /// The findings as JSON, with the snapshot and the totals.
    public func json() throws -> [UInt8] {
        struct Total: Encodable {
            let finding: String
            let count: Int
            let credits: Int64
        }
        struct Document: Encodable {
            let snapshotAt: String
            let isWhole: Bool
            let totals: [Total]
            let findings: [LedgerVerification.Finding]
        }
        let document = Document(
            snapshotAt: snapshotAt.description, isWhole: findings.isEmpty,
            totals: totals.map { Total(finding: $0.finding, count: $0.count, credits: $0.credits) }, findings: findings)
        return try CanonicalJSON.encode(document)
    }

    /// Writes the findings and their totals as a workbook, complete or not at all.
    public func writeWorkbook(folder: String, name: String, mode: OutputMode = .ownerOnly) throws {
        let staging = try StagingFolder(output: folder, mode: mode)
        let workbook = try Workbook(
            path: staging.workbookPath(name), temporaryDirectory: staging.path,
            properties: WorkbookProperties(
                created: Instant(microseconds: snapshotAt.microseconds / 1_000_000 * 1_000_000),
                title: "Ledger verification"))
        let writer = SheetWriter(workbook: workbook, footer: "Ledger verification, \(snapshotAt)")
        try writer.add(
            Table(
                name: "totals", title: "Totals", note: "",
                columns: [
                    Column("finding", .text, width: 28), Column("count", .integer), Column("credits", .integer),
                ], rows: totals.map { [.text($0.finding), .integer(Int64($0.count)), .integer($0.credits)] }))
        try writer.add(table)
        try workbook.close()
        _ = try staging.workbook(name)
        try staging.publish(name)
    }
}
