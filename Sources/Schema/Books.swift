import Codecs
public import Domain
public import Postgres

/// Reads Daybook's own books: accounts and contract profiles. A database without them reads as empty.
public struct Books {
    private let session: Session
    private let catalog: Catalog

    public init(session: Session, catalog: Catalog) {
        self.session = session
        self.catalog = catalog
    }

    /// Every account under the terms that are in force now, ordered by its slug.
    public func accounts() throws -> [Account] {
        // A database that was not migrated since has no terms but those of the account itself.
        let rows = try session.query(
            """
            WITH account AS (\(select("account"))), account_terms AS (\(select("account_terms"))), term AS (
                SELECT user_id, from_month, plan, time_zone, monthly_fee_usd, contract_profile FROM account_terms
                UNION ALL
                SELECT user_id, '0001-01-01', plan, time_zone, monthly_fee_usd, contract_profile FROM account AS a
                WHERE NOT EXISTS (SELECT FROM account_terms AS t WHERE t.user_id = a.user_id)
            )
            SELECT a.user_id::text AS user_id, a.slug, a.name, a.retention_days::bigint AS retention_days, a.legal_hold,
                t.from_month, t.plan, t.time_zone, trunc(t.monthly_fee_usd * 1000000)::bigint AS monthly_fee_micros,
                t.contract_profile, coalesce(a.billing_name, '') AS billing_name,
                coalesce(a.billing_address, '') AS billing_address, coalesce(a.vat_id, '') AS vat_id,
                coalesce(a.billing_email, '') AS billing_email, coalesce(a.cc, '') AS cc,
                coalesce(a.reference, '') AS reference,
                t.from_month::timestamp AT TIME ZONE t.time_zone <= transaction_timestamp() AS has_begun
            FROM account AS a JOIN term AS t ON t.user_id = a.user_id
            ORDER BY a.user_id, t.from_month
            """)
        var accounts: [Account] = []
        for row in rows {
            let userID = try row.text("user_id")
            let earlier = accounts.last?.userID == userID ? accounts.removeLast() : nil
            let history = try (earlier?.history ?? []) + [Self.terms(row)]
            let hasBegun = try row.bool("has_begun")
            accounts.append(
                Account(
                    userID: userID, slug: try row.text("slug"), name: try row.text("name"),
                    retentionDays: try row.int("retention_days"), legalHold: try row.optionalText("legal_hold"),
                    billing: try Self.billing(row), history: history,
                    current: hasBegun ? history.count - 1 : history.lastIndex { $0 == earlier?.terms } ?? 0))
        }
        return accounts.inNaturalOrder(of: \.slug)
    }

    private static func billing(_ row: Row) throws -> AccountBilling {
        var billing = AccountBilling()
        billing.name = try row.text("billing_name")
        billing.addressLines = try row.text("billing_address").split(whereSeparator: \.isNewline).map(String.init)
        billing.vatID = try row.text("vat_id")
        billing.email = try row.text("billing_email")
        billing.copies = try row.text("cc").split(separator: " ").map(String.init)
        billing.reference = try row.text("reference")
        return billing
    }

    private static func terms(_ row: Row) throws -> AccountTerms {
        let from = try row.date("from_month").components
        return AccountTerms(
            firstMonth: Month(year: from.year, number: from.month),
            plan: Account.Plan(rawValue: try row.text("plan")) ?? .payAsYouGo, timeZone: try row.text("time_zone"),
            monthlyFee: Dollars(micros: try row.int("monthly_fee_micros")),
            profileName: try row.text("contract_profile"))
    }

    /// The document of the newest version of every contract profile, by name.
    public func latestProfiles() throws -> [String: String] {
        try Dictionary(profiles().map { ($0.name, $0.document) }) { _, newer in newer }
    }

    /// Every version of every contract profile, by name and version, with the instant of its import.
    public func profiles() throws -> [(name: String, version: Int64, document: String, importedAt: Instant)] {
        let rows = try session.query(
            """
            WITH contract_profile AS (\(select("contract_profile")))
            SELECT name, version, document, imported_at FROM contract_profile ORDER BY name COLLATE "C", version
            """)
        return try rows.map { row in
            (
                try row.text("name"), try row.int("version"), try row.text("document"),
                try row.optionalInstant("imported_at") ?? .distantPast
            )
        }
    }

