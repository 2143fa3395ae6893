import Domain
import Postgres

/// The slugs of a file of accounts: one a customer, and none that something was kept under for somebody else.
enum AccountSlugs {
    /// What the database refuses about slugs, as sentences.
    static func refusing<Result>(_ write: () throws -> Result) throws -> Result {
        do {
            return try write()
        } catch let error as PostgresError where error.sqlState?.rawValue == "DB409" {
            throw DaybookError.badData(
                "The file was not imported: \(error.message ?? error.sentence). Choose a slug that nobody has had.")
        } catch let error as PostgresError where error.constraint == "account_slug_unique" {
            throw DaybookError.badData(
                "The file was not imported: another account has a slug of the file (\(error.detail ?? "")); give each "
                    + "account its own, and see: daybook accounts list")
        }
    }
}
