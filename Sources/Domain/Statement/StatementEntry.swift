/// One row of the credit ledger, as a statement reads it.
public struct StatementEntry: Sendable, Hashable {
    public let id: Int64
    /// Nil where the row does not say when it was posted: it belongs to no month.
    public let postedAt: Instant?
    public let type: String
    /// The model that the row names, which is not to be trusted against the batch's tasks.
    public let model: String
    /// `permanent` or `bonus`: which credit it moved.
    public let bucket: String
    /// Signed: what the row adds to the balance.
    public let credits: Int64
    public let referenceType: String
    public let referenceID: String
    /// What a purchase cost; nil where the row does not say.
    public let price: Dollars?
    /// Why somebody adjusted it; empty where nobody said.
    public let reason: String

    /// A row that names no bucket moved bonus credit if it grants or expires it, else purchased credit.
    public init(
        id: Int64, postedAt: Instant?, type: String, model: String = "", bucket: String = "", credits: Int64,
        referenceType: String = "", referenceID: String = "", price: Dollars? = nil, reason: String = ""
    ) {
        self.id = id
        self.postedAt = postedAt
        self.type = type
        self.model = model
        let isGranted = type == "bonus_grant" || (type == "adjust" && referenceType == "bonus_expiry")
        self.bucket = bucket.isEmpty ? (isGranted ? "bonus" : "permanent") : bucket
        self.credits = credits
        self.referenceType = referenceType
        self.referenceID = referenceID
        self.price = price
        self.reason = reason
    }

    /// The line of the statement that the row belongs to.
    public var line: StatementLine {
        switch type {
        case "purchase": .purchases
        case "bonus_grant": .bonusGrants
        case "spend": .spent
        case "refund": .refunds
        default: isExpiry ? .expired : .adjustments
        }
    }

    /// True for a row that takes out bonus credit because it has expired.
    public var isExpiry: Bool { type == "adjust" && referenceType == "bonus_expiry" }
    /// True for a row of a batch's freeze.
    public var isFreeze: Bool { referenceType == "batch_upfront" }
    /// True for a row of a batch's refund.
    public var isRefund: Bool { referenceType == "batch_refund" }
    /// True for a row that spends credit for no batch: a video that was bought by itself.
    public var isSingleVideo: Bool { type == "spend" && !isFreeze && !isRefund }
    /// True for a refund that is no batch's and names what it gives back.
    public var isSingleReturn: Bool { type == "refund" && !isFreeze && !isRefund && !referenceID.isEmpty }
    /// The reference type of a row that stands for those of a whole month.
    public static let carriedForward = "carried_forward"
    /// True for a row that stands for those of a whole month.
    public var isCarriedForward: Bool { referenceType == Self.carriedForward }
    /// True for credit that was granted and may expire.
    public var isBonus: Bool { bucket == "bonus" }
}
