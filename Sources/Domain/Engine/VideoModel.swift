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

    /// Whether bonus credit may pay for it.
    public var takesBonus: Bool { self != .veoPro }

    /// Seconds from the provider's acceptance to the deadline, unless the contract says otherwise.
    public var deadlineSeconds: Int64 { self == .sora2 ? 600 : 1800 }

    public static func < (left: VideoModel, right: VideoModel) -> Bool { left.rawValue < right.rawValue }
}
