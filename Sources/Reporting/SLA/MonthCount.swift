import Domain
import Postgres

/// What the tasks of a month come to, as one reader of `month_tasks.sql` counts them: a row is of tasks that count
/// alike, which are read once, and counted for every figure that they are part of.
///
/// SQL classifies, this counts. Readers have customers of their own; what they counted is put together by ``add(_:)``.
struct MonthCount: Sendable {
    /// What became of a task, by the words of `classified_task.sql`; in the order in which they are looked for.
    enum Outcome: String, CaseIterable {
        case good, late, failed, undetermined, cancelled
        case timedOut = "timed_out"
        case inputRefused = "input_refused"
        case inFlightOver = "in_flight_over"
        case cancelledLate = "cancelled_late"
        case providerOutage = "provider_outage"
        case clockError = "clock_error"
    }

    /// Which clocks a row counts on.
    enum Clocks: UInt8, CaseIterable {
        case accept, dispatch, both

        func count(_ clock: ContractProfile.Clock) -> Bool {
            self == .both || self == (clock == .accept ? .accept : .dispatch)
        }
    }

    /// Tasks of one account's number, model and clock, which one contract judges.
    struct Key: Hashable {
        let account: Int32
        let model: Int32
        let clocks: Clocks
        /// Its place among the report's.
        let contract: Int32
    }

    /// What they come to.
    struct Group: Sendable {
        let clocks: Clocks
        let contract: Int32
        var outcomes = [Int64](repeating: 0, count: Outcome.allCases.count)
        /// Microseconds of those that succeeded and whose two instants are known.
        var durations: [Int64] = []
        /// Tasks on the clock that judges.
        var judged: Int64 = 0
        /// Of those the ones that are terminal, and what they cost.
        var items: Int64 = 0
        var refundedItems: Int64 = 0
        var credits: Int128 = 0
        var refundedCredits: Int128 = 0

        subscript(_ outcome: Outcome) -> Int64 {
            guard let number = MonthCount.number[outcome] else { preconditionFailure("every outcome has a number") }
            return outcomes[number]
        }
    }

    /// A batch's or an owner's UUID.
    struct Identifier: Hashable {
        let high: UInt64
        let low: UInt64

