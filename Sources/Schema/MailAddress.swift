package import Domain
package import Postgres

/// Where an account's mail goes: to the address of its owner.
package enum MailAddress {
    /// Empty where the deployment has none.
    package static func of(_ account: Account, _ session: Session, _ catalog: Catalog) throws -> String {
        let users = KnownTable.deployment.first { $0.name == "users" }
        guard let users, catalog.has(users) else { return "" }
        let rows = try session.query(
            "WITH users AS (\(catalog.select(users))) SELECT email FROM users WHERE id = $1", [.uuid(account.userID)])
        return try rows.first?.optionalText("email") ?? ""
    }
}
