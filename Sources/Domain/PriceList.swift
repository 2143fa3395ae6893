/// What credits and videos cost where no purchase says otherwise.
///
/// Models can be retired; their prices stay, because statements of past months need them.
public enum PriceList {
    /// A credit bought outside of a package: a tenth of a Sora-2 video's price.
    public static let credit = Dollars(micros: VideoModel.sora2.listPrice.micros / VideoModel.sora2.credits)

    /// The list price of a purchase: the package's where it is one, else the price by the credit.
    ///
    /// Precondition: the credits are not negative.
    public static func price(ofCredits credits: Int64) -> Dollars {
        precondition(credits >= 0, "a purchase adds credits")
        if let package = CreditPackage.allCases.first(where: { $0.credits == credits }) { return package.price }
        return Dollars(micros: credits * credit.micros)
    }

    /// The list price of a video; nil for a model that is not on the list.
    public static func price(ofModel model: String) -> Dollars? { VideoModel(rawValue: model)?.listPrice }
}

/// A prepaid package of the price list.
public enum CreditPackage: Int64, Sendable, CaseIterable {
    case twoThousand = 2000
    case fiveThousand = 5000
    case tenThousand = 10_000

    /// What it costs.
    public var price: Dollars { Dollars(micros: rawValue * 1_000_000) }

    /// Credits it holds.
    public var credits: Int64 {
        switch self {
        case .twoThousand: 95_000
        case .fiveThousand: 262_500
        case .tenThousand: 575_000
        }
    }
}

/// A model that renders videos, as the books name it.
///
/// Prices are those of the price list; a contract or a prepaid package may agree others.
public enum VideoModel: String, Sendable, Hashable, CaseIterable, Comparable {
    case sora2 = "sora-2"
    case veoFlash = "veo-flash"
    case veoPro = "veo-pro"

    /// Credits a video costs.
    public var credits: Int64 {
        switch self {
        case .sora2: 10
        case .veoFlash: 50
        case .veoPro: 250
        }
    }

    /// The list price of a video, pay as you go.
    public var listPrice: Dollars {
        switch self {
        case .sora2: Dollars(micros: 490_000)
        case .veoFlash: Dollars(micros: 990_000)
        case .veoPro: Dollars(micros: 5_990_000)
        }
    }

    /// What the provider calls it: in what is submitted, and on its bill.
    public var providerName: String {
        switch self {
        case .sora2: "sora-2"
        case .veoFlash: "veo3.1-fast"
        case .veoPro: "veo3.1-pro"
        }
    }

    /// Whether bonus credit may pay for it.
    public var takesBonus: Bool { self != .veoPro }

    /// Seconds from the provider's acceptance to the deadline, unless the contract says otherwise.
    public var deadlineSeconds: Int64 { self == .sora2 ? 600 : 1800 }

    public static func < (left: VideoModel, right: VideoModel) -> Bool { left.rawValue < right.rawValue }
}
