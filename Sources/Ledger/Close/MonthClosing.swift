public import Documents
public import Domain
import Foundation
public import Postgres
import Schema

/// Closes months: keeps the statements, and chains each to the one before.
public struct MonthClosing: Sendable {
    /// One month that was closed.
    public struct Closed: Sendable {
        public let slug: String
        public let opening: Int64
        public let closing: Int64
        public let hash: String
        public let isWhole: Bool
        public let isFinal: Bool
    }

    /// One month that was not closed, and why.
    public struct LeftOut: Sendable {
        public let slug: String
        /// In a few words that follow the slug.
        public let reason: String
        /// True where its statement differs; false where a month before it is open.
        public let isNotWhole: Bool
    }

    /// What a run came to.
    public struct Outcome: Sendable {
        public let closed: [Closed]
        /// What is not whole and that nobody accepted, and what would leave a gap.
        public let leftOut: [LeftOut]
        /// The head of all closes, with these.
        public let head: ChainHead
    }

    /// Two closes must not run at once ("close" in ASCII).
    static let lockKey: Int64 = 0x63_6c6f_7365

    private let request: StatementRequest
    private let settings: StatementReport.Settings

    /// Closes the month of one account, or of all that have not closed it yet. The settings' output is not used.
    public init(_ request: StatementRequest, settings: StatementReport.Settings) {
        self.request = request
        self.settings = settings
    }

    static let options = TransactionOptions(isolation: .repeatableRead, lockTimeoutMilliseconds: 5000)

