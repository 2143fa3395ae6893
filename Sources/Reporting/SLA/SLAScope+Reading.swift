import Domain
import Postgres
import Schema

extension SLAScope {
    /// Settles a request against the database's snapshot.
    ///
    /// Throws `usage` for a month that has not begun, a cutoff after the snapshot or an unknown account.
    init(_ request: SLARequest, session: Session, catalog: Catalog, shippedProfile: [UInt8]) throws {
        let books = Books(session: session, catalog: catalog)
        var accounts = try books.accounts()
        let onlyAccount = try request.account.map { try Self.account($0, among: accounts) }
        if let onlyAccount { accounts = [onlyAccount] }
        let contracts = try Self.contracts(for: accounts, books: books, shippedProfile: shippedProfile)
        let timeZone = onlyAccount?.timeZone ?? contracts[0].profile.timeZone

        let months = (0..<Limits.trendMonths).reversed().compactMap { request.month.adding(months: -$0) }
        let periods = try LocalMonths(session).periods(of: months.map { ($0, timeZone) })
        let grace = (contracts.map(\.profile.longestLimitSeconds).max() ?? 0) + Limits.finalityGraceHours * 3600
        let snapshotAt = try Self.snapshotInstant(session)
        guard let period = periods.last, period.start < snapshotAt else {
            throw DaybookError.usage("The month \(request.month) has not begun in \(timeZone); choose an earlier one.")
        }
        try CarriedLedger.refuse(
            "The SLA report of \(request.month)", from: period.start,
            cutoff: CarriedLedger.cutoff(session, catalog: catalog))
        if let cutoff = request.cutoff, cutoff > snapshotAt {
            throw DaybookError.usage("The cutoff \(cutoff) lies after the database's now, \(snapshotAt).")
        }
        if let cutoff = request.cutoff, cutoff < period.start {
            throw DaybookError.usage("The cutoff \(cutoff) lies before the month, which starts at \(period.start).")
        }
        let finalityAt = period.end.adding(seconds: grace)
        let cutoff = request.cutoff ?? min(snapshotAt, finalityAt)
        let ownPeriods = try LocalMonths(session).periods(of: accounts.map { (request.month, $0.timeZone) })
        self.init(
            request: request, accounts: accounts, onlyAccount: onlyAccount, contracts: contracts, timeZone: timeZone,
            snapshotAt: snapshotAt, current: JudgedMonth(month: request.month, period: period, cutoff: cutoff),
            finalityAt: finalityAt,
            earlier: zip(months, periods).dropLast().map { month, period in
                JudgedMonth(month: month, period: period, cutoff: min(period.end.adding(seconds: grace), cutoff))
            },
            ownPeriods: Dictionary(uniqueKeysWithValues: zip(accounts.map(\.slug), ownPeriods)))
    }

    /// On a standby the snapshot is what was replayed, however late it is.
    static func snapshotInstant(_ session: Session) throws -> Instant {
        let rows = try session.query(
            """
            SELECT CASE WHEN pg_is_in_recovery()
                THEN least(transaction_timestamp(), coalesce(pg_last_xact_replay_timestamp(), transaction_timestamp()))
                ELSE transaction_timestamp() END AS snapshot_at
            """)
        return try rows[0].instant("snapshot_at")
    }

    static func account(_ slug: String, among accounts: [Account]) throws -> Account {
        if let account = accounts.first(where: { $0.slug == slug }) { return account }
        let known = accounts.isEmpty ? "none is imported" : "see: daybook accounts list"
        throw DaybookError.usage("There is no account \"\(slug)\" (\(known)).")
    }

    /// The standard profile first, then every other one that an account names.
    static func contracts(
        for accounts: [Account], books: Books, shippedProfile: [UInt8]
    ) throws -> [Contract] {
        var documents = try books.latestProfiles()
        if documents["standard"] == nil {
            documents["standard"] = String(decoding: shippedProfile, as: UTF8.self)
        }
        let others = Set(accounts.map(\.profileName)).subtracting(["standard"]).sorted()
        return try (["standard"] + others).map { name in
            guard let document = documents[name] else {
                throw DaybookError.badData(
                    "An account names the contract profile \"\(name)\", which is not there; "
                        + "import it with: daybook profiles import FILE")
            }
            return Contract(profile: try ContractProfile(json: Array(document.utf8)), sha256: Books.digest(document))
        }
    }
}
