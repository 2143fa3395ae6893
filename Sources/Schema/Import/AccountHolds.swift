import Domain
import Postgres

/// The legal holds that accounts name themselves, and what becomes of them when a file is imported.
enum AccountHolds {
    private static let releasing = """
        daybook.account AS a JOIN pg_temp.incoming AS i ON i.user_id = a.user_id
        WHERE a.legal_hold <> '' AND coalesce(i.legal_hold, '') = ''
        """

    /// Writes down which holds the incoming accounts release, and why. Throws `usage` naming them where there is no
    /// reason: what is released can be purged the next night.
    static func release(because reason: String?, _ session: Session) throws {
        let slugs = try session.query("SELECT a.slug FROM \(releasing) ORDER BY a.slug COLLATE \"C\"").map {
            try $0.text("slug")
        }
        guard !slugs.isEmpty else { return }
        guard let reason, !reason.isEmpty else {
            throw DaybookError.usage(
                "The file would release the legal hold of \(slugs.joined(separator: ", ")), and a release needs a "
                    + "reason; nothing was imported. Name the matter in the column legal_hold, or say why: "
                    + "--release-holds REASON")
        }
        _ = try session.execute(
            """
            INSERT INTO daybook.legal_hold (scope, user_id, matter, requested_by, placed_at, released_at, released_by,
                release_reason)
            SELECT 'account', a.user_id, a.legal_hold, 'accounts.csv', a.imported_at, clock_timestamp(), session_user,
                $1
            FROM \(releasing)
            """, [.text(reason)])
    }
}
