import Domain
import Postgres
import Schema

/// The figures of reports of single accounts: those of all accounts of a group are counted in one reading, and each
/// report has its own account's, as if it had been counted alone.
///
/// The queries number a group's accounts from 1; in its own report each is the first.
extension SLAReader {
    /// Counts everything but the drill-down, for the report of each account.
    ///
    /// - Parameter scopes: Those that the reader's scope was made of, in the order of their accounts' numbers.
    func figures(ofEach scopes: [SLAScope]) throws -> [SLAFigures] {
        let availability = try availability([scope.current], forEach: scopes)
        let months = try countMonths()
        let counted = try MonthCount.parameters(of: months.enumerated().map { (Int64($0.offset) + 1, $0.element) })
        var figures = try zip(scopes, months).enumerated().map { index, own in
            let (scope, month) = own
            var figures = SLAFigures()
            figures.availability = availability[index].first ?? []
            figures.ownAvailability = [scope.accounts[0].slug: figures.availability]
            figures.completions = month.completions().filter { $0.account != nil }.map(\.own)
            figures.judgedTasks = month.judged
            figures.detail.models = month.detail(scope.widestProfile)
            figures.refundRates = try month.refundRates().filter { $0.account != nil }.map(\.own)
            return figures
        }
        try countBatches(counted, into: &figures)
        let exceptions = try self.exceptions(counted).apart(figures.count, by: \.account)
        let ages = try refundAges(counted).apart(figures.count, by: \.account)
        let notices = scopes.map(\.widestProfile.maintenanceNoticeHours)
        let downtime = try Dictionary(
            uniqueKeysWithValues: Set(notices).sorted().map { ($0, try self.downtime(noticeHours: $0)) })
        let (missing, within) = (missingTables(), try apiMinutes())
        let histories = try histories(ofEach: scopes)
        for index in figures.indices {
            figures[index].exceptions =
                missing + (months[index].exceptions() + exceptions[index]).map(\.own).sorted()
            figures[index].detail.refundAges = ages[index].map(\.own)
            figures[index].detail.downtime = downtime[notices[index]] ?? []
            figures[index].history = histories[index]
            figures[index].within = within
        }
        return figures
    }

    /// Availability in some months by the terms of each scope: it is nobody's own, and counted once for all who ask for
    /// the same notice of maintenance.
    func availability(
        _ months: [SLAScope.JudgedMonth], forEach scopes: [SLAScope]
    ) throws -> [[[AvailabilityFigure]]] {
        let notices = scopes.map(\.widestProfile.maintenanceNoticeHours)
        let counted = try Dictionary(
            uniqueKeysWithValues: Set(notices).sorted().map { ($0, try availability(months, noticeHours: $0)) })
        return notices.map { counted[$0] ?? [] }
    }

    /// Reads the tasks of the month, each once: the count of each account's.
    private func countMonths() throws -> [MonthCount] {
        let accounts = scope.accounts.count
        let parts = try dividedTasks { query, session in
            var months = [MonthCount](repeating: MonthCount(), count: accounts)
            try query.forEachRow(session, onColumns: MonthCount.require) { row in
                try months[Self.place(of: try MonthCount.account(of: row), among: accounts)].read(row)
            }
            return months
        }
        var months = parts[0]
        for part in parts.dropFirst() {
            for index in months.indices { months[index].add(part[index]) }
        }
        return months
    }

    private func countBatches(_ counted: [String: Value], into figures: inout [SLAFigures]) throws {
        let batches = try batches([scope.current], counted: counted)[0].apart(figures.count, by: \.account)
        let keys = try idempotencyKeys(), keepsLog = try keepsRequestLog()
        let refunds = try refundExceptions(counted).apart(figures.count, by: \.account)
        for index in figures.indices {
            let own = batches[index].first?.figure ?? BatchFigure()
            figures[index].batches = [SLAFigures.Of(account: nil, figure: own).own]
            figures[index].idempotency = [
                SLAFigures.Of(
                    account: nil,
                    figure: IdempotencyFigure(keys[Int64(index) + 1], keepsLog: keepsLog, own)
                ).own
            ]
            figures[index].refundExceptions = refunds[index].map(\.own)
        }
    }

    /// Where what is of an account's number stands among as many accounts.
    ///
    /// Throws `configuration` for a row of nobody who was asked for: a query of somebody's own may give one.
    static func place(of account: Int64, among count: Int) throws(DaybookError) -> Int {
        guard account > 0, account <= Int64(count) else {
            throw .configuration(
                "A query of the SLA report gives rows of accounts that it was not asked for; reinstall the reports.")
        }
        return Int(account) - 1
    }
}

extension Array {
    /// The elements of each of so many accounts, by their number. Those of everybody are nobody's own.
    func apart(_ count: Int, by account: (Element) -> Int64?) throws -> [[Element]] {
        var apart = [[Element]](repeating: [], count: count)
        for element in self {
            guard let number = account(element) else { continue }
            apart[try SLAReader.place(of: number, among: count)].append(element)
        }
        return apart
    }
}

// The same in the report of its own account alone, which is the first one there.

extension SLAFigures.Of {
    fileprivate var own: Self { .init(account: 1, figure: figure) }
}

extension SLAFigures.RefundException {
    fileprivate var own: Self {
        .init(
            account: 1, batchID: batchID, refundClass: refundClass, obligatedCredits: obligatedCredits,
            refundedCredits: refundedCredits, microseconds: microseconds, day: day)
    }
}

extension MonthDetail.RefundAge {
    fileprivate var own: Self { .init(account: 1, refundClass: refundClass, step: step, batches: batches) }
}

extension SLAFigures.RefundRate {
    fileprivate var own: Self {
        .init(
            account: 1, model: model, items: items, refundedItems: refundedItems, frozenCredits: frozenCredits,
            refundedCredits: refundedCredits)
    }
}

extension SLAFigures.Exception {
    /// Kinds of which `exceptions.sql` gives the number: those are about no single row, and so about nobody.
    private static let numbers: Set<String> = ["settlement_instant_estimated"]

    fileprivate var own: Self {
        .init(
            kind: kind, account: account == nil || Self.numbers.contains(kind) ? nil : 1, reference: reference,
            detail: detail)
    }
}