    /// SHA-256 of a profile's document.
    public static func digest(_ document: String) -> String { SHA256Digest.hex(document) }

    private func select(_ name: String) -> String {
        guard let table = KnownTable.own.first(where: { $0.name == name }) else {
            preconditionFailure("\(name) is one of Daybook's tables")
        }
        return catalog.select(table)
    }

    /// Records a new version of a contract profile, from its document.
    ///
    /// Throws `badData` if the profile is refused, or if its version is there already with other contents.
    /// True if it was new.
    public static func add(profile document: [UInt8], _ session: Session) throws -> (ContractProfile, isNew: Bool) {
        let profile = try ContractProfile(json: document)
        let zones = try TimeZoneNames(session)
        guard zones.contains(profile.timeZone) else {
            throw DaybookError.badData(
                "The contract profile names the time zone \"\(profile.timeZone)\", which the database does not know.")
        }
        let text = String(decoding: document, as: UTF8.self)
        let known = try session.query(
            "SELECT sha256 FROM daybook.contract_profile WHERE name = $1 AND version = $2",
            [.text(profile.name), .int(profile.version)])
        if let row = known.first {
            guard try row.text("sha256") == digest(text) else {
                throw DaybookError.badData(
                    "Version \(profile.version) of the profile \"\(profile.name)\" is there with other contents; "
                        + "give the change a new version.")
            }
            return (profile, false)
        }
        _ = try session.execute(
            "INSERT INTO daybook.contract_profile (name, version, document, sha256) VALUES ($1, $2, $3, $4)",
            [.text(profile.name), .int(profile.version), .text(text), .text(digest(text))])
        return (profile, true)
    }
}

extension AccountNames {
    /// The accounts of a database, in the session's transaction; none where there is no schema of ours.
    public init(_ session: Session) throws {
        let known = try session.query("SELECT to_regclass('daybook.account') IS NOT NULL AS exists")
        guard try known[0].bool("exists") else {
            self.init([])
            return
        }
        let rows = try session.query("SELECT user_id, slug, name FROM daybook.account ORDER BY user_id")
        self.init(
            try rows.map {
                Entry(userID: try $0.uuid("user_id"), slug: try $0.text("slug"), name: try $0.text("name"))
            }.inNaturalOrder(of: \.slug))
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
        guard let row = rows.first else { throw try AccountNames(session).unknown(slug) }
        return try row.uuid("user_id")
    }
}

/// Where an account's mail goes: to the address for its bills, else to that of its owner.
package enum MailAddress {
    /// Empty where the deployment has none.
    package static func of(_ account: Account, _ session: Session, _ catalog: Catalog) throws -> String {
        guard account.billing.email.isEmpty else { return account.billing.email }
        let users = KnownTable.deployment.first { $0.name == "users" }
        guard let users, catalog.has(users) else { return "" }
        let rows = try session.query(
            "WITH users AS (\(catalog.select(users))) SELECT email FROM users WHERE id = $1", [.uuid(account.userID)])
        return try rows.first?.optionalText("email") ?? ""
    }

    /// Those of several accounts, by the owner's id, as far as there are any.
    package static func of(_ accounts: [Account], _ session: Session, _ catalog: Catalog) throws -> [String: String] {
        var addresses: [String: String] = [:]
        for account in accounts where !account.billing.email.isEmpty {
            addresses[account.userID] = account.billing.email
        }
        let users = KnownTable.deployment.first { $0.name == "users" }
        guard let users, catalog.has(users) else { return addresses }
        let rows = try session.query(
            "WITH users AS (\(catalog.select(users))) SELECT id::text AS id, email FROM users WHERE id = ANY ($1)",
            [.uuids(accounts.map(\.userID).filter { addresses[$0] == nil })])
        return try rows.reduce(into: addresses) { $0[try $1.text("id")] = try $1.optionalText("email") }
    }
}
