import Documents
public import Domain
public import Ledger
import Postgres
public import Reporting
import Schema

/// What a month came to for one customer.
public struct MonthCustomer: Sendable {
    /// What became of a message.
    public enum Sent: Sendable, Hashable {
        case no
        case at(Instant)
        /// It was given away, and nobody knows whether it was taken.
        case perhaps(Instant)
    }

    public let account: Account
    /// Nil where its month has not begun at the cutoff.
    public let sla: SLAReport.Outcome?
    public let statement: StatementReport.Outcome?
    /// What was used is worth, as its statement says; nil where nothing has a price.
    public let amount: Dollars?
    /// True where something was used that has no price.
    public let hasUnpriced: Bool
    /// What its statement says is due by invoice: the fee less service credits, and what pay as you go comes to; nil
    /// where there is no statement.
    public let due: Dollars?
    public var statementSent = Sent.no
    public var slaSent = Sent.no
    public var closedAt: Instant?

    /// Puts the reports of everybody together, customer after customer.
    static func all(
        _ sla: [SLAReport.Outcome], _ statements: [StatementReport.Outcome], in month: Month
    ) throws
        -> [MonthCustomer]
    {
        let judged = Dictionary(
            sla.compactMap { report in report.account.map { ($0.userID, (account: $0, report: report)) } }
        ) { first, _ in first }
        let stated = Dictionary(statements.map { ($0.account.userID, $0) }) { first, _ in first }
        let accounts = judged.mapValues(\.account).merging(stated.mapValues(\.account)) { $1 }
        return try accounts.values.inNaturalOrder(of: \.slug).map { account in
            let statement = stated[account.userID]
            let (amount, hasUnpriced) = try statement.map(Self.amount) ?? (nil, false)
            let due = try statement.map { try Self.due($0, account.under(month), amount ?? .zero) }
            return MonthCustomer(
                account: account, sla: judged[account.userID]?.report, statement: statement, amount: amount,
                hasUnpriced: hasUnpriced, due: due)
        }
    }

    private static func records(_ name: String, of statement: StatementReport.Outcome) throws -> [CSVFile.Record]? {
        guard let path = statement.files.first(where: { $0.hasSuffix("/\(name).csv") }),
            let content = try PlainFile.read(path)
        else { return nil }
        return try CSVFile(content).records
    }

    private static func due(
        _ statement: StatementReport.Outcome, _ account: Account, _ amount: Dollars
    ) throws -> Dollars {
        let reductions = try records("service_credits", of: statement) ?? []
        let reduced = reductions.compactMap { $0["reduced_usd"].flatMap { Dollars($0) } }.reduce(0) { $0 + $1.micros }
        let used = account.plan == .payAsYouGo ? amount.micros : 0
        return Dollars(micros: account.monthlyFee.micros - reduced + used)
    }

    private static func amount(of statement: StatementReport.Outcome) throws -> (Dollars?, Bool) {
        guard let rows = try records("usage", of: statement) else { return (nil, false) }
        let amounts = rows.compactMap { $0["amount_usd"].flatMap { Dollars($0) } }
        return (
            amounts.isEmpty && !rows.isEmpty ? nil : Dollars(micros: amounts.reduce(0) { $0 + $1.micros }),
            amounts.count < rows.count
        )
    }

    /// What was promised, in four words, and how each of them went: the worst of those that it stands for.
    func verdict(_ names: [Promise.Name]) -> Judged? {
        guard let sla else { return nil }
        return Judged(sla.summary.promises.filter { names.contains($0.name) }, isFinal: sla.isFinal)
    }

    /// True where a promise is broken for good.
    var isBroken: Bool {
        sla?.summary.promises.contains { $0.verdict == .breach && (sla?.isFinal == true || $0.budget.state == .lost) }
            ?? false
    }

    /// The worst of some promises, in words.
    struct Judged: Sendable, Hashable {
        let text: String
        /// The word that the colour and the sign go by.
        let style: String