        /// Throws `configuration` for what is no UUID: the query is somebody's own.
        init(_ bytes: UnsafeRawBufferPointer) throws {
            guard bytes.count == 16 else {
                throw DaybookError.configuration(
                    "A column of month_tasks.sql that names a row is no uuid; take the report's own file.")
            }
            high = UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self))
            low = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        }

        /// The text form.
        var text: String {
            var digits = String(high, radix: 16)
            digits = String(repeating: "0", count: 16 - digits.count) + digits
            let rest = String(low, radix: 16)
            digits += String(repeating: "0", count: 16 - rest.count) + rest
            for offset in [20, 16, 12, 8] { digits.insert("-", at: digits.index(digits.startIndex, offsetBy: offset)) }
            return digits
        }
    }

    /// What the tasks of one batch come to by the cutoff.
    struct Work: Sendable {
        var tasks: Int64 = 0
        var openTasks: Int64 = 0
        var cost: Int128 = 0
        var delivered: Int128 = 0
        var lastTerminalAt: Instant?
    }

    /// Where the columns of `month_tasks.sql` are.
    private enum Column {
        static let account = 0, model = 1, outcome = 2, marks = 3, tasks = 4, cost = 5, batch = 6, lastTerminalAt = 7
        static let durations = 8, stranger = 9, id = 10, setAside = 11, cellCut = 12, day = 13, cause = 14

        static let names = [
            "account", "model", "outcome", "marks", "tasks", "cost", "batch_id", "last_terminal_at", "durations",
            "stranger", "id", "set_aside", "cell_cut", "day", "cause",
        ]
    }

    /// What a row's marks say.
    fileprivate struct Marks: OptionSet {
        let rawValue: Int64

        static let isJudging = Marks(rawValue: 1), isBoth = Marks(rawValue: 2), isDispatch = Marks(rawValue: 4)
        static let hasSucceeded = Marks(rawValue: 8), isEstimated = Marks(rawValue: 16)
        /// It has ended, and nobody knows when.
        static let hasNoInstant = Marks(rawValue: 32)
        static let isModelMissing = Marks(rawValue: 64), hasNoBatch = Marks(rawValue: 128)
        static let isUndated = Marks(rawValue: 256), isTerminal = Marks(rawValue: 512)
        /// What stands before the marks: the place of the contract that judges the tasks.
        static let bits = 10
    }

    /// What every row says of its tasks: how many they are, what each costs, and what the marks say.
    fileprivate struct Alike {
        let tasks: Int64
        let cost: Int64
        let marks: Marks
        let contract: Int32

        init(_ row: borrowing RowView) throws {
            tasks = try row.int(Column.tasks)
            cost = try row.int(Column.cost)
            let said = try row.int(Column.marks)
            marks = Marks(rawValue: said & (1 << Marks.bits - 1))
            contract = Int32(truncatingIfNeeded: said >> Marks.bits)
        }

        /// What all of them cost.
        var costs: Int128 { Int128(tasks) * Int128(cost) }
    }

    private static let names = Outcome.allCases.map { Array($0.rawValue.utf8) }
    private static let number = Dictionary(uniqueKeysWithValues: zip(Outcome.allCases, 0...))

    private(set) var models: [String] = []
    private(set) var groups: [Group] = []
    private(set) var keys: [Key: Int] = [:]
    private(set) var work: [Work] = []
    private(set) var batches: [Identifier: Int] = [:]
    /// Owners of judged tasks who have no account.
    private(set) var strangers: Set<Identifier> = []
    /// True where a judged task has no owner at all.
    private(set) var hasNobodys = false
    /// Tasks that are named, each with the reason.
    private(set) var named: [SLAFigures.Exception] = []
    private(set) var estimated: Int64 = 0
    private(set) var withoutInstant: Int64 = 0
    private(set) var withoutModel: Int64 = 0
    private(set) var withoutBatch: Int64 = 0
    private(set) var undated: Int64 = 0
    private(set) var days = MonthDays()

    /// Rows of a batch mostly come together: what the last one was counted to is looked at first.
    private var lastKey: (key: Key, group: Int)?
    private var lastBatch: (id: Identifier, work: Int)?
    private var modelBytes: [[UInt8]] = []

    /// The number of the account whose task a row of `month_tasks.sql` is.
    static func account(of row: borrowing RowView) throws -> Int64 { try row.int(Column.account) }

    /// Throws `configuration` where the rows are not those of `month_tasks.sql`: it is somebody's own, or a copy from
    /// before.
    static func require(_ columns: [ColumnDescription]) throws {
        guard columns.map(\.name) == Column.names else {
            throw DaybookError.configuration(
                "The columns of month_tasks.sql are not those that are counted; take the report's own file.")
        }
    }

    /// Counts a row of `month_tasks.sql`.
    mutating func read(_ row: borrowing RowView) throws {
        let alike = try Alike(row)
        if alike.marks.contains(.isUndated), alike.marks.contains(.isDispatch) { undated += alike.tasks }
        if !row.isNull(Column.batch) {
            let place = place(of: try Identifier(row.bytes(Column.batch)))
            work[place].add(alike, lastTerminalAt: try row.optionalInstant(Column.lastTerminalAt))
        }
        // What lies in no month has no outcome.
        guard !row.isNull(Column.outcome) else { return }
        guard !alike.marks.contains(.hasNoBatch) else {
            // They are counted where their creation lies, which is where the clock of their acceptance starts.
            if alike.marks.contains(.isBoth) || alike.marks.isDisjoint(with: .isDispatch) {
                withoutBatch += alike.tasks
            }
            return
        }
        try count(row, alike)
    }

    private mutating func count(_ row: borrowing RowView, _ alike: Alike) throws {
        let marks = alike.marks
        let clocks: Clocks = marks.contains(.isBoth) ? .both : marks.contains(.isDispatch) ? .dispatch : .accept
        let key = Key(
            account: Int32(truncatingIfNeeded: try row.int(Column.account)), model: try model(row), clocks: clocks,
            contract: alike.contract)
        let place = place(of: key)
        let outcome = try Self.outcome(row.bytes(Column.outcome))
        groups[place].outcomes[outcome] += alike.tasks
        try row.appendMicroseconds(Column.durations, to: &groups[place].durations)
        days.count(
            alike.tasks, key, day: Int(try row.int(Column.day)), outcome: outcome,
            cause: try row.optionalText(Column.cause),
            batch: row.isNull(Column.batch) ? nil : try Identifier(row.bytes(Column.batch)))
        guard marks.contains(.isJudging) else { return }
        groups[place].judged += alike.tasks
        if marks.contains(.isTerminal) {
            groups[place].addTerminal(alike)
            if marks.contains(.isEstimated) { estimated += alike.tasks }
        }
        if marks.contains(.isModelMissing) { withoutModel += alike.tasks }
        if marks.contains(.hasNoInstant) { withoutInstant += alike.tasks }
        if key.account == 0 {
            if row.isNull(Column.stranger) {
                hasNobodys = true
            } else {
                strangers.insert(try Identifier(row.bytes(Column.stranger)))
            }
        }
        if !row.isNull(Column.setAside) || !row.isNull(Column.cellCut) {
            // A table without a key may hold an id more than once.
            for _ in 0..<alike.tasks {
                try name(row, outcome: Outcome.allCases[outcome], account: Int64(key.account))
            }
        }
    }

    private mutating func name(_ row: borrowing RowView, outcome: Outcome, account: Int64) throws {
        let id = row.isNull(Column.id) ? nil : try Identifier(row.bytes(Column.id)).text
        if let detail = try row.optionalText(Column.setAside) {
            named.append(.init(kind: outcome.rawValue, account: account, reference: id, detail: detail))
        }
        if let detail = try row.optionalText(Column.cellCut) {
            named.append(.init(kind: "cell_cut", account: account, reference: id, detail: detail))
        }
    }

    private static func outcome(_ bytes: UnsafeRawBufferPointer) throws -> Int {
        for number in names.indices where names[number].count == bytes.count {
            if names[number].elementsEqual(bytes) { return number }
        }
        throw DaybookError(
            .configuration,
            "The report classifies a task as \"\(String(decoding: bytes, as: UTF8.self))\", which no figure counts; "
                + "reinstall the reports.")
    }

    private mutating func model(_ row: borrowing RowView) throws -> Int32 {
        let bytes = row.bytes(Column.model)
        for number in modelBytes.indices where modelBytes[number].count == bytes.count {
            if modelBytes[number].elementsEqual(bytes) { return Int32(number) }
        }
        return number(ofModel: try row.text(Column.model))
    }

    private mutating func number(ofModel name: String) -> Int32 {
        if let number = models.firstIndex(where: { $0.utf8.elementsEqual(name.utf8) }) { return Int32(number) }
        models.append(name)
        modelBytes.append(Array(name.utf8))
        return Int32(models.count - 1)
    }

    private mutating func place(of key: Key) -> Int {
        if let lastKey, lastKey.key == key { return lastKey.group }
        let place =
            keys[key]
            ?? {
                groups.append(Group(clocks: key.clocks, contract: key.contract))
                keys[key] = groups.count - 1
                return groups.count - 1
            }()
        lastKey = (key, place)
        return place
    }

    private mutating func place(of batch: Identifier) -> Int {
        if let lastBatch, lastBatch.id == batch { return lastBatch.work }
        let place =
            batches[batch]
            ?? {
                work.append(Work())
                batches[batch] = work.count - 1
                return work.count - 1
            }()
        lastBatch = (batch, place)
        return place
    }

    /// Adds what another reader counted.
    mutating func add(_ other: MonthCount) {
        for (key, place) in other.keys {
            let model = number(ofModel: other.models[Int(key.model)])
            let own = self.place(
                of: Key(account: key.account, model: model, clocks: key.clocks, contract: key.contract))
            groups[own].add(other.groups[place])
        }
        for (batch, place) in other.batches { work[self.place(of: batch)].add(other.work[place]) }
        let numbers = other.models.map { number(ofModel: $0) }
        days.add(other.days) { numbers[Int($0)] }
        strangers.formUnion(other.strangers)
        hasNobodys = hasNobodys || other.hasNobodys
        named += other.named
        estimated += other.estimated
        withoutInstant += other.withoutInstant
        withoutModel += other.withoutModel
        withoutBatch += other.withoutBatch
        undated += other.undated
    }
}

