import Domain
import Postgres

/// The legal holds that accounts name themselves, and what becomes of them when a file is imported: they move through
/// functions that write down who and why, never by an update.
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
        _ = try session.query(
            "SELECT daybook.release_account_hold(a.user_id, $1) FROM \(releasing)", [.text(reason)])
    }

    /// Holds the accounts for the matters that the file names, once they are there.
    static func place(_ session: Session) throws {
        _ = try session.query(
            """
            SELECT daybook.place_account_hold(i.user_id, i.legal_hold)::text
            FROM pg_temp.incoming AS i JOIN daybook.account AS a ON a.user_id = i.user_id
            WHERE i.legal_hold <> '' AND i.legal_hold IS DISTINCT FROM a.legal_hold
            """)
    }
}
