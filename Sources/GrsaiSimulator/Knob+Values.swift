extension Knob {
    /// Choices that exclude each other: one draw decides among them.
    static let refusals: [Knob] = [.tooManyRequests, .unauthorized, .badRequest, .refuse, .errorBeforeAccepting]
    static let replies: [Knob] = [
        .acceptThenDrop, .acceptThenError, .acceptThenHang, .acceptDataNull, .acceptFlat, .acceptGarbage,
    ]
    static let outcomes: [Knob] = [
        .inputModeration, .outputModeration, .error, .violation, .stall, .successWithoutURL,
    ]
    static let pollFaults: [Knob] = [.pollTooManyRequests, .pollError, .pollDataNull, .pollFlat]
    static let exclusive = [refusals, replies, outcomes, pollFaults]

    /// True where the value is a rate per mille.
    public var isRate: Bool {
        switch self {
        case .unknownStatus, .callbackMissing, .callbackDuplicate, .callbackOutOfOrder, .callbackForged: true
        default: Self.exclusive.contains { $0.contains(self) }
        }
    }

    /// The values that can be set.
    public var range: ClosedRange<Int64> {
        if isRate { return 0...1000 }
        switch self {
        case .seed: return 0...Int64.max
        case .credits: return -1...1_000_000_000_000
        case .sora2Credits, .veoFastCredits, .veoProCredits: return 0...1_000_000
        case .notFoundSeconds, .retryAfterSeconds, .hangSeconds, .urlLifeSeconds: return 0...86_400
        default: return 1...86_400
        }
    }

    /// The value of a provider without faults.
    public var calm: Int64 {
        switch self {
        case .seed: 1
        case .sora2P50Seconds: 75
        case .sora2P95Seconds: 120
        case .veoFastP50Seconds: 90
        case .veoFastP95Seconds: 240
        case .veoProP50Seconds: 240
        case .veoProP95Seconds: 600
        case .retryAfterSeconds: 5
        case .hangSeconds: 600
        case .urlLifeSeconds: 7_200
        case .credits: -1
        case .sora2Credits: 1_600
        case .veoFastCredits: 4_000
        case .veoProCredits: 16_000
        default: 0
        }
    }

    /// The value of a provider that does all that a provider may do, and still renders most videos.
    public var faulty: Int64 {
        switch self {
        case .tooManyRequests, .errorBeforeAccepting: 20
        case .refuse: 10
        case .badRequest: 5
        case .acceptThenDrop, .acceptThenError: 30
        case .acceptThenHang: 10
        case .acceptDataNull, .acceptFlat, .acceptGarbage: 10
        case .inputModeration, .outputModeration, .error: 20
        case .violation, .stall, .successWithoutURL: 10
        case .unknownStatus: 20
        case .pollTooManyRequests, .pollError, .pollDataNull, .pollFlat: 20
        case .callbackMissing: 200
        case .callbackDuplicate, .callbackOutOfOrder, .callbackForged: 100
        case .notFoundSeconds: 3
        default: calm
        }
    }
}
