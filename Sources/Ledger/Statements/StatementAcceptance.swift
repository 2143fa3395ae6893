public import Domain
import Foundation
public import Postgres
import Schema

/// A difference that a statement may be sent and closed with, by somebody's word.
struct StatementAcceptance: Sendable {
    let line: StatementLine
    let month: Month
    let credits: Int64
    let reason: String
    let acceptedBy: String
    let acceptedAt: Instant

    /// What is unreconciled belongs to its month. What is unexplained, or expired and not booked, stands in every month
    /// until it is mended, so that its acceptance holds until the amount changes.
    func covers(_ line: StatementLine, _ credits: Int64, in month: Month) -> Bool {
        self.line == line && self.credits == credits && (line != .unreconciled || self.month == month)
    }
}

/// Everything that was accepted, by owner, as a snapshot has it.
struct StatementAcceptances: Sendable {
    private let all: [String: [StatementAcceptance]]

    /// A database without the table has accepted nothing.
    init(_ session: Session, catalog: Catalog) throws {
        guard KnownTable.own.contains(where: { $0.name == "statement_acceptance" && catalog.has($0) }) else {
            all = [:]
            return
        }
        let rows = try session.query(
            """
            SELECT user_id::text AS user_id, line, month, credits, reason, accepted_by, accepted_at
            FROM daybook.statement_acceptance ORDER BY user_id, sequence
            """)
        var all: [String: [StatementAcceptance]] = [:]
        for row in rows {
            guard let line = StatementLine(rawValue: try row.text("line")) else { continue }
            all[try row.text("user_id"), default: []].append(
                StatementAcceptance(
                    line: line, month: try MonthCloses.month(row.date("month")), credits: try row.int("credits"),
                    reason: try row.text("reason"), acceptedBy: try row.text("accepted_by"),
                    acceptedAt: try row.instant("accepted_at")))
        }
        self.all = all
    }

    /// What covers the differences of a statement: nil where one of them is covered by nothing, or there is none.
    ///
    /// The newest word on a line decides: one that was accepted with another amount since is accepted no more.
    func covering(_ summary: StatementSummary, of userID: String, in month: Month) -> [StatementAcceptance]? {
        let differences = summary.differences
        let found = differences.compactMap { line, credits in
            all[userID]?.last { $0.line == line && (line != .unreconciled || $0.month == month) }
                .flatMap { $0.covers(line, credits, in: month) ? $0 : nil }
        }
        return differences.isEmpty || found.count < differences.count ? nil : found
    }
}

extension StatementSummary {
    /// The checks that are not 0.
    var differences: [(line: StatementLine, credits: Int64)] {
        StatementLine.checks.compactMap { line in self[line].flatMap { $0 == 0 ? nil : (line, $0) } }
    }

    /// The differences for people: `unexplained 777, unreconciled -10`.
    var differencesText: String {
        differences.map { "\($0.line.rawValue.replacing("_", with: " ")) \($0.credits)" }.joined(separator: ", ")
    }

    /// The statement in one sentence: whether the month is reconciled to the last credit.
    var verdict: (sentence: String, isWhole: Bool) {
        let broken = differences.map { difference in
            "\(GroupedNumber.text(difference.credits)) \(Self.word(difference.line)): \(Self.meaning(difference.line))"
        }
        guard !broken.isEmpty else {
            let made = StatementLine.checks.filter { self[$0] != nil }.map { "0 \(Self.word($0))" }
            let missing = made.count < StatementLine.checks.count ? " The database has no wallets to compare with." : ""
            return ("Reconciled to the last credit: \(made.joined(separator: ", ")).\(missing)", true)
        }
        return ("Not whole: \(broken.joined(separator: "; ")). The annex says where.", false)
    }

    private static func word(_ line: StatementLine) -> String {
        switch line {
        case .unreconciled: "unreconciled"
        case .expiredUnbooked: "expired and not booked"
        default: "unexplained"
        }
    }

    /// What a difference means to whom the statement is for.
    private static func meaning(_ line: StatementLine) -> String {
        switch line {
        case .expiredUnbooked: "bonus that can no longer be spent, with nothing to pay"
        case .unreconciled: "batches and ledger differ"
        default: "wallet and ledger differ"
        }
    }
}

/// Accepts what statements of a month differ by, so that they are sent and closed in spite of it.
public struct StatementAccepting: Sendable {
    private let month: Month
    private let slugs: [String]
    private let reason: String
    private let settings: StatementReport.Settings

    /// Throws a refusal without a reason, or with one that is too long.
    public init(month: Month, slugs: [String], reason: String, settings: StatementReport.Settings) throws(LedgerRefusal)
    {
        let reason = reason.trimmingCharacters(in: .whitespacesAndNewlines)
        guard !reason.isEmpty, reason.count <= Limits.remarkLength else {
            throw .acceptanceWithoutReason
        }
        self.month = month
        self.slugs = slugs
        self.reason = reason
        self.settings = settings
    }

    /// Works the statements out without writing one, and records what they differ by, all of it or nothing.
    ///
    /// Throws `usage` for a statement that is whole: there is nothing to accept.
    public func run(_ connection: Connection) async throws {
        let report = StatementReport(
            StatementRequest(month: month, account: nil), settings: settings)
        let outcomes = try await report.preview(connection, accounts: slugs)
        for outcome in outcomes where outcome.isWhole {
            throw DaybookError.usage(
                "The statement of \(outcome.account.slug) for \(month) is whole: there is nothing to accept.")
        }
        try await connection.transaction(TransactionOptions(lockTimeoutMilliseconds: 5000)) { session in
            for outcome in outcomes { try record(outcome, session) }
        }
    }

    private func record(_ outcome: StatementReport.Outcome, _ session: Session) throws {
        let userID = outcome.account.userID
        try session.execute("SELECT FROM daybook.account WHERE user_id = $1 FOR UPDATE", [.uuid(userID)])
        for (line, credits) in outcome.summary.differences {
            try session.execute(
                """
                INSERT INTO daybook.statement_acceptance (user_id, sequence, month, line, credits, reason)
                SELECT $1, coalesce(max(sequence), 0) + 1, $2, $3, $4, $5
                FROM daybook.statement_acceptance WHERE user_id = $1
                """,
                [.uuid(userID), .date(month.firstDay), .text(line.rawValue), .int(credits), .text(reason)])
        }
    }
}
