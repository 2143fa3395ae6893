/// A purchase or a grant as a month moved it: what it held when the month began, and what is left at its end.
public struct StatementPackage: Sendable {
    /// Credits, and what they cost.
    public struct Amount: Sendable, Hashable {
        public let credits: Int64
        public let cost: Dollars

        static let zero = Amount(credits: 0, cost: .zero)

        public init(credits: Int64, cost: Dollars) {
            self.credits = credits
            self.cost = cost
        }

        static func - (left: Amount, right: Amount) -> Amount {
            Amount(credits: left.credits - right.credits, cost: Dollars(micros: left.cost.micros - right.cost.micros))
        }
    }

    /// The ledger row that brought the credit in.
    public let entry: Int64
    /// True for credit that costs nothing and may expire.
    public let isBonus: Bool
    /// True where the row is of this month.
    public let isNew: Bool
    /// What the row brought in, or what of it was left when the ledger was carried forward.
    public let brought: Amount
    public private(set) var opening: Amount
    public private(set) var closing: Amount

    /// Taken out in the month less what came back: below nothing where more came back, of batches of before. What
    /// expired and what was corrected is in it.
    public var used: Amount { (isNew ? brought : opening) - closing }
}

extension StatementPackage {
    /// Bonus credit that an application gave back as purchased credit: it cost nothing, and it never expires.
    public struct Returned: Sendable, Hashable {
        public internal(set) var opening: Int64 = 0
        public internal(set) var closing: Int64 = 0
        /// Taken out in the month less what came back.
        public var used: Int64 { opening - closing }
    }

    /// Tells apart what of the grants is bonus credit still, and what is purchased credit by now, so that the grants
    /// add up to the balance of bonus credit: credit goes back to the grant that it came from, but an application says
    /// with the row by which it comes back that it is purchased credit.
    ///
    /// - Parameter bonus: The balances of bonus credit when the month began and at its end.
    public static func parted(
        _ packages: [StatementPackage], bonus: (opening: Int64, closing: Int64)
    ) -> (packages: [StatementPackage], returned: Returned) {
        func surplus(_ credits: (StatementPackage) -> Int64, over balance: Int64) -> Int64 {
            max(packages.filter(\.isBonus).reduce(0) { $0 + credits($1) } - balance, 0)
        }
        var left = (
            opening: surplus(\.opening.credits, over: bonus.opening),
            closing: surplus(\.closing.credits, over: bonus.closing)
        )
        let returned = Returned(opening: left.opening, closing: left.closing)
        let parted = packages.compactMap { package -> StatementPackage? in
            guard package.isBonus else { return package }
            var own = package
            let (opening, closing) = (
                min(left.opening, own.opening.credits), min(left.closing, own.closing.credits)
            )
            left = (left.opening - opening, left.closing - closing)
            own.opening = Amount(credits: own.opening.credits - opening, cost: own.opening.cost)
            own.closing = Amount(credits: own.closing.credits - closing, cost: own.closing.cost)
            return own.isNew || own.opening.credits != 0 || own.closing.credits != 0 ? own : nil
        }
        return (parted, returned)
    }
}

extension CostBook {
    /// What one row of the ledger brought in, and what of it is left.
    public struct Holding: Sendable {
        /// The row.
        public let entry: Int64
        public let isBonus: Bool
        /// What the row brought in, or what of it was left when the ledger was carried forward.
        public let brought: StatementPackage.Amount
        public let left: StatementPackage.Amount
    }
}

extension StatementBook {
    /// The purchases and grants that held credit when the month began or that came in it, in the order in which their
    /// credit is spent. None of a plan whose amounts do not come from purchases.
    ///
    /// What was used up before the month, and got nothing back in it, is none of them. Call it once every row
    /// is posted: their credits left add up to the closing balance, as far as purchases and grants cover it.
    public var packages: [StatementPackage] {
        struct Place: Hashable {
            let entry: Int64
            let isBonus: Bool
        }
        func place(_ holding: CostBook.Holding) -> Place { Place(entry: holding.entry, isBonus: holding.isBonus) }
        let before = Dictionary((opening ?? costs.holdings).map { (place($0), $0.left) }) { first, _ in first }
        return costs.holdings.compactMap { holding in
            let opening = before[place(holding)]
            guard opening?.credits != 0 || holding.left.credits != 0 else { return nil }
            return StatementPackage(
                entry: holding.entry, isBonus: holding.isBonus, isNew: opening == nil, brought: holding.brought,
                opening: opening ?? .zero, closing: holding.left)
        }
    }
}
