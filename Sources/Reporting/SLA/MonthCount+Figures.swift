import Domain
import Postgres

/// The figures that are made of a month's tasks, in the order in which the tables list them.
extension MonthCount {
    /// p50, p90, p95, p99 and the maximum, in hundredths of a percent.
    private static let shares = [5_000, 9_000, 9_500, 9_900, 10_000]
    private static let neverSucceeded: [Outcome] = [.failed, .timedOut, .cancelledLate, .inFlightOver]
    private static let valid: [Outcome] = [.good, .late] + neverSucceeded
    private static let excluded: [Outcome] = [.clockError, .inputRefused, .cancelled, .providerOutage]

    /// Tasks on the clock that judges.
    var judged: Int64 { groups.reduce(0) { $0 + $1.judged } }

    /// Completion by model on each clock, for everybody (nil) and by account's number.
    ///
    /// A pair that has tasks on one clock only is listed on the other one too, after all others.
    func completions() -> [SLAFigures.Of<CompletionFigure>] {
        var counted: [SLAFigures.Of<CompletionFigure>] = []
        var empty: [SLAFigures.Of<CompletionFigure>] = []
        for clock in ContractProfile.Clock.allCases {
            for (subject, places) in subjects(where: { _ in true }) {
                let own = places.filter { groups[$0].clocks.count(clock) }
                let figure = SLAFigures.Of(account: subject.account, figure: figure(subject.model.text, clock, own))
                if own.isEmpty { empty.append(figure) } else { counted.append(figure) }
            }
        }
        return counted + empty
    }

    /// Refund rates by model: terminal tasks on the clock that judges.
    ///
    /// Throws `badData` where credits add up to more than 64 bits hold, or where tasks cost less than nothing: a share
    /// of what they cost would mean nothing.
    func refundRates() throws -> [SLAFigures.RefundRate] {
        try subjects { groups[$0].items > 0 }.map { subject, places in
            let frozen = try Self.credits(total(places, \.credits))
            let refunded = try Self.credits(total(places, \.refundedCredits))
            guard 0 <= refunded, refunded <= frozen else {
                throw DaybookError.badData(
                    "Tasks of the model \"\(subject.model.text)\" cost less than nothing; correct cost_per_video of "
                        + "their batches.")
            }
            return SLAFigures.RefundRate(
                account: subject.account, model: subject.model.text, items: total(places, \.items),
                refundedItems: total(places, \.refundedItems), frozenCredits: frozen, refundedCredits: refunded)
        }
    }

    private static func credits(_ sum: Int128) throws -> Int64 {
        guard let credits = Int64(exactly: sum) else {
            throw DaybookError.badData("The credits of the month's tasks add up to more than 64 bits hold.")
        }
        return credits
    }

    /// What was set aside or estimated, task by task or as a number.
    func exceptions() -> [SLAFigures.Exception] {
        let numbers = [
            ("terminal_instant_estimated", estimated), ("terminal_instant_missing", withoutInstant),
            ("model_missing", withoutModel), ("task_without_batch", withoutBatch), ("undated_task", undated),
        ]
        return named
            + numbers.filter { $0.1 > 0 }.map {
                SLAFigures.Exception(kind: $0.0, account: nil, reference: nil, detail: String($0.1))
            }
    }

    /// The values by which queries about batches know what their tasks came to, in place of counting them again.
    func parameters() throws -> [String: Value] { try Self.parameters(of: [(nil, self)]) }

    /// The same of several counts, each of the tasks of one account, or of everybody's (nil).
    static func parameters(of counts: [(account: Int64?, month: MonthCount)]) throws -> [String: Value] {
        let listed = counts.flatMap { account, month in
            month.batches.map { (batch: $0.key.text, account: account, work: month.work[$0.value]) }
        }
        let strangers = counts.flatMap { $0.month.strangers.map { Value.text($0.text) } }
        return [
            "work_batches": .texts(listed.map(\.batch)), "work_tasks": .ints(listed.map(\.work.tasks)),
            "work_accounts": .array(listed.map { $0.account.map(Value.int) ?? .null }, of: .int8),
            "work_open_tasks": .ints(listed.map(\.work.openTasks)),
            "work_costs": .ints(try listed.map { try Self.credits($0.work.cost) }),
            "work_delivered": .ints(try listed.map { try Self.credits($0.work.delivered) }),
            "work_last_terminals": .array(listed.map { Value($0.work.lastTerminalAt) }, of: .timestamptz),
            "strangers": .array(
                strangers + (counts.contains { $0.month.hasNobodys } ? [.null] : []), of: .text),
        ]
    }

    /// A model by the bytes of its name: names that are equal as text are not the same.
    private struct Model: Hashable {
        let bytes: [UInt8]

        init(_ name: String) { bytes = Array(name.utf8) }

        var text: String { String(decoding: bytes, as: UTF8.self) }
    }

    /// Whose tasks of which model.
    private struct Subject: Hashable, Comparable {
        /// Nil for everybody, who come first.
        let account: Int64?
        let model: Model

        static func < (left: Subject, right: Subject) -> Bool {
            left.account == right.account
                ? left.model.bytes.lexicographicallyPrecedes(right.model.bytes)
                : (left.account ?? -1) < (right.account ?? -1)
        }
    }

    /// The places of some groups, by everybody and by account, in order.
    private func subjects(where isMeant: (Int) -> Bool) -> [(Subject, [Int])] {
        var places: [Subject: [Int]] = [:]
        for (key, place) in keys where isMeant(place) {
            let model = Model(models[Int(key.model)])
            places[Subject(account: nil, model: model), default: []].append(place)
            places[Subject(account: Int64(key.account), model: model), default: []].append(place)
        }
        return places.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    private func total<Sum: FixedWidthInteger>(_ places: [Int], _ part: KeyPath<Group, Sum>) -> Sum {
        places.reduce(0) { $0 + groups[$1][keyPath: part] }
    }

    private func figure(_ model: String, _ clock: ContractProfile.Clock, _ places: [Int]) -> CompletionFigure {
        func count(_ outcome: Outcome) -> Int64 { places.reduce(0) { $0 + groups[$1][outcome] } }
        func count(_ outcomes: [Outcome]) -> Int64 { outcomes.reduce(0) { $0 + count($1) } }
        var figure = CompletionFigure(
            model: model, clock: clock, good: count(.good), late: count(.late), failed: count(.failed),
            timedOut: count(.timedOut), cancelledLate: count(.cancelledLate), inFlightOver: count(.inFlightOver),
            excluded: count(Self.excluded), undetermined: count(.undetermined),
            percentiles: percentiles(places.map { groups[$0].durations }, infinite: Int(count(Self.neverSucceeded))))
        for place in places {
            let valid = Self.valid.reduce(0) { $0 + groups[place][$1] }
            if valid > 0 { figure.validByContract[Int(groups[place].contract), default: 0] += valid }
        }
        return figure
    }

    /// Nearest-rank percentiles over the valid tasks, of which one that never succeeded is infinite.
    private func percentiles(_ durations: [[Int64]], infinite: Int) -> [CompletionFigure.Percentile] {
        let count = durations.reduce(infinite) { $0 + $1.count }
        guard count > 0 else { return [] }
        let ranks = Self.shares.map { NearestRank.rank(ofHundredths: $0, among: count) }
        return NearestRank.values(atRanks: ranks, among: durations).map { $0.map { .microseconds($0) } ?? .infinite }
    }
}
