/// A model as the provider names it, with the knobs that describe it.
enum SimulatedModel: String, Sendable, Hashable, CaseIterable, Codable {
    case sora2 = "sora-2"
    case veoFast = "veo3.1-fast"
    case veoPro = "veo3.1-pro"

    var isSora: Bool { self == .sora2 }

    var p50: Knob {
        switch self {
        case .sora2: .sora2P50Seconds
        case .veoFast: .veoFastP50Seconds
        case .veoPro: .veoProP50Seconds
        }
    }

    var p95: Knob {
        switch self {
        case .sora2: .sora2P95Seconds
        case .veoFast: .veoFastP95Seconds
        case .veoPro: .veoProP95Seconds
        }
    }

    var credits: Knob {
        switch self {
        case .sora2: .sora2Credits
        case .veoFast: .veoFastCredits
        case .veoPro: .veoProCredits
        }
    }
}
