internal import Domain
internal import Postgres
internal import Schema

/// Who is meant by the name of an account.
enum AccountName {
    /// The owner of a slug: the account that has it now, else the one that had it last.
    ///
    /// Throws `usage` where nobody has or had it.
    static func userID(_ slug: String, _ session: Session) throws -> String {
        let rows = try session.query(
            """
            SELECT user_id FROM (
                SELECT user_id, 0 AS turn, NULL::timestamptz AS since FROM daybook.account WHERE slug = $1
                UNION ALL
                SELECT user_id, 1, since FROM daybook.account_slug WHERE slug = $1
            ) AS named ORDER BY turn, since DESC, user_id LIMIT 1
            """, [.text(slug)])
        guard let row = rows.first else {
            throw DaybookError.usage(try AccountNames(session).unknown(slug))
        }
        return try row.uuid("user_id")
    }
}