extension MonthCount.Group {
    fileprivate mutating func addTerminal(_ alike: MonthCount.Alike) {
        items += alike.tasks
        credits += alike.costs
        guard !alike.marks.contains(.hasSucceeded) else { return }
        refundedItems += alike.tasks
        refundedCredits += alike.costs
    }

    fileprivate mutating func add(_ other: MonthCount.Group) {
        for outcome in outcomes.indices { outcomes[outcome] += other.outcomes[outcome] }
        durations += other.durations
        judged += other.judged
        items += other.items
        refundedItems += other.refundedItems
        credits += other.credits
        refundedCredits += other.refundedCredits
    }
}

extension MonthCount.Work {
    fileprivate mutating func add(_ alike: MonthCount.Alike, lastTerminalAt last: Instant?) {
        tasks += alike.tasks
        cost += alike.costs
        guard alike.marks.contains(.isTerminal) else {
            openTasks += alike.tasks
            return
        }
        if alike.marks.contains(.hasSucceeded) { delivered += alike.costs }
        lastTerminalAt = [lastTerminalAt, last].compactMap { $0 }.max()
    }

    fileprivate mutating func add(_ other: MonthCount.Work) {
        tasks += other.tasks
        openTasks += other.openTasks
        cost += other.cost
        delivered += other.delivered
        lastTerminalAt = [lastTerminalAt, other.lastTerminalAt].compactMap { $0 }.max()
    }
}
