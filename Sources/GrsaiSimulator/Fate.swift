/// What will become of one submission, all of it decided when it arrives.
struct Fate: Sendable, Hashable {
    /// One of `Knob.refusals`, or nil: it is taken.
    let refusal: Knob?
    /// One of `Knob.replies`, or nil: the answer is as documented.
    let reply: Knob?
    /// One of `Knob.outcomes`, or nil: a video.
    let outcome: Knob?
    /// Runs under a status word that nobody knows.
    let hidesStatus: Bool
    /// Microseconds from acceptance to the end.
    let latency: Int64
    /// Microseconds from acceptance during which a poll finds nothing.
    let notFound: Int64
    /// Microseconds from the end during which the video's address works.
    let urlLife: Int64
    /// What happens to its callbacks, of the knobs `callback_…`.
    let callbackFaults: Set<Knob>

    init(_ dice: Dice, model: SimulatedModel, knobs: Knobs) {
        refusal = dice.choose("refusal", Knob.refusals, knobs)
        reply = dice.choose("reply", Knob.replies, knobs)
        outcome = dice.choose("outcome", Knob.outcomes, knobs)
        hidesStatus = dice.strikes(.unknownStatus, knobs)
        let whole = Latency(p50Seconds: knobs[model.p50], p95Seconds: knobs[model.p95])
            .microseconds(atMillionths: Int64(dice.roll("latency", sides: 1_000_001)))
        // A prompt is refused before anything is rendered.
        latency = outcome == .inputModeration ? max(1_000_000, whole / 10) : whole
        notFound = knobs[.notFoundSeconds] * 1_000_000
        urlLife = knobs[.urlLifeSeconds] * 1_000_000
        callbackFaults = Set(
            [.callbackMissing, .callbackDuplicate, .callbackOutOfOrder, .callbackForged]
                .filter { dice.strikes($0, knobs) })
    }
}

/// How long a task takes: a curve through P50 and P95, straight between its points, so that integers suffice.
struct Latency: Sendable, Hashable {
    let p50Seconds: Int64
    let p95Seconds: Int64

    /// The microseconds that a share of the tasks does not exceed.
    ///
    /// - Parameter millionths: the share, 0 to 1,000,000. The fastest take half of P50, the slowest twice P95.
    func microseconds(atMillionths millionths: Int64) -> Int64 {
        let p50 = p50Seconds * 1_000_000
        let p95 = p95Seconds * 1_000_000
        let points: [(share: Int64, time: Int64)] = [
            (0, p50 / 2), (500_000, p50), (950_000, p95), (1_000_000, p95 * 2),
        ]
        let share = min(max(millionths, 0), 1_000_000)
        for (low, high) in zip(points, points.dropFirst()) where share <= high.share {
            // The widest step is two days in microseconds times a million: 18 digits, which fit.
            return low.time + (high.time - low.time) * (share - low.share) / (high.share - low.share)
        }
        return p95 * 2
    }
}

/// Chance without chance: every roll is a function of the seed, its subject and its name.
struct Dice: Sendable, Hashable {
    let seed: Int64
    /// What is decided about: a submission's nonce or number, or one poll of a task.
    let subject: String

    /// A number below `sides`.
    func roll(_ name: String, sides: UInt64) -> UInt64 {
        number(name) % sides
    }

    /// True for as many of a thousand subjects as the knob says.
    func strikes(_ knob: Knob, _ knobs: Knobs) -> Bool {
        roll(knob.rawValue, sides: 1000) < UInt64(clamping: knobs[knob])
    }

    /// One of knobs that exclude each other, or none: the first that a single roll falls into.
    func choose(_ name: String, _ group: [Knob], _ knobs: Knobs) -> Knob? {
        let roll = Int64(roll(name, sides: 1000))
        var reached: Int64 = 0
        for knob in group {
            reached += knobs[knob]
            if roll < reached { return knob }
        }
        return nil
    }

    /// 64 bits: FNV-1a over seed, subject and name, mixed by the finalizer of SplitMix64.
    func number(_ name: String) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in "\(seed)/\(subject)/\(name)".utf8 {
            hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
        }
        hash = (hash ^ (hash >> 30)) &* 0xBF58_476D_1CE4_E5B9
        hash = (hash ^ (hash >> 27)) &* 0x94D0_49BB_1331_11EB
        return hash ^ (hash >> 31)
    }

    /// 32 hexadecimal digits in the form of a UUID.
    func uuid(_ name: String) -> String {
        let digits = Self.hex(number(name + "/high")) + Self.hex(number(name + "/low"))
        var text = ""
        for (index, digit) in digits.enumerated() {
            if [8, 12, 16, 20].contains(index) { text.append("-") }
            text.append(digit)
        }
        return text
    }

    static func hex(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
