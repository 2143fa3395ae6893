public import Domain
public import Postgres

/// What is known of ledger rows that were carried forward: up to which instant, and what the credits cost there.
public struct CarriedLedger: Sendable {
    /// Rows before it may have been replaced by balances of whole months.
    public let cutoff: Instant
    private let states: [String: CarriedCosts]

    /// What the credits of an owner cost at the cutoff.
    public func costBook(of userID: String) -> CostBook { CostBook(states[userID] ?? CarriedCosts(), cutoff: cutoff) }

    /// The owners that have any.
    public var owners: Set<String> { Set(states.keys) }

    /// Reads what was carried forward of some owners, or of all; nil where nothing was.
    public init?(_ session: Session, catalog: Catalog, owners: [String]? = nil) throws {
        guard let cutoff = try Self.cutoff(session, catalog: catalog) else { return nil }
        self.cutoff = cutoff
        var states: [String: CarriedCosts] = [:]
        let wanted = owners.map(Value.uuids) ?? .null
        try session.forEachRow(
            """
            SELECT user_id::text, bucket, entry_id, credits, (cost_usd * 1000000)::bigint FROM daybook.carried_lot
            WHERE $1::uuid[] IS NULL OR user_id = ANY ($1) ORDER BY user_id, position
            """, [wanted]
        ) { row in
            states[try row.text(0), default: CarriedCosts()].lots.append(
                CarriedCosts.Lot(
                    bucket: try row.text(1), entry: try row.int(2), credits: try row.int(3),
                    cost: Dollars(micros: try row.int(4))))
        }
        try session.forEachRow(
            """
            SELECT user_id::text, batch_id, position::bigint, model, credits, (cost_usd * 1000000)::bigint, kept,
                (kept_cost_usd * 1000000)::bigint
            FROM daybook.carried_draw WHERE $1::uuid[] IS NULL OR user_id = ANY ($1) ORDER BY user_id, draw_no
            """, [wanted]
        ) { row in
            states[try row.text(0), default: CarriedCosts()].draws.append(
                CarriedCosts.Draw(
                    batch: try row.text(1), lot: try row.optionalInt(2).map(Int.init), model: try row.text(3),
                    credits: try row.int(4), cost: Dollars(micros: try row.int(5)), kept: try row.int(6),
                    keptCost: Dollars(micros: try row.int(7))))
        }
        try session.forEachRow(
            """
            SELECT user_id::text, credits FROM daybook.carried_shortfall WHERE $1::uuid[] IS NULL OR user_id = ANY ($1)
            """, [wanted]
        ) { states[try $0.text(0), default: CarriedCosts()].uncovered = try $0.int(1) }
        self.states = states
    }

    /// The instant up to which rows were carried forward; nil where none were.
    public static func cutoff(_ session: Session, catalog: Catalog) throws -> Instant? {
        guard catalog.has(.ledgerCarry) else { return nil }
        // Only a ledger in months was ever carried forward: where it is not, a role needs no right to look.
        let kind = try session.query(
            "SELECT relkind = 'p' AS is_divided FROM pg_class WHERE oid = to_regclass('public.credit_ledger')")
        guard try kind.first?.bool("is_divided") ?? false else { return nil }
        return try session.query("SELECT max(cutoff) AS cutoff FROM daybook.ledger_carry WHERE state = 'done'")[0]
            .optionalInstant("cutoff")
    }

    /// Refuses to work out again what rows before the cutoff said.
    ///
    /// - Parameter what: Such as `The statement of 2014-03`.
    package static func refuse(_ what: String, from start: Instant, cutoff: Instant?) throws {
        guard let cutoff, start < cutoff else { return }
        throw DaybookError.usage(
            "\(what) cannot be made again: the ledger rows before \(cutoff) were carried forward as balances.",
            .readWhatWasClosed)
    }
}
