import Foundation

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
