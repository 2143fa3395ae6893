import Documents
import Domain

/// One charge as FOCUS 1.2 writes it, the FinOps specification of data on cost and usage.
///
/// Amounts are in millionths of a dollar, since a price times its quantity has to be the cost.
struct FocusRow {
    enum Category: String {
        case usage = "Usage"
        case purchase = "Purchase"
        case credit = "Credit"
        case adjustment = "Adjustment"
    }

    /// How much was priced, in what, and at what prices: nothing of it where only an amount is known.
    struct Pricing {
        let quantity: Int64
        let unit: String
        let listCost: Dollars
    }

    /// In which currency the price was agreed, and what came of it there.
    enum Currency {
        case dollars
        /// Prepaid credits: spent, and at the list of credits where the model is on it.
        case credits(spent: Int64, list: Int64)
    }

    let category: Category
    /// True for what corrects a month that was stated before.
    var isCorrection = false
    let description: String
    /// The hour in which it was charged, or the whole month.
    let period: Period
    let billed: Dollars
    let effective: Dollars
    let contracted: Dollars
    var pricing: Pricing?
    var currency = Currency.dollars
    /// Videos; nil for what is no usage.
    var consumed: Int64?
    /// What was sold, and by which price; nil for what was not.
    var sku: (id: String, meter: String, price: String)?
    var batch = ""
    var requestID = ""
    var reference = ""
    /// What it adds to the customer's credits or takes from them.
    let credits: Int64
}

extension FocusRow {
    static let columns: [Column] = [
        Column("BillingAccountId", .text), Column("BillingAccountName", .text), Column("BillingCurrency", .text),
        Column("BillingPeriodStart", .text), Column("BillingPeriodEnd", .text), Column("ChargePeriodStart", .text),
        Column("ChargePeriodEnd", .text), Column("ChargeCategory", .text), Column("ChargeClass", .text),
        Column("ChargeDescription", .text), Column("ChargeFrequency", .text), Column("InvoiceIssuerName", .text),
        Column("ProviderName", .text), Column("PublisherName", .text), Column("ServiceCategory", .text),
        Column("ServiceSubcategory", .text), Column("ServiceName", .text), Column("BilledCost", .decimal),
        Column("EffectiveCost", .decimal), Column("ListCost", .decimal), Column("ContractedCost", .decimal),
        Column("ListUnitPrice", .decimal), Column("ContractedUnitPrice", .decimal), Column("PricingCategory", .text),
        Column("PricingQuantity", .decimal), Column("PricingUnit", .text), Column("PricingCurrency", .text),
        Column("PricingCurrencyListUnitPrice", .decimal), Column("PricingCurrencyContractedUnitPrice", .decimal),
        Column("PricingCurrencyEffectiveCost", .decimal), Column("ConsumedQuantity", .decimal),
        Column("ConsumedUnit", .text), Column("CommitmentDiscountStatus", .text), Column("InvoiceId", .text),
        Column("SkuId", .text), Column("SkuMeter", .text), Column("SkuPriceId", .text),
        Column("SkuPriceDetails", .text), Column("x_BatchId", .text), Column("x_Credits", .integer),
        Column("x_Reference", .text), Column("x_RequestId", .text),
    ]

    private static let serviceCategory = "AI and Machine Learning"
    private static let serviceSubcategory = "Generative AI"
    private static let serviceName = "Batch video generation"
    /// A prepaid credit as a currency: of three capital letters, as readers know currencies, and none of ISO 4217.
    private static let creditCurrency = "CRD"

    /// The row in the order of the columns.
    func cells(of subject: StatementAccount, issuer: String) -> [Cell] {
        let isPriced = category == .usage || category == .purchase
        let account = subject.account
        return [
            .text(account.slug), .text(account.name), .text("USD"), Self.instant(subject.period.start),
            Self.instant(subject.period.end), Self.instant(period.start), Self.instant(period.end),
            .text(category.rawValue), .text(isCorrection ? "Correction" : ""), .text(description),
            .text(category == .usage ? "Usage-Based" : "One-Time"), .text(issuer), .text(issuer), .text(issuer),
            .text(Self.serviceCategory), .text(Self.serviceSubcategory), .text(Self.serviceName),
            Self.cost(billed), Self.cost(effective), Self.cost(pricing?.listCost ?? contracted),
            Self.cost(contracted),
        ] + prices + [.text(isPriced && !isCorrection ? "Standard" : "")] + quantities + currencies + [
            consumed.map { Self.decimal(FixedPoint.text($0 * 10, places: 1)) } ?? .empty,
            // Nobody commits to anything, and the books know of no invoices: empty columns say so.
            .text(consumed == nil ? "" : "Videos"), .empty, .empty, .text(sku?.id ?? ""), .text(sku?.meter ?? ""),
            .text(sku?.price ?? ""), .empty, .text(batch), .integer(credits), .text(reference), .text(requestID),
        ]
    }

    private var prices: [Cell] {
        guard let pricing else { return [.empty, .empty] }
        return [pricing.listCost, contracted].map { Self.price($0.micros, per: pricing.quantity) }
    }

    private var quantities: [Cell] {
        guard let pricing else { return [.empty, .text("")] }
        return [Self.decimal(FixedPoint.text(pricing.quantity * 10, places: 1)), .text(pricing.unit)]
    }

    /// The currency, its prices by the list and by the contract, and what was charged in it.
    private var currencies: [Cell] {
        switch currency {
        case .dollars: return [.text("USD")] + prices + [Self.cost(effective)]
        case .credits(let spent, let list):
            let costs = [list, spent].map { credits in
                pricing.map { Self.price(credits * 1_000_000, per: $0.quantity) } ?? .empty
            }
            return [.text(Self.creditCurrency)] + costs + [Self.decimal(FixedPoint.text(spent * 10, places: 1))]
        }
    }

    private static func cost(_ amount: Dollars) -> Cell { decimal(amount.exactText) }

    private static func decimal(_ text: String) -> Cell { DecimalText(text).map(Cell.decimal) ?? .empty }

    private static func instant(_ instant: Instant) -> Cell {
        .text(String(instant.description.prefix { $0 != "." }) + "Z")
    }

    /// Decimals of a unit price: times the largest quantity it still rounds to the cost.
    private static let pricePlaces = 15

    /// A cost by a quantity, with as many decimals as it takes, one at least: half a unit of the last place rounds up.
    ///
    /// Precondition: neither is below nothing, and there is a quantity.
    static func price(_ micros: Int64, per quantity: Int64) -> Cell {
        precondition(micros >= 0 && quantity > 0, "a unit price is that of a quantity")
        let (whole, rest) = UInt128(micros).multipliedReportingOverflow(by: 1_000_000_000).partialValue
            .quotientAndRemainder(dividingBy: UInt128(quantity))
        var digits = String(whole + (rest * 2 >= UInt128(quantity) ? 1 : 0))
        if digits.utf8.count <= pricePlaces {
            digits = String(repeating: "0", count: pricePlaces + 1 - digits.utf8.count) + digits
        }
        var fraction = digits.suffix(pricePlaces)
        while fraction.count > 1, fraction.hasSuffix("0") { fraction.removeLast() }
        return decimal("\(digits.dropLast(pricePlaces)).\(fraction)")
    }
}
