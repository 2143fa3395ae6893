import Codecs
public import Domain
import Formats

/// Which promises of a month turned since somebody looked last: each turn is told once.
///
/// A promise turns when its state becomes another one (``Budget/State``); how many successes it needs does not count.
/// What is kept, on track, or has nothing to judge is all well.
public struct PromiseWatch: Sendable {
    /// A promise that stands otherwise than at the last look.
    public struct Turn: Sendable, Hashable {
        /// `completion, sora-2, customer1`.
        public let promise: String
        /// How it stood; nil where nobody looked before.
        public let before: String?
        public let now: String
        /// True where all is well now.
        public let isWell: Bool

        /// The turn in a line.
        public var sentence: String { "\(promise): \(now)" + (before.map { ", before: \($0)" } ?? "") }
    }

    private struct Standing: Codable {
        let promise: String
        let account: String
        let subject: String
        let state: String
    }

    private struct Memory: Codable {
        let month: String
        let standings: [Standing]
    }

    private static let well = "on track"

    /// In the order of the report.
    public let turns: [Turn]
    /// How many promises are lost, at risk or behind.
    public let troubled: Int
    /// What the next look goes by.
    public let memory: [UInt8]

    /// - Parameters:
    ///   - remembered: The memory of the last look; nil where there was none: then what is not well is told.
    ///   - path: Where it was, for a sentence.
    ///
    /// Throws `badData` for what is no memory of the month.
    public init(_ summary: SLASummary, month: Month, remembered: [UInt8]?, path: String) throws {
        let before = try remembered.map { bytes -> Memory in
            guard let memory = try? CanonicalJSON.decode(Memory.self, from: String(decoding: bytes, as: UTF8.self)),
                memory.month == month.description
            else {
                throw DaybookError.badData(
                    "\(path) is no memory of a look at \(month); remove it to begin anew.")
            }
            return memory
        }
        func key(_ parts: [String]) -> [[UInt8]] { parts.map { Array($0.utf8) } }
        let known = Dictionary(
            (before?.standings ?? []).map { standing in
                (key([standing.promise, standing.account, standing.subject]), standing.state)
            }
        ) { first, _ in first }
        var turns: [Turn] = []
        let standings = summary.all.map { promise in
            let state = Self.state(promise.budget.state)
            let was = known[key([promise.name.rawValue, promise.account, promise.subject])]
            if was ?? Self.well != state {
                let words = [promise.name.rawValue, promise.subject, promise.account].filter { !$0.isEmpty }
                turns.append(
                    Turn(
                        promise: words.joined(separator: ", "), before: was,
                        now: state == Self.well ? state : promise.budget.state?.text ?? state,
                        isWell: state == Self.well))
            }
            return Standing(
                promise: promise.name.rawValue, account: promise.account, subject: promise.subject, state: state)
        }
        self.turns = turns
        troubled = standings.count { $0.state != Self.well && $0.state != Verdict.insufficientData.rawValue }
        memory = try CanonicalJSON.encode(Memory(month: month.description, standings: standings))
    }

    /// The state without its numbers.
    private static func state(_ state: Budget.State?) -> String {
        switch state {
        case .recoverable: "recoverable"
        case .kept, .onTrack, nil: well
        case .lost, .atRisk, .insufficientData: state?.text ?? well
        }
    }
}
