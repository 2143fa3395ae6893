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

    init(_ promises: [Promise], scope: SLAScope) {
        all = promises.map { (key: Self.key($0), promise: $0) }.sorted { left, right in
            for (a, b) in zip(left.key, right.key) where a != b { return a.lexicographicallyPrecedes(b) }
            return false
        }.map(\.promise)
        let own = scope.onlyAccount?.slug ?? ""
        let widest = all.filter { $0.account.isEmpty || $0.account == own }
        self.promises = widest
        hasBreach = all.contains { $0.verdict == .breach }
        sentence = Self.sentence(widest, of: all) + (scope.isFinal ? "." : ", so far.")
    }

    /// How many of the promises about the whole report were judged so.
    public func count(_ verdict: Verdict) -> Int { Self.count(verdict, in: promises) }

    /// The table of every promise.
    var table: Table { Self.table(all) }
    /// The same of the promises about the whole report.
    var widestTable: Table { Self.table(promises) }
    /// The same with the promises about the whole report in front.
    var tableWidestFirst: Table { Self.table(promises + all.filter { !promises.contains($0) }) }

    private static func table(_ promises: [Promise]) -> Table {
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
                    .optional(promise.attained), .verdict(promise.verdict),
                ]
            })
    }

    private static func sentence(_ widest: [Promise], of all: [Promise]) -> String {
        let (passes, breaches) = (count(.pass, in: widest), count(.breach, in: widest))
        let unknown = count(.insufficientData, in: widest)
        var sentence = "\(passes) \(passes == 1 ? "promise was" : "promises were") kept and \(breaches) broken"
        if breaches == 0 && passes == 0 { sentence = "There was nothing to judge" }
        if unknown > 0 { sentence += "; \(unknown) could not be judged for want of data" }
        let everything = count(.breach, in: all)
        if everything > breaches {
            sentence +=
                "; account by account, \(count(.pass, in: all) - passes) were kept and \(everything - breaches) broken"
        }
        return sentence
    }

    private static func count(_ verdict: Verdict, in promises: [Promise]) -> Int {
        promises.count { $0.verdict == verdict }
    }

    /// What a report is ordered by, bytewise: no two of its promises share it.
    private static func key(_ promise: Promise) -> [[UInt8]] {
        [promise.name.rawValue, promise.account, promise.subject].map { Array($0.utf8) }
    }
}
