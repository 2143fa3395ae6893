/// What one freeze took from one lot for one model, and what came back of it.
public struct Draw: Sendable, Hashable {
    public let lotID: Int64
    public let model: VideoModel
    /// Credits taken.
    public let credits: Int64
    /// What those credits cost.
    public let cost: Dollars
    /// Credits given back so far.
    public var returned: Int64 = 0
    /// The cost that went back with them.
    public var returnedCost: Dollars = .zero

    public init(lotID: Int64, model: VideoModel, credits: Int64, cost: Dollars) {
        self.lotID = lotID
        self.model = model
        self.credits = credits
        self.cost = cost
    }

    /// Credits that have not come back.
    public var kept: Int64 { credits - returned }
    /// The cost of those credits.
    public var keptCost: Dollars { Dollars(micros: cost.micros - returnedCost.micros) }
}

extension Dollars {
    /// The cost of `part` of `whole` credits that cost this much together, rounded down to a millionth of a dollar.
    ///
    /// Costs of draws add up to the lot's when it is empty, because the rest of the cost stays with the rest of the
    /// credits. Precondition: 0 ≤ part ≤ whole, and the amount is not negative.
    public func share(of part: Int64, in whole: Int64) -> Dollars {
        precondition(micros >= 0 && 0 <= part && part <= whole, "a share is a part of what there is")
        guard whole > 0 else { return .zero }
        return Dollars(micros: whole.dividingFullWidth(micros.multipliedFullWidth(by: part)).quotient)
    }
}
