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
}
