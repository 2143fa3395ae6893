import Domain

/// The values of all knobs.
public struct Knobs: Sendable, Hashable {
    private var values: [Knob: Int64]

    /// A provider without faults.
    public static let calm = Knobs(values: table(\.calm))
    /// A provider that shows every fault, each now and then.
    public static let faulty = Knobs(values: table(\.faulty))

    private init(values: [Knob: Int64]) {
        self.values = values
    }

    private static func table(_ value: (Knob) -> Int64) -> [Knob: Int64] {
        Dictionary(uniqueKeysWithValues: Knob.allCases.map { ($0, value($0)) })
    }

    public subscript(knob: Knob) -> Int64 { values[knob] ?? knob.calm }

    /// The same with some knobs set anew, by name.
    ///
    /// - Throws: `DaybookError` of kind `usage` for a name that is none, a value out of range, rates that exclude each
    ///   other and add up to more than 1000, and a P95 below its P50.
    public func setting(_ changes: [String: Int64]) throws -> Knobs {
        var result = self
        for (name, value) in changes.sorted(by: { $0.key < $1.key }) {
            guard let knob = Knob(rawValue: name) else { throw DaybookError.usage("There is no knob '\(name)'.") }
            guard knob.range.contains(value) else {
                throw DaybookError.usage(
                    "The knob '\(name)' goes from \(knob.range.lowerBound) to \(knob.range.upperBound).")
            }
            result.values[knob] = value
        }
        for group in Knob.exclusive where group.map({ result[$0] }).reduce(0, +) > 1000 {
            let names = group.map(\.rawValue).joined(separator: ", ")
            throw DaybookError.usage("Only one of these strikes a task, so they may add up to at most 1000: \(names).")
        }
        for model in SimulatedModel.allCases where result[model.p95] < result[model.p50] {
            throw DaybookError.usage("'\(model.p95.rawValue)' must not be below '\(model.p50.rawValue)'.")
        }
        return result
    }

    /// The same with some knobs set anew.
    public func setting(_ changes: [Knob: Int64]) throws -> Knobs {
        try setting(Dictionary(uniqueKeysWithValues: changes.map { ($0.key.rawValue, $0.value) }))
    }

    /// All values by name.
    public var named: [String: Int64] {
        Dictionary(uniqueKeysWithValues: Knob.allCases.map { ($0.rawValue, self[$0]) })
    }

    /// Takes from the credits that are left; those without end stay so.
    mutating func spend(_ credits: Int64) {
        guard self[.credits] >= 0 else { return }
        values[.credits] = self[.credits] - credits
    }
}

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
