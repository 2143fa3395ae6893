public import Documents
public import Domain
public import Postgres
import Schema

/// What a line of a provider's bill, or a task that is not on it, turned out to be.
public enum MatchClass: String, Sendable, CaseIterable {
    /// Rendered, billed once, and paid for by the customer.
    case agreed
    /// Billed, and the customer got the credit back.
    case refundedButRendered = "refunded_but_rendered"
    /// Rendered and billed, and no customer paid for it.
    case renderedButNotCharged = "rendered_but_not_charged"
    /// Another line for the same id, or for another id of the same task.
    case chargedTwice = "charged_twice"
    /// No task of ours has the id.
    case billedUnknownID = "billed_unknown_id"
    /// Rendered in the month and paid for, and not on the bill.
    case notBilled = "not_billed"
    /// The bill names another model than the task.
    case modelDiffers = "model_differs"
    /// Not ended, not settled, or not given back yet.
    case open

    /// The order in which the rows come: what needs somebody first.
    static let inOrder = allCases.filter { $0 != agreed } + [agreed]
}

/// Compares a provider's bill of a month with the tasks and the ledger, in both directions.
public struct ProviderMatch: Sendable {
    private let definitionFolder: String
    private let bill: ProviderBill
    private let month: Month

    /// - Parameters:
    ///   - definitionFolder: the folder of the installed report definitions.
    ///   - bill: the bill.
    ///   - month: the month, in UTC, whose rendered and paid tasks should be on the bill.
    public init(definitionFolder: String, bill: ProviderBill, month: Month) {
        self.definitionFolder = definitionFolder
        self.bill = bill
        self.month = month
    }

    /// Reads in one snapshot and writes row after row. Throws `configuration` where the tasks do not say the provider's
    /// ids.
    public func write(_ connection: Connection, to output: MatchOutput) async throws -> MatchOutcome {
        let library = try QueryLibrary(folder: definitionFolder + "/ledger")
        let (bill, month) = (bill, month)
        return try await connection.transaction(ReportSession.options(statementTimeoutMilliseconds: 0)) { session in
            try ReportSession.prepare(session)
            let catalog = try Catalog(session)
            try catalog.requireEssentials()
            guard catalog.type(of: "grsai_task_id", in: .videoTasks) != nil else {
                throw DaybookError.configuration(
                    "public.video_tasks has no column grsai_task_id, so nobody can say which task a line of the bill "
                        + "is of.")
            }
            let query = try library.bind(
                "provider_match", catalog: catalog, parameters: try values(session, catalog),
                standingIn: catalog.has(.lot) ? ["provider_task": "provider_task_of_engine"] : [:])
            let slugs = try Dictionary(
                Books(session: session, catalog: catalog).accounts().map { ($0.userID, $0.slug) }
            ) { first, _ in first }
            let writing = try MatchWriting(output, month: month, createdAt: try session.snapshotInstant())
            var outcome = MatchOutcome(month: month, billed: bill.total, lines: bill.ids.count)
            try query.forEachRow(session) { row in
                let matched = try MatchRow(row, bill: bill, slugs: slugs)
                outcome.add(matched)
                try writing.add(matched)
            }
            try outcome.requireWhole()
            try writing.finish(outcome)
            return outcome
        }
    }

    private func values(_ session: Session, _ catalog: Catalog) throws -> [String: Value] {
        let books = Books(session: session, catalog: catalog)
        let now = try session.snapshotInstant()
        let models = try Contracts(books, definitionFolder: definitionFolder).modelParameters(
            of: try books.accounts(), now: now, session: session)
        let period = try LocalMonths(session).periods(of: [(month: month, timeZone: "UTC")])[0]
        return models.merging([
            "billed_ids": .texts(bill.ids), "billed_models": .texts(bill.bookedModels),
            "month_start": .instant(period.start), "month_end": .instant(period.end), "only_user": .null,
            "snapshot_at": .instant(now), "classes": .texts(MatchClass.inOrder.map(\.rawValue)),
        ]) { _, own in own }
    }
}

/// One line of the bill with what it was compared with, or a task without a line.
struct MatchRow {
    let verdict: MatchClass
    /// The line of the file; nil for what is not on the bill.
    let line: Int?
    let providerTaskID: String
    let billedModel: String
    let amount: Dollars?
    let account: String
    let userID: String
    let batchID: String
    let taskID: String
    let model: String
    let status: String
    let credits: Int64?
    let endedAt: Instant?

