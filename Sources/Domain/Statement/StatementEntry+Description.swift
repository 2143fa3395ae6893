extension StatementEntry {
    /// What the row is, in the words of a finance department.
    public func description(model: String) -> String {
        switch line {
        case .purchases: return purchaseDescription
        case .bonusGrants: return "Bonus credits granted"
        case .spent: return isFreeze ? "Frozen for a batch\(of(model))" : "Credits spent\(of(model))"
        case .refunds: return isRefund ? "Refunded from a batch\(of(model))" : "Credits refunded\(of(model))"
        case .expired: return "Bonus credits expired"
        default:
            if isCarriedForward { return "Carried forward from the entries of \(referenceID)" }
            return "Adjustment" + (reason.isEmpty ? "" : ": \(reason)")
        }
    }

    private var purchaseDescription: String {
        guard credits > 0 else { return "Purchase taken back" }
        if let price { return "Credits purchased for \(GroupedNumber.text(price))" }
        let list = GroupedNumber.text(PriceList.price(ofCredits: credits))
        return "Credits purchased, no price recorded: valued at list, \(list)"
    }

    private func of(_ model: String) -> String { model.isEmpty ? "" : ", \(model)" }
}
