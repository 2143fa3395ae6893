import Domain
import Postgres

/// The slugs of a file of accounts: one a customer, and none that something was kept under for somebody else.
enum AccountSlugs {
    /// Refuses slugs that other accounts have and keep, before anything is written: naming each, and whose it is.
    static func requireFree(_ session: Session) throws {
        let taken = try session.query(
            """
            SELECT i.slug, a.user_id::text AS owner, i.user_id::text AS wanted_by
            FROM pg_temp.incoming AS i JOIN daybook.account AS a ON a.slug = i.slug AND a.user_id <> i.user_id
            WHERE NOT EXISTS (SELECT FROM pg_temp.incoming AS o WHERE o.user_id = a.user_id AND o.slug <> a.slug)
            ORDER BY i.slug COLLATE "C"
            """)
        guard let first = taken.first else { return }
        let others = taken.dropFirst().prefix(Limits.importErrorsShown - 1).map { "\((try? $0.text("slug")) ?? "")" }
        throw DaybookError.badData(
            "The file was not imported: the slug \(try first.text("slug")) is that of the account of "
                + "\(try first.text("owner")), and cannot be that of \(try first.text("wanted_by")) as well"
                + (others.isEmpty ? "" : " (so it is with \(others.joined(separator: ", ")))")
                + "; give each account a slug of its own, or rename the other one in the same file.")
    }

    /// What the database refuses about slugs, as sentences.
    static func refusing<Result>(_ write: () throws -> Result) throws -> Result {
        do {
            return try write()
        } catch let error as PostgresError where error.sqlState?.rawValue == "DB409" {
            throw DaybookError.badData(
                "The file was not imported: \(error.message ?? error.sentence). Choose a slug that nobody has had.")
        } catch let error as PostgresError where error.constraint == "account_slug_unique" {
            // Whoever writes accounts without the import does not wait for it.
            throw DaybookError.badData(
                "The file was not imported: another account was just given a slug of the file; give each account its "
                    + "own, and see: daybook accounts list")
        }
    }
}
