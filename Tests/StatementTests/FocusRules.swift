import Foundation

/// What FOCUS 1.2 demands of a file of costs, as far as it concerns a seller of prepaid credits: columns that are there,
/// values that are allowed, prices that come to their costs, instants in UTC.
///
/// Written from the specification's own list of requirements; its validator leaves most of them out, or looks at them
/// too kindly.
enum FocusRules {
    /// The columns that every file must have, and those that a seller of credits owes.
    static let mandatory: Set<String> = [
        "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd",
        "BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargePeriodEnd",
        "ChargePeriodStart", "ContractedCost", "EffectiveCost", "InvoiceIssuerName", "ListCost", "PricingQuantity",
        "PricingUnit", "ProviderName", "PublisherName", "ServiceCategory", "ServiceName",
    ]
    static let owed: Set<String> = [
        "PricingCategory", "PricingCurrency", "PricingCurrencyContractedUnitPrice", "PricingCurrencyEffectiveCost",
        "PricingCurrencyListUnitPrice", "ConsumedQuantity", "ConsumedUnit", "ListUnitPrice", "ContractedUnitPrice",
        "SkuId", "SkuMeter", "SkuPriceId", "SkuPriceDetails",
    ]
    /// Columns that the validator wants to see, of things that we do not have.
    private static let empty = ["CommitmentDiscountStatus", "InvoiceId"]
    /// Never null.
    private static let filled = mandatory.subtracting(["ChargeClass", "PricingQuantity", "PricingUnit"]).union([
        "PricingCurrency", "PricingCurrencyEffectiveCost", "ChargeFrequency",
    ])
    private static let allowed: [String: Set<String>] = [
        "ChargeCategory": ["Usage", "Purchase", "Tax", "Credit", "Adjustment"], "ChargeClass": ["", "Correction"],
        "ChargeFrequency": ["One-Time", "Recurring", "Usage-Based"], "BillingCurrency": ["USD"],
        "PricingCurrency": ["USD", "CRD"], "PricingCategory": ["", "Standard", "Committed", "Dynamic", "Other"],
        "ServiceCategory": ["AI and Machine Learning"], "ServiceSubcategory": ["Generative AI"],
    ]
    private static let costs = ["BilledCost", "EffectiveCost", "ListCost", "ContractedCost"]
    private static let decimals =
        costs + [
            "ListUnitPrice", "ContractedUnitPrice", "PricingQuantity", "PricingCurrencyListUnitPrice",
            "PricingCurrencyContractedUnitPrice", "PricingCurrencyEffectiveCost", "ConsumedQuantity",
        ]

    /// What a file breaks.
    static func violations(columns: [String], rows: [[String: String]]) -> [String] {
        let missing = mandatory.union(owed).union(empty).subtracting(columns)
        var found = missing.sorted().map { "the column \($0) is missing" }
        let own = columns.filter { $0.hasPrefix("x_") }
        if Set(columns).count != columns.count { found.append("a column is there twice") }
        if Array(columns.suffix(own.count)) != own { found.append("columns of one's own come last") }
        for (index, row) in rows.enumerated() { found += violations(row).map { "row \(index + 1): \($0)" } }
        return found
    }

    static func violations(_ row: [String: String]) -> [String] {
        func value(_ column: String) -> String { row[column] ?? "" }
        func number(_ column: String) -> Decimal? { Decimal(string: value(column)) }
        var found = filled.filter { value($0).isEmpty }.sorted().map { "\($0) is null" }
        found += empty.filter { !value($0).isEmpty }.map { "\($0) is not null" }
        for (column, values) in allowed where !values.contains(value(column)) {
            found.append("\(column) is \(value(column))")
        }
        for column in decimals where !value(column).isEmpty {
            if value(column).wholeMatch(of: /-?[0-9]+\.[0-9]+/) == nil { found.append("\(column) is no decimal") }
        }
        for column in ["BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd"]
        where value(column).wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/) == nil {
            found.append("\(column) is no instant in UTC")
        }
        if !(value("BillingPeriodStart") <= value("ChargePeriodStart")
            && value("ChargePeriodStart") < value("ChargePeriodEnd")
            && value("ChargePeriodEnd") <= value("BillingPeriodEnd"))
        {
            found.append("the charge does not lie in its billing period")
        }
        let category = value("ChargeCategory")
        let isCorrection = value("ChargeClass") == "Correction"
        if ["Usage", "Purchase"].contains(category), !isCorrection {
            for column in [
                "PricingQuantity", "PricingUnit", "PricingCategory", "ListUnitPrice", "ContractedUnitPrice", "SkuId",
                "SkuPriceId", "PricingCurrencyListUnitPrice", "PricingCurrencyContractedUnitPrice",
            ] where value(column).isEmpty { found.append("\(column) is null in a \(category)") }
            found += products(row)
        }
        if value("PricingQuantity").isEmpty != value("PricingUnit").isEmpty { found.append("a quantity has its unit") }
        if value("ConsumedQuantity").isEmpty != value("ConsumedUnit").isEmpty { found.append("usage has its unit") }
        if category != "Usage", !value("ConsumedQuantity").isEmpty { found.append("only usage is consumed") }
        if category == "Usage", !isCorrection, value("ConsumedQuantity").isEmpty { found.append("usage is consumed") }
        if category == "Purchase" {
            if number("EffectiveCost") != 0 { found.append("a purchase has an effective cost") }
            if number("PricingCurrencyEffectiveCost") != 0 { found.append("a purchase costs nothing in its currency") }
            if value("ChargeFrequency") == "Usage-Based" { found.append("a purchase is not based on usage") }
        } else if category != "Usage", Set(costs.map { number($0) }).count > 1 {
            found.append("a \(category) has different costs")
        }
        for column in decimals where column.hasSuffix("UnitPrice") {
            if let price = number(column), price < 0 { found.append("\(column) is below nothing") }
        }
        if value("SkuId").isEmpty, !(value("SkuMeter") + value("SkuPriceDetails")).isEmpty {
            found.append("there is no SKU")
        }
        if value("PricingCurrency") == "USD", number("PricingCurrencyEffectiveCost") != number("EffectiveCost") {
            found.append("the same currency has another cost")
        }
        return found
    }

    /// A price times its quantity is the cost, to the last of the six decimals.
    private static func products(_ row: [String: String]) -> [String] {
        [("ListUnitPrice", "ListCost"), ("ContractedUnitPrice", "ContractedCost")].compactMap { price, cost in
            guard let unit = row[price].flatMap({ Decimal(string: $0) }),
                let quantity = row["PricingQuantity"].flatMap({ Decimal(string: $0) }),
                let whole = row[cost].flatMap({ Decimal(string: $0) })
            else { return "\(cost) cannot be checked" }
            let difference = unit * quantity - whole
            return abs(difference) < Decimal(sign: .plus, exponent: -7, significand: 5)
                ? nil : "\(price) times the quantity is not \(cost)"
        }
    }
}
