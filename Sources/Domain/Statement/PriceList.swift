/// What credits and videos cost where no purchase says otherwise.
///
/// Models can be retired; their prices stay, because statements of past months need them.
public enum PriceList {
    /// The prepaid packages: credits and price.
    public static let packages: [(credits: Int64, price: Dollars)] = [
        (95_000, Dollars(micros: 2_000_000_000)), (262_500, Dollars(micros: 5_000_000_000)),
        (575_000, Dollars(micros: 10_000_000_000)),
    ]

    /// A credit bought outside of a package: a tenth of a Sora-2 video's price.
    public static let credit = Dollars(micros: VideoModel.sora2.listPrice.micros / VideoModel.sora2.credits)

    /// The list price of a purchase: the package's where it is one, else the price by the credit.
    ///
    /// Precondition: the credits are not negative.
    public static func price(ofCredits credits: Int64) -> Dollars {
        precondition(credits >= 0, "a purchase adds credits")
        if let package = packages.first(where: { $0.credits == credits }) { return package.price }
        return Dollars(micros: credits * credit.micros)
    }

    /// The list price of a video; nil for a model that is not on the list.
    public static func price(ofModel model: String) -> Dollars? { VideoModel(rawValue: model)?.listPrice }
}
