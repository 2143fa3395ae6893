import Documents
public import Domain

/// What an SLA report comes to: its promises, each with its verdict, and all of them in one sentence.
public struct SLASummary: Sendable {
    /// The promises about the whole report: everybody's, or its one account's.
    public let promises: [Promise]
    /// How it went on the whole, and then account by account.
    public let sentence: String
    /// True if any promise of any account is broken.
    public let hasBreach: Bool
    /// Every promise, also account by account, in the order of the report.
    let all: [Promise]
    private let isFinal: Bool
    private let hasData: Bool

    init(_ promises: [Promise], scope: SLAScope, hasData: Bool) {
        isFinal = scope.isFinal
        self.hasData = hasData
        all = promises.map { (key: Self.key($0), promise: $0) }.sorted { left, right in
            for (a, b) in zip(left.key, right.key) where a != b { return a.lexicographicallyPrecedes(b) }
            return false
        }.map(\.promise)
        let own = scope.onlyAccount?.slug ?? ""
        let widest = all.filter { $0.account.isEmpty || $0.account == own }
        // Of one account they are the same: one list is enough.
        self.promises = widest.count == all.count ? all : widest
        hasBreach = all.contains { $0.verdict == .breach }
        sentence =
            hasData
            ? Self.sentence(widest, of: all, isFinal: scope.isFinal)
            : "There was nothing to judge: the month has no task, no batch and no probe."
    }

    /// How sure the figures are, for a heading: `final`, `preliminary`, or `no data` where there are none.
    public var status: String { !hasData ? "no data" : isFinal ? "final" : "preliminary" }

    /// True where a promise is broken for good: one of a month that is not final may only be behind.
    var isBroken: Bool { all.contains { $0.verdict == .breach && (isFinal || $0.budget.state == .lost) } }

    /// The verdict of a promise as people read it: one that may still change has beside it how it stands.
    public func verdictText(of promise: Promise) -> String {
        Self.verdict(promise.verdict, promise.budget, isFinal: isFinal).pageText
    }

    /// The same as a cell. Files hold the verdict alone, and the state in a table of its own.
    static func verdict(_ verdict: Verdict, _ budget: Budget, isFinal: Bool) -> Cell {
        guard !isFinal, verdict == .breach, let state = budget.state else { return .verdict(verdict) }
        return .remarked(verdict.rawValue, remark: state.text, isOpen: state != .lost)
    }

    /// How many of the promises about the whole report were judged so.
    public func count(_ verdict: Verdict) -> Int { Self.count(verdict, in: promises) }

    /// The table of every promise.
    var table: Table { table(all) }
    /// The same of the promises about the whole report.
    var widestTable: Table { table(promises) }
    /// The same with the promises about the whole report in front.
    var tableWidestFirst: Table { table(promises + all.filter { !promises.contains($0) }) }
    /// What of the allowance of every promise is gone.
    var budgetTable: Table {
        Table(
            name: "budget", title: "Budget",
            note: "What each target lets fail of the month: of all its minutes for availability, of the valid items so "
                + "far for the rest. Left is allowed − spent. A burn rate over 1 spends faster than the month allows. "
                + "A target of 100 % has no budget.",
            columns: [
                Column("promise", .text), Column("account", .text), Column("subject", .text),
                Column("allowed", .integer), Column("spent", .integer), Column("left", .integer),
                Column("spent_percent", .percent, title: "Spent %"),
                Column("elapsed_percent", .percent, title: "Elapsed %"), Column("burn_rate", .decimal, places: 4),
                Column("state", .text, width: 22),
            ],
            rows: all.map { promise in
                let budget = promise.budget
                return [
                    .text(promise.name.rawValue), .text(promise.account), .text(promise.subject),
                    .optional(budget.allowed), .integer(budget.spent), .optional(budget.left),
                    .optional(budget.spentPercent), .optional(budget.elapsed),
                    .ratio(tenThousandths: budget.burnTenThousandths), .text(budget.state?.text ?? ""),
                ]
            })
    }

    private func table(_ promises: [Promise]) -> Table {
        Table(
            name: "promises", title: "Promises",
            note: "What was promised in writing, and how the month went: for everybody, then account by account.",
            columns: [
                Column("promise", .text), Column("account", .text), Column("subject", .text),
                Column("target", .percent, title: "Target %"), Column("good", .integer), Column("valid", .integer),
                Column("attained", .percent, title: "Attained %"), Column("verdict", .text, width: 17),
            ],
            rows: promises.map { promise in
                [
                    .text(promise.name.rawValue), .text(promise.account), .text(promise.subject),
                    .optional(promise.target), .integer(promise.attainment.good), .integer(promise.attainment.valid),
                    .optional(promise.attained),
                    Self.verdict(promise.verdict, promise.budget, isFinal: isFinal),
                ]
            })
    }

    /// How those stand that are broken in a month that is not final.
    private static func states(_ widest: [Promise]) -> String {
        let states = widest.filter { $0.verdict == .breach }.map(\.budget.state)
        func isRecoverable(_ state: Budget.State?) -> Bool { if case .recoverable = state { true } else { false } }
        let counts: [(Int, String)] = [
            (states.count { $0 == .lost }, "lost"), (states.count { $0 == .atRisk }, "at risk"),
            (states.count(where: isRecoverable), "recoverable"),
        ]
        return counts.filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
    }

    private static func sentence(_ widest: [Promise], of all: [Promise], isFinal: Bool) -> String {
        let (passes, breaches) = (count(.pass, in: widest), count(.breach, in: widest))
        let unknown = count(.insufficientData, in: widest)
        var sentence = "\(passes) \(passes == 1 ? "promise was" : "promises were") kept and \(breaches) broken"
        if breaches == 0 && passes == 0 { sentence = "There was nothing to judge" }
        if breaches > 0, !isFinal { sentence += " (\(states(widest)))" }
        if unknown > 0 { sentence += "; \(unknown) could not be judged for want of data" }
        let everything = count(.breach, in: all)
        if everything > breaches {
            sentence +=
                "; account by account, \(count(.pass, in: all) - passes) were kept and \(everything - breaches) broken"
        }
        return sentence + (isFinal ? "." : ", so far.")
    }

    private static func count(_ verdict: Verdict, in promises: [Promise]) -> Int {
        promises.count { $0.verdict == verdict }
    }

    /// What a report is ordered by: no two of its promises share it.
    private static func key(_ promise: Promise) -> [[UInt8]] {
        [Array(promise.name.rawValue.utf8), NaturalOrder.key(promise.account), Array(promise.subject.utf8)]
    }
}