    init(_ row: borrowing RowView, bill: ProviderBill, slugs: [String: String]) throws {
        guard let verdict = MatchClass(rawValue: try row.text(0)) else {
            throw PostgresError(.decoding, "A row has a class that this program does not know.", column: "class")
        }
        self.verdict = verdict
        let place = try row.optionalInt(1).map { Int($0) - 1 }
        line = place.map { bill.lines[$0] }
        billedModel = place.map { bill.models[$0] } ?? ""
        amount = place.map { Dollars(micros: bill.amounts[$0]) }
        userID = try row.text(2)
        account = userID.isEmpty ? "" : slugs[userID] ?? "(none)"
        batchID = try row.text(3)
        taskID = try row.text(4)
        model = try row.text(5)
        status = try row.text(6)
        credits = try row.optionalInt(7)
        endedAt = try row.optionalInstant(8)
        providerTaskID = try place.map { bill.ids[$0] } ?? row.text(9)
    }

    static let columns = [
        Column("class", .text, width: 26), Column("line", .integer, width: 9),
        Column("provider_task_id", .identifier, width: 38), Column("billed_model", .text, width: 14),
        Column("usd", .usd, width: 12), Column("account", .text, width: 16), Column("batch", .identifier, width: 38),
        Column("task", .identifier, width: 38), Column("model", .text, width: 12), Column("status", .text, width: 12),
        Column("credits", .integer, width: 10), Column("ended_at", .instant, width: 34),
        Column("user_id", .identifier, width: 38),
    ]

    var cells: [Cell] {
        [
            .text(verdict.rawValue), .optional(line.map(Int64.init)), .text(providerTaskID), .text(billedModel),
            amount.map(Cell.dollars) ?? .empty, .text(account), .text(batchID), .text(taskID), .text(model),
            .text(status), .optional(credits), endedAt.map(Cell.instant) ?? .empty, .text(userID),
        ]
    }
}

/// How many lines are of each class, and what they come to.
public struct MatchOutcome: Sendable {
    /// The rows of one class.
    public struct Sum: Sendable, Hashable {
        public var rows: Int64 = 0
        /// By the bill: nothing for what is not on it.
        public var billed = Dollars.zero
        /// What the tasks cost their customers, whatever became of it.
        public var credits: Int64 = 0
    }

    public let month: Month
    /// What all lines of the file come to.
    public let billed: Dollars
    public let lines: Int
    public private(set) var sums: [MatchClass: Sum] = [:]
    /// The first rows that do not agree, for a terminal.
    private var shown: [[Cell]] = []

    init(month: Month, billed: Dollars, lines: Int) {
        self.month = month
        self.billed = billed
        self.lines = lines
    }

    mutating func add(_ row: MatchRow) {
        var sum = sums[row.verdict] ?? Sum()
        sum.rows += 1
        sum.billed = Dollars(micros: sum.billed.micros + (row.amount?.micros ?? 0))
        // Of a task that stands on several lines the credits count once.
        if row.verdict != .chargedTwice { sum.credits += row.credits ?? 0 }
        sums[row.verdict] = sum
        if row.verdict != .agreed, shown.count < Limits.matchRowsShown { shown.append(row.cells) }
    }

    /// The first rows that do not agree, and how many more there are.
    public var shownTable: (table: Table, more: Int64) {
        let rows = sums.filter { $0.key != .agreed }.values.reduce(Int64(0)) { $0 + $1.rows }
        let table = Table(name: "rows", title: "What does not agree", note: "", columns: MatchRow.columns, rows: shown)
        return (table, rows - Int64(shown.count))
    }

    /// True where every line agrees, and nothing is missing.
    public var isAgreed: Bool { sums.keys.allSatisfy { $0 == .agreed } }

    /// Every line has been counted once: two tasks or batches of one id would make two of a line.
    func requireWhole() throws {
        let total = sums.values.reduce(Int64(0)) { $0 + $1.billed.micros }
        let rows = sums.filter { $0.key != .notBilled }.values.reduce(Int64(0)) { $0 + $1.rows }
        guard total == billed.micros, rows == Int64(lines) else {
            throw DaybookError.badData(
                "The bill has \(lines) lines and \(billed) USD, and the comparison \(rows) and "
                    + "\(Dollars(micros: total)): the database has two tasks or two batches of one id.")
        }
    }

    /// The classes with their rows and dollars, and the sum of them, which is that of the file.
    public var table: Table {
        let rows = MatchClass.allCases.map { verdict -> [Cell] in
            let sum = sums[verdict] ?? Sum()
            return [
                .text(verdict.rawValue), .integer(sum.rows), .dollars(sum.billed), .integer(sum.credits),
            ]
        }
        let count = sums.values.reduce(Int64(0)) { $0 + $1.rows }
        let credits = sums.values.reduce(Int64(0)) { $0 + $1.credits }
        return Table(
            name: "classes", title: "Classes", note: "",
            columns: [
                Column("class", .text, width: 28), Column("rows", .integer, width: 12),
                Column("usd", .usd, width: 16), Column("credits", .integer, width: 14),
            ], rows: rows + [[.text("total"), .integer(count), .dollars(billed), .integer(credits)]])
    }
}
