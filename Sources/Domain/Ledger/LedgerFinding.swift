/// The ways in which the books of a service can be broken.
public enum LedgerFinding: String, Sendable, CaseIterable {
    case batchCountsDisagree = "batch_counts_disagree"
    case closedMonthsDisagree = "closed_months_disagree"
    case completedBeforeCreated = "completed_before_created"
    case doubleRefund = "double_refund"
    case duplicateRequestID = "duplicate_request_id"
    case expiredBonusNotSwept = "expired_bonus_not_swept"
    case freezeDisagrees = "freeze_disagrees"
    case lateRefund = "late_refund"
    case ledgerModelDisagrees = "ledger_model_disagrees"
    case ledgerWithoutBatch = "ledger_without_batch"
    case missingRefund = "missing_refund"
    case negativeBalance = "negative_balance"
    case overRefund = "over_refund"
    case refundBookedAsPurchase = "refund_booked_as_purchase"
    case refundWithoutCharge = "refund_without_charge"
    case shortRefund = "short_refund"
    case spentDisagrees = "spent_disagrees"
    case stuckBatch = "stuck_batch"
    case walletDrift = "wallet_drift"

    /// What to do about it, in one sentence.
    public var advice: String {
        switch self {
        case .batchCountsDisagree: "Count from the tasks; correct the batch's counters, which no figure uses."
        case .closedMonthsDisagree: "Reopen the later month and close it again: it begins where the other ended."
        case .completedBeforeCreated: "Compare the clocks of the servers; the task is excluded from completion times."
        case .doubleRefund: "Take the excess back with an adjustment that names the batch, or waive it in writing."
        case .duplicateRequestID: "Refund the second batch: one request must never be charged twice."
        case .expiredBonusNotSwept: "Book the expiry as an adjustment (bonus_expiry) and empty the wallet's bonus."
        case .freezeDisagrees: "Find the freeze row that is missing or too much; refund what was frozen twice."
        case .lateRefund: "Nothing to book; it counts against the refund promise of its month."
        case .ledgerModelDisagrees: "Nothing to book; statements take the model from the tasks."
        case .ledgerWithoutBatch: "Find out what was charged; without a batch it has to be given back."
        case .missingRefund: "Refund what is owed for the tasks that did not succeed."
        case .negativeBalance: "Find the charge that went through without credit; top up or adjust."
        case .overRefund: "Take the excess back with an adjustment that names the batch, or waive it in writing."
        case .refundBookedAsPurchase: "Rebook: an adjustment against the purchase, and the refund as a refund."
        case .refundWithoutCharge: "Find what it gives back; take back by an adjustment what nobody had paid."
        case .shortRefund: "Refund the rest."
        case .spentDisagrees: "Count from the tasks; correct the batch's credits_spent."
        case .stuckBatch: "Settle the batch: finalize_batch_credits gives back what it does not need."
        case .walletDrift: "Find who wrote the wallet without the ledger; book the difference as an adjustment."
        }
    }
}
