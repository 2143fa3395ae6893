public import Domain
public import Postgres

extension AccountNames {
    /// The accounts of a database, in the session's transaction; none where there is no schema of ours.
    public init(_ session: Session) throws {
        let known = try session.query("SELECT to_regclass('daybook.account') IS NOT NULL AS exists")
        guard try known[0].bool("exists") else {
            self.init([])
            return
        }
        let rows = try session.query(
            "SELECT user_id, slug, name FROM daybook.account ORDER BY slug COLLATE \"C\", user_id")
        self.init(
            try rows.map {
                Entry(userID: try $0.uuid("user_id"), slug: try $0.text("slug"), name: try $0.text("name"))
            })
    }

    /// The owner of a slug that an account has or had: the account that has it now, else the one that had it last.
    ///
    /// Throws `usage` where nobody has or had it.
    public static func userID(everCalled slug: String, _ session: Session) throws -> String {
        let rows = try session.query(
            """
            SELECT user_id FROM (
                SELECT user_id, 0 AS turn, NULL::timestamptz AS since FROM daybook.account WHERE slug = $1
                UNION ALL
                SELECT user_id, 1, since FROM daybook.account_slug WHERE slug = $1
            ) AS named ORDER BY turn, since DESC, user_id LIMIT 1
            """, [.text(slug)])
        guard let row = rows.first else { throw DaybookError.usage(try AccountNames(session).unknown(slug)) }
        return try row.uuid("user_id")
    }
}
