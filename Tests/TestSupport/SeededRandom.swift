import Foundation

/// Random numbers that a seed decides (SplitMix64: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators").
public struct SeededRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64

    public init(seed: UInt64) {
        state = seed
    }

    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

/// Seeds that an environment variable names as FIRST-LAST, so that a long sweep runs the same test with more of them.
public struct SeedRange: Sendable {
    public let seeds: [Int]

    /// The seeds that the variable names; the standard ones where it is not set. Anything else traps.
    public init(_ variable: String, standard: ClosedRange<Int>) {
        let text = ProcessInfo.processInfo.environment[variable] ?? "\(standard.lowerBound)-\(standard.upperBound)"
        let ends = text.split(separator: "-").compactMap { Int($0) }
        guard ends.count == 2, ends[0] <= ends[1] else { preconditionFailure("\(variable) is \(text), not FIRST-LAST") }
        seeds = Array(ends[0]...ends[1])
    }
}