    /// Closes in one transaction everything that may be closed, or nothing. A statement that is not whole is left out
    /// unless what it differs by was accepted.
    ///
    /// Throws `usage` for a month that is not over or that is closed, and where one account is asked for whose month
    /// would leave a gap after the last one.
    ///
    /// - Parameter expected: The digest that each statement must have, by its owner's id; where one has another, none
    ///   is closed. Nil takes them as they come.
    public func run(
        _ connection: Connection, expected: [String: String]? = nil,
        progress: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws -> Outcome {
        let connection = try await connection.direct(for: "The closing of a month")
        let library = try settings.library()
        return try await PreviewFolder.with { folder in
            try await connection.transaction(Self.options) { session in
                try Self.prepare(session)
                let staging = try StagingFolder(output: folder, synchronisesEach: false)
                var run = try StatementRun(
                    request, settings: settings, session: session, library: library, staging: staging, mode: .close,
                    progress: progress)
                try refuse(run.scope)
                var leftOut: [LeftOut] = []
                run.leaveOut { subject in
                    guard let gap = gap(before: subject) else { return false }
                    leftOut.append(LeftOut(slug: subject.account.slug, reason: gap, isNotWhole: false))
                    return true
                }
                try refuseForged(run.scope, session)
                let standings = try standings(session)
                let closedAt = try CloseRecords.nextInstant(session)
                var (closed, notWhole, changed): ([Closed], [LeftOut], [String]) = ([], [], [])
                // Each is kept when it is written: the ids of all the rows behind everybody's would fill the memory.
                try run.writeEach { statement in
                    let (slug, userID) = (statement.subject.account.slug, statement.subject.account.userID)
                    if let expected, expected[userID] != statement.manifest.statementSha256 {
                        changed.append(slug)
                    } else if statement.outcome.mayGoOut {
                        let standing = standings[userID] ?? Standing()
                        closed.append(
                            try keep(statement, standing, at: closedAt, staging: staging, session: session))
                    } else {
                        let reason = "is not whole: \(statement.outcome.differences)"
                        notWhole.append(LeftOut(slug: slug, reason: reason, isNotWhole: true))
                    }
                }
                guard changed.isEmpty else {
                    throw LedgerRefusal.otherStatements(request.month, slugs: changed.inNaturalOrder { $0 })
                }
                let owners = run.scope.accounts.map(\.account.userID)
                try SettlementCapture.run(session, catalog: Catalog(session), owners: owners)
                return Outcome(
                    closed: closed.inNaturalOrder(of: \.slug), leftOut: leftOut + notWhole.inNaturalOrder(of: \.slug),
                    head: try CloseRecords(session).head)
            }
        }
    }

    /// The lock, and what every report sets. The lock comes first: the snapshot must be newer than the last close.
    static func prepare(_ session: Session) throws {
        try ReportSession.prepareWriting(session)
        let known = try session.query("SELECT to_regclass('daybook.month_close') IS NOT NULL AS exists")
        guard try known[0].bool("exists") else {
            throw LedgerRefusal.missingTable("daybook.month_close")
        }
        let lock = try session.query("SELECT pg_try_advisory_xact_lock($1) AS taken", [.int(lockKey)])
        guard try lock[0].bool("taken") else {
            throw DaybookError(.tryAgain, "Another run closes or opens months; try again when it is done.")
        }
    }

    private func refuse(_ scope: StatementScope) throws {
        guard !scope.accounts.isEmpty else { throw LedgerRefusal.closedAlready(request.month) }
        for subject in scope.accounts {
            let slug = subject.account.slug
            guard subject.period.end <= scope.snapshotAt else {
                throw DaybookError.usage(
                    "The month \(request.month) is not over for \(slug): it ends at \(subject.period.end).")
            }
            if request.account != nil, let gap = gap(before: subject) { throw DaybookError.usage("\(slug) \(gap).") }
        }
    }

    /// Why a month cannot follow the last one that was closed; nil where it can.
    private func gap(before subject: StatementAccount) -> String? {
        guard let closed = subject.closed, closed.month.adding(months: 1) != request.month else { return nil }
        return "has closed \(closed.month) last: close the months between it and \(request.month) first"
    }

    /// Nothing is chained to a close that is not what was closed: its own hash would vouch for it.
    private func refuseForged(_ scope: StatementScope, _ session: Session) throws {
        let closed = scope.accounts.compactMap { subject in subject.closed.map { (subject.account, $0.month) } }
        let genuine = try session.query(
            """
            SELECT \(CloseLink.columns) FROM (\(MonthCloses.current)) AS c
            JOIN unnest($1::uuid[], $2::text[]) AS l (user_id, month)
                ON l.user_id = c.user_id AND l.month::date = c.month
            """,
            [.uuids(closed.map(\.0.userID)), .texts(closed.map(\.1.firstDay.description))]
        ).map(CloseLink.init).filter(\.isGenuine)
        let links = Set(genuine.map(\.userID))
        if let (account, month) = closed.first(where: { !links.contains($0.0.userID) }) {
            throw LedgerRefusal.forgedClose(month, slug: account.slug)
        }
    }

    /// What an account has closed already of the month or of later ones.
    private struct Standing {
        /// The revision that a close of the month is.
        var revision: Int64 = 1
        var hasLater = false
    }

    /// Those of all accounts at once, by their ids: nobody else closes or opens a month meanwhile.
    private func standings(_ session: Session) throws -> [String: Standing] {
        let rows = try session.query(
            """
            SELECT c.user_id::text AS user_id,
                (coalesce(max(c.revision) FILTER (WHERE c.month = $1), 0) + 1)::bigint AS revision,
                bool_or(c.month > $1 AND r.user_id IS NULL) AS has_later
            FROM daybook.month_close AS c
            LEFT JOIN daybook.month_reopen AS r
                ON r.user_id = c.user_id AND r.month = c.month AND r.revision = c.revision
            WHERE c.month >= $1
            GROUP BY c.user_id
            """, [.date(request.month.firstDay)])
        return try Dictionary(
            uniqueKeysWithValues: rows.map { row in
                let standing = Standing(revision: try row.int("revision"), hasLater: try row.bool("has_later"))
                return (try row.text("user_id"), standing)
            })
    }

    private func keep(
        _ statement: StatementRun.Statement, _ standing: Standing, at closedAt: Instant, staging: StagingFolder,
        session: Session
    ) throws -> Closed {
        let subject = statement.subject
        let manifest = statement.manifest
        let userID = subject.account.userID
        let rows = statement.rows.sorted { $0.id < $1.id }
        guard !standing.hasLater else {
            throw DaybookError.usage("\(subject.account.slug) has closed a later month than \(request.month) already.")
        }
        let revision = standing.revision
        try session.execute(
            """
            INSERT INTO daybook.month_close (
                user_id, month, revision, period_start, period_end, opening_balance, closing_balance, entry_ids,
                entry_credits, statement_sha256, previous_hash, hash, closed_by, closed_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, session_user, $13)
            """,
            [
                .uuid(userID), .date(request.month.firstDay), .int(revision), .instant(subject.period.start),
                .instant(subject.period.end), .int(manifest.openingBalance), .int(manifest.closingBalance),
                .ints(rows.map(\.id)), .ints(rows.map(\.credits)), .text(manifest.statementSha256),
                .text(manifest.chain.previous), .text(manifest.chain.hash), .instant(closedAt),
            ])
        let baseName = statement.outputs.baseName
        // Each file's foreign key looks its close up by a plan that is made when there are hardly any, and is kept: it
        // must not read all of them for each file of the last one.
        try session.executeScript("SET LOCAL enable_seqscan = off")
        for name in statement.outputs.files.map(\.name) + ["\(baseName)/manifest.json"] {
            let path = staging.file(name)
            guard let content = FileManager.default.contents(atPath: path) else {
                throw DaybookError(.failed, "The file \(name) of the statement went away while it was kept.")
            }
            // The database has it from now on. What cannot be removed goes with the folder.
            try? FileManager.default.removeItem(atPath: path)
            let bytes = Array(content)
            try session.execute(
                """
                INSERT INTO daybook.month_close_file (user_id, month, revision, name, sha256, content)
                VALUES ($1, $2, $3, $4, $5, $6)
                """,
                [
                    .uuid(userID), .date(request.month.firstDay), .int(revision), .text(name),
                    .text(FileDigest.of(bytes)), .bytes(bytes),
                ])
        }
        try session.executeScript("SET LOCAL enable_seqscan TO DEFAULT")
        return Closed(
            slug: subject.account.slug, opening: manifest.openingBalance, closing: manifest.closingBalance,
            hash: manifest.chain.hash, isWhole: statement.outcome.isWhole, isFinal: subject.scope.isFinal)
    }
}

/// Opens closed months again: the latest first, with a reason, for ever on record.
public struct MonthReopening: Sendable {
    private let month: Month
    private let account: String?
    private let reason: String

