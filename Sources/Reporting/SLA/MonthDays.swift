import Domain

/// The month's tasks by the day on which their clock started, and why those failed that did: what a page draws and
/// explains, counted from the same rows as the figures.
struct MonthDays: Sendable {
    /// Why a task failed that is not timed out, by the words of `month_tasks.sql`.
    enum Cause: String, CaseIterable, Sendable {
        case outputModeration = "output_moderation"
        case modelError = "model_error"
        case network
        case refusedParameters = "param_error"
        /// The provider says no more.
        case error
        case other
    }

    /// Tasks of one model and of one kind of clocks.
    struct Key: Hashable {
        let model: Int32
        let clocks: MonthCount.Clocks
    }

    struct Counts: Sendable {
        /// By day from the first, and there by outcome.
        var outcomes: [[Int64]] = []
        var causes = [Int64](repeating: 0, count: Cause.allCases.count)

        mutating func add(_ tasks: Int64, day: Int, outcome: Int) {
            while outcomes.count < day {
                outcomes.append([Int64](repeating: 0, count: MonthCount.Outcome.allCases.count))
            }
            // What began before the first day is in no month, and has no outcome.
            guard day > 0 else { return }
            outcomes[day - 1][outcome] += tasks
        }

        mutating func add(_ other: Counts) {
            for (day, counts) in other.outcomes.enumerated() {
                for (outcome, tasks) in counts.enumerated() { add(tasks, day: day + 1, outcome: outcome) }
            }
            for cause in causes.indices { causes[cause] += other.causes[cause] }
        }
    }

    /// Tasks of a batch that broke the promise of a model.
    struct Broken: Hashable {
        let batch: MonthCount.Identifier
        let model: Int32
        /// The number of the account.
        let account: Int32
    }

    static let bad: Set<MonthCount.Outcome> = [.late, .failed, .timedOut, .cancelledLate, .inFlightOver]

    private(set) var counts: [Key: Counts] = [:]
    /// How many they are.
    private(set) var broken: [Broken: Int64] = [:]

    /// Counts tasks of one row.
    mutating func count(
        _ tasks: Int64, _ key: MonthCount.Key, day: Int, outcome: Int, cause: String?, batch: MonthCount.Identifier?
    ) {
        let own = Key(model: key.model, clocks: key.clocks)
        counts[own, default: Counts()].add(tasks, day: day, outcome: outcome)
        if let cause, let number = Cause.allCases.firstIndex(of: Cause(rawValue: cause) ?? .other) {
            counts[own, default: Counts()].causes[number] += tasks
        }
        guard let batch, Self.bad.contains(MonthCount.Outcome.allCases[outcome]) else { return }
        broken[Broken(batch: batch, model: key.model, account: key.account), default: 0] += tasks
    }

    /// Adds what another reader counted, who numbers models differently.
    mutating func add(_ other: MonthDays, model: (Int32) -> Int32) {
        for (key, counts) in other.counts {
            self.counts[Key(model: model(key.model), clocks: key.clocks), default: Counts()].add(counts)
        }
        for (broken, tasks) in other.broken {
            let own = Broken(batch: broken.batch, model: model(broken.model), account: broken.account)
            self.broken[own, default: 0] += tasks
        }
    }
}

/// What a page draws and explains of a month beyond its tables.
struct MonthDetail: Sendable {
    /// A batch, and how many of its tasks broke a promise.
    struct Batch: Sendable {
        let id: String
        /// The number of the account.
        let account: Int64
        let broken: Int64
    }

    /// Tasks of one model on the clock that judges.
    struct Model: Sendable {
        let model: String
        /// By day from the first, and there by outcome.
        let days: [[Int64]]
        let causes: [(cause: MonthDays.Cause, tasks: Int64)]
        /// Those with the most broken tasks, at most ``Limits/cardRows``.
        let worstBatches: [Batch]
        /// Batches with any.
        let brokenBatches: Int
        let durations: DurationSteps

        /// How many of a day had some outcomes; days count from 1.
        func count(_ outcomes: Set<MonthCount.Outcome>, day: Int) -> Int64 {
            guard day <= days.count else { return 0 }
            return zip(MonthCount.Outcome.allCases, days[day - 1]).reduce(0) {
                $0 + (outcomes.contains($1.0) ? $1.1 : 0)
            }
        }

        func count(_ outcome: MonthCount.Outcome) -> Int64 {
            (0..<days.count).reduce(0) { $0 + count([outcome], day: $1 + 1) }
        }
    }

    /// How long succeeded tasks took, in steps of the same length; each holds its upper end.
    struct DurationSteps: Sendable {
        static let count = 20

        let microsecondsPerStep: Int64
        /// The limit, in steps; nil without one.
        let limit: Int?
        /// The last one holds all that took longer.
        private(set) var steps = [Int64](repeating: 0, count: count + 1)

        init(_ durations: [[Int64]], limitSeconds: Int64?) {
            let longest = durations.reduce(0) { max($0, $1.max() ?? 0) }
            // Half of the steps lie before the limit.
            limit = limitSeconds.map { _ in Self.count / 2 }
            microsecondsPerStep = max(
                limitSeconds.map { $0 * 1_000_000 / Int64(Self.count / 2) }
                    ?? (longest / Int64(Self.count) / 1_000_000 + 1) * 1_000_000, 1)
            for part in durations {
                for duration in part {
                    steps[min(Int(max(duration - 1, 0) / microsecondsPerStep), Self.count)] += 1
                }
            }
        }
    }

    /// Refunds of one class that came in one step of a tenth of the deadline, from 1.
    struct RefundAge: Sendable {
        static let stepsOfDeadline: Int64 = 10
        /// The last step holds all that took longer.
        static let lastStep = 31

        let account: Int64
        let refundClass: String
        let step: Int
        let batches: Int64
    }

    /// Minutes in a row in which a component was not up.
    struct Downtime: Sendable {
        enum Kind: String, Sendable {
            case down, announced, unmonitored
        }

        let component: String
        let kind: Kind
        let startsAt: Instant
        let minutes: Int64
    }

    var models: [Model] = []
    var refundAges: [RefundAge] = []
    var downtime: [Downtime] = []
}

extension MonthCount {
    /// What a page draws of the month's tasks on one clock, model by model in the order of their bytes.
    func detail(_ profile: ContractProfile) -> [MonthDetail.Model] {
        let numbers = Set(days.counts.keys.filter { $0.clocks.count(profile.clock) }.map(\.model))
        let ordered = numbers.sorted { left, right in
            models[Int(left)].utf8.lexicographicallyPrecedes(models[Int(right)].utf8)
        }
        let broken = Dictionary(grouping: days.broken) { $0.key.model }
        return ordered.map { number in
            let name = models[Int(number)]
            var counts = MonthDays.Counts()
            for (key, own) in days.counts where key.model == number && key.clocks.count(profile.clock) {
                counts.add(own)
            }
            let durations = keys.filter { $0.key.model == number && $0.key.clocks.count(profile.clock) }
                .map { groups[$0.value].durations }
            let batches = (broken[number] ?? []).map { batch, tasks in
                MonthDetail.Batch(id: batch.batch.text, account: Int64(batch.account), broken: tasks)
            }
            let worst = batches.sorted { ($1.broken, $0.id) < ($0.broken, $1.id) }
            return MonthDetail.Model(
                model: name, days: counts.outcomes, causes: Array(zip(MonthDays.Cause.allCases, counts.causes)),
                worstBatches: Array(worst.prefix(Limits.cardRows)), brokenBatches: batches.count,
                durations: .init(durations, limitSeconds: profile.completions[name]?.limitSeconds))
        }
    }
}