        init?(_ promises: [Promise], isFinal: Bool) {
            let order: [Verdict] = [.breach, .insufficientData, .pass, .notApplicable]
            guard let worst = order.first(where: { verdict in promises.contains { $0.verdict == verdict } }) else {
                return nil
            }
            // Of a month that goes on, what is lost is worse than what may still be kept.
            let judged = promises.filter { $0.verdict == worst }
            let open = judged.compactMap(\.budget.state).filter { $0 != .lost }
            guard worst == .breach, !isFinal, open.count == judged.count, let state = open.first else {
                (text, style) = (worst.rawValue, PageTable.style(verdict: worst.rawValue))
                return
            }
            (text, style) = (state.text, "v v-open")
        }
    }
}

extension [MonthCustomer] {
    /// Notes what is closed and what was sent of a month, whoever did it.
    func noting(_ month: Month, _ session: Session, _ catalog: Catalog) throws -> [MonthCustomer] {
        let closed = try MonthFacts.closed(month, session, catalog)
        let sent = try MonthFacts.sent(month, session, catalog)
        return map { customer in
            var customer = customer
            customer.closedAt = closed[customer.account.userID]?.at
            customer.statementSent = sent[.statement]?[customer.account.userID] ?? .no
            customer.slaSent = sent[.sla]?[customer.account.userID] ?? .no
            return customer
        }
    }
}

/// What the database says of a month's closes and messages.
enum MonthFacts {
    /// When a customer's month was closed, and by whom, by the owner's id.
    static func closed(
        _ month: Month, _ session: Session, _ catalog: Catalog
    ) throws -> [String: (at: Instant, by: String)] {
        let rows = try session.query(
            """
            WITH month_close AS (\(select("month_close", catalog))),
                month_reopen AS (\(select("month_reopen", catalog)))
            SELECT c.user_id::text AS user_id, max(c.closed_at) AS closed_at,
                (array_agg(c.closed_by ORDER BY c.closed_at DESC))[1] AS closed_by
            FROM month_close AS c
            WHERE c.month = $1 AND NOT EXISTS (
                SELECT FROM month_reopen AS r
                WHERE (r.user_id, r.month, r.revision) = (c.user_id, c.month, c.revision)
            )
            GROUP BY c.user_id ORDER BY c.user_id
            """, [.date(month.firstDay)])
        return try rows.reduce(into: [:]) {
            $0[try $1.text("user_id")] = (at: try $1.instant("closed_at"), by: try $1.text("closed_by"))
        }
    }

    /// What became of the messages, by report and the owner's id.
    static func sent(
        _ month: Month, _ session: Session, _ catalog: Catalog
    ) throws -> [MailItem.Report: [String: MonthCustomer.Sent]] {
        guard catalog.has(table("statement_delivery_outcome")) else { return [:] }
        let rows = try session.query(
            """
            SELECT d.user_id::text AS user_id, d.report,
                max(d.sent_at) FILTER (WHERE o.outcome = 'handed_over') AS sent_at,
                max(d.sent_at) FILTER (WHERE o.outcome IS NULL) AS unknown_at
            FROM daybook.statement_delivery AS d
            LEFT JOIN daybook.statement_delivery_outcome AS o
                ON (o.user_id, o.month, o.sequence) = (d.user_id, d.month, d.sequence)
            WHERE d.month = $1 GROUP BY d.user_id, d.report ORDER BY d.user_id, d.report
            """, [.date(month.firstDay)])
        return try rows.reduce(into: [:]) { sent, row in
            guard let report = MailItem.Report(rawValue: try row.text("report")) else { return }
            let state: MonthCustomer.Sent? =
                try row.optionalInstant("sent_at").map { .at($0) }
                ?? row.optionalInstant("unknown_at").map { .perhaps($0) }
            sent[report, default: [:]][try row.text("user_id")] = state
        }
    }

    private static func select(_ name: String, _ catalog: Catalog) -> String { catalog.select(table(name)) }

    private static func table(_ name: String) -> KnownTable {
        guard let table = KnownTable.own.first(where: { $0.name == name }) else { preconditionFailure("\(name)") }
        return table
    }
}
