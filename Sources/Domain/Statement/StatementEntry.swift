import Formats

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

/// What a ledger row moves: all that balances, batches and the cost of the credits need of it.
public struct Movement: Sendable, Hashable {
    /// What of a batch the row is of.
    public enum Reference: Int64, Sendable, Hashable {
        /// Of none.
        case none = 0
        case refund = 1
        case freeze = 2
        /// Of none, and a video that was bought by itself: spent, or given back.
        case single = 3
    }

    /// The row's id.
    public let entry: Int64
    public let postedAt: Instant?
    public let reference: Reference
    /// True for a purchase: credit that has a price.
    public let isPurchase: Bool
    /// True for credit that was granted and may expire.
    public let isBonus: Bool
    /// True for a row that stands for those of a whole month.
    public let isCarriedForward: Bool
    /// Signed: what the row adds to the balance.
    public let credits: Int64
    /// Of a freeze or a refund, and what a single video's rows have in common; else nil.
    public let batch: BatchReference?
    /// The model of its batch, or what the row says of it.
    public var model: String
    /// What a purchase cost; nil where the row does not say.
    public let price: Dollars?

    public init(
        entry: Int64, postedAt: Instant?, reference: Reference, isPurchase: Bool, isBonus: Bool,
        isCarriedForward: Bool = false, credits: Int64, batch: BatchReference? = nil, model: String = "",
        price: Dollars? = nil
    ) {
        self.entry = entry
        self.postedAt = postedAt
        self.reference = reference
        self.isPurchase = isPurchase
        self.isBonus = isBonus
        self.isCarriedForward = isCarriedForward
        self.credits = credits
        self.batch = batch
        self.model = model
        self.price = price
    }
}

extension StatementEntry {
    /// What the row moves. `model` is that of its batch.
    public func movement(model: String) -> Movement {
        movement(model: model, batch: isFreeze || isRefund ? BatchReference(referenceID) : nil)
    }

    /// What the rows of a single video have in common: its reference, and of a row without one the row itself.
    public var singleReference: BatchReference {
        BatchReference(single: referenceID.isEmpty ? "entry \(id)" : referenceID)
    }

    /// The same for whoever knows the reference already: nil unless the row is of a freeze or a refund.
    func movement(model: String, batch: BatchReference?) -> Movement {
        let isSingle = isSingleVideo || isSingleReturn
        return Movement(
            entry: id, postedAt: postedAt,
            reference: isFreeze ? .freeze : isRefund ? .refund : isSingle ? .single : .none,
            isPurchase: type == "purchase", isBonus: isBonus, isCarriedForward: isCarriedForward, credits: credits,
            batch: isSingle ? singleReference : batch, model: model, price: price)
    }
}

/// What a ledger row calls its batch. Nearly all are UUIDs in their canonical form, which is kept as 16 bytes: a ledger
/// has millions of them.
public struct BatchReference: Sendable, Hashable {
    private enum Form: Sendable, Hashable {
        case uuid(high: UInt64, low: UInt64)
        case text(String)
        case single(String)
    }

    private let form: Form

    public init(_ text: String) {
        var text = text
        let numbers = text.withUTF8 { Self.numbers(UnsafeRawBufferPointer($0)) }
        form = numbers.map { .uuid(high: $0, low: $1) } ?? .text(text)
    }

    /// What the rows of a video that was bought by itself have in common: never a batch's.
    public init(single reference: String) { form = .single(reference) }

    /// Nil unless the bytes are the canonical text of a UUID: lower-case digits, with hyphens.
    public init?(canonicalUUID bytes: UnsafeRawBufferPointer) {
        guard let (high, low) = Self.numbers(bytes) else { return nil }
        form = .uuid(high: high, low: low)
    }

    public var text: String {
        switch form {
        case .text(let text): return text
        case .single(let reference): return "single video \(reference)"
        case .uuid(let high, let low):
            let bytes = [high, low].flatMap { withUnsafeBytes(of: $0.bigEndian, Array.init) }
            let digits = Array(Hexadecimal.text(bytes).utf8)
            let groups = [digits[..<8], digits[8..<12], digits[12..<16], digits[16..<20], digits[20...]]
            return String(decoding: Array(groups.joined(separator: [UInt8(ascii: "-")])), as: UTF8.self)
        }
    }

    private static func numbers(_ bytes: UnsafeRawBufferPointer) -> (UInt64, UInt64)? {
        let hyphen = UInt8(ascii: "-")
        guard bytes.count == 36, bytes[8] == hyphen, bytes[13] == hyphen, bytes[18] == hyphen, bytes[23] == hyphen,
            let a = number(bytes, 0..<8), let b = number(bytes, 9..<13), let c = number(bytes, 14..<18),
            let d = number(bytes, 19..<23), let e = number(bytes, 24..<36)
        else { return nil }
        return (a << 32 | b << 16 | c, d << 48 | e)
    }

    /// The value of lower-case hexadecimal digits.
    private static func number(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> UInt64? {
        var number: UInt64 = 0
        for index in range {
            let byte = bytes[index]
            let isDigit = byte &- UInt8(ascii: "0") < 10
            guard isDigit || byte &- UInt8(ascii: "a") < 6 else { return nil }
            number = number << 4 | UInt64(isDigit ? byte &- UInt8(ascii: "0") : byte &- UInt8(ascii: "a") &+ 10)
        }
        return number
    }
}
