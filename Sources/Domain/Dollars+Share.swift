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