    public init(month: Month, account: String?, reason: String) {
        self.month = month
        self.account = account
        self.reason = reason
    }

    /// What a run came to.
    public struct Outcome: Sendable {
        /// The accounts whose month is open again.
        public let slugs: [String]
        /// The head of all closes, with these.
        public let head: ChainHead
    }

    /// Opens the month again.
    ///
    /// Throws `usage` where it is not closed, is not the last closed one, or no reason is given.
    public func run(_ connection: Connection) async throws -> Outcome {
        let connection = try await connection.direct(for: "The opening of a closed month")
        guard !reason.allSatisfy(\.isWhitespace), reason.count <= Limits.remarkLength else {
            throw LedgerRefusal.reopeningWithoutReason
        }
        return try await connection.transaction(MonthClosing.options) { session in
            try MonthClosing.prepare(session)
            let accounts = try Books(session: session, catalog: Catalog(session)).accounts()
            let chosen = try account.map { [try Account.named($0, among: accounts)] } ?? accounts
            let rows = try session.query(
                """
                SELECT c.user_id::text AS user_id, c.revision::bigint AS revision,
                    EXISTS (SELECT FROM (\(MonthCloses.current)) AS l WHERE l.user_id = c.user_id AND l.month > c.month)
                        AS has_later
                FROM (\(MonthCloses.current)) AS c
                WHERE c.month = $1 AND c.user_id = ANY ($2)
                """, [.date(month.firstDay), .uuids(chosen.map(\.userID))])
            guard !rows.isEmpty else { throw LedgerRefusal.notClosed(month) }
            let slugs = Dictionary(chosen.map { ($0.userID, $0.slug) }) { first, _ in first }
            let reopenedAt = try CloseRecords.nextInstant(session)
            let opened = try rows.map { row in
                let userID = try row.text("user_id")
                let slug = slugs[userID] ?? userID
                guard try !row.bool("has_later") else {
                    throw DaybookError.usage("\(slug) has closed a later month: open that one first.")
                }
                try session.execute(
                    """
                    INSERT INTO daybook.month_reopen (user_id, month, revision, reason, reopened_by, reopened_at)
                    VALUES ($1, $2, $3, $4, session_user, $5)
                    """,
                    [
                        .uuid(userID), .date(month.firstDay), .int(try row.int("revision")), .text(reason),
                        .instant(reopenedAt),
                    ])
                return slug
            }
            return Outcome(slugs: opened.inNaturalOrder { $0 }, head: try CloseRecords(session).head)
        }
    }
}
