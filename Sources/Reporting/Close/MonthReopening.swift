public import Domain
public import Postgres
import Schema

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
            throw DaybookError.usage("Say in --reason, in at most \(Limits.remarkLength) characters, why it is opened.")
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
            guard !rows.isEmpty else {
                throw DaybookError.usage("The month \(month) is not closed; see: daybook close list")
            }
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
            return Outcome(slugs: opened.sorted(), head: try CloseRecords(session).head)
        }
    }
}
