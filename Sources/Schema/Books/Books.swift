import Digests
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

    /// Every account, ordered by its slug.
    public func accounts() throws -> [Account] {
        let rows = try session.query(
            """
            WITH account AS (\(select("account")))
            SELECT user_id::text AS user_id, slug, name, plan, time_zone, retention_days::bigint AS retention_days,
                trunc(monthly_fee_usd * 1000000)::bigint AS monthly_fee_micros, legal_hold, contract_profile
            FROM account ORDER BY slug COLLATE "C"
            """)
        return try rows.map { row in
            Account(
                userID: try row.text("user_id"), slug: try row.text("slug"), name: try row.text("name"),
                plan: Account.Plan(rawValue: try row.text("plan")) ?? .payAsYouGo,
                timeZone: try row.text("time_zone"), retentionDays: try row.int("retention_days"),
                monthlyFee: Dollars(micros: try row.int("monthly_fee_micros")),
                legalHold: try row.optionalText("legal_hold"), profileName: try row.text("contract_profile"))
        }
    }

    /// The document of the newest version of every contract profile, by name.
    public func latestProfiles() throws -> [String: String] {
        let rows = try session.query(
            """
            WITH contract_profile AS (\(select("contract_profile")))
            SELECT DISTINCT ON (name COLLATE "C") name, document FROM contract_profile
            ORDER BY name COLLATE "C", version DESC
            """)
        var documents: [String: String] = [:]
        for row in rows { try documents[row.text("name")] = row.text("document") }
        return documents
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
