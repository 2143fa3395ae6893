import Documents
import Domain
import Postgres
import Schema

/// The service credits that a statement tells of: those that were granted in the month, and those that were granted
/// before and whose rest the month began with.
struct StatementServiceCredits: Sendable {
    /// A credit that was granted, as the database has it.
    struct Granted: Sendable {
        /// The month whose promise was broken.
        let creditMonth: String
        let grantedAt: Instant
        let form: ServiceCreditLife.Form
        let amount: Dollars
        /// How many were booked; nil for a reduction of the fee.
        let credits: Int64?
        /// The reference under which they were booked.
        let reference: String
        /// True for one of the stated month, false for one of before.
        let isOfMonth: Bool
    }

    struct Row: Sendable {
        let granted: Granted
        /// What the fee of the month has of it; nil for one that was booked.
        let share: FeeReduction.Share?
    }

    let rows: [Row]

    /// What comes off the month's fee.
    var reduced: Dollars { sum(\.reduced) }
    /// What is left for the fees to come.
    var left: Dollars { sum(\.left) }

    /// None.
    init() { rows = [] }

    /// - Parameters:
    ///   - granted: Everything by the end of the month, in the order in which it was granted.
    ///   - months: The account's own month of each of them.
    init(_ granted: [Granted], months: [Month], of account: Account, in month: Month) {
        let reductions = zip(granted, months).filter { $0.0.form == .fee }
        let shares = FeeReduction.shares(
            of: reductions.map { FeeReduction.Grant(amount: $0.0.amount, month: $0.1) }, in: month
        ) { account.under($0).monthlyFee }
        let reduced = zip(reductions, shares).map { Row(granted: $0.0.0, share: $0.1) }
        let booked = granted.filter { $0.form == .credits && $0.isOfMonth }.map { Row(granted: $0, share: nil) }
        // What was used up before is told of no more.
        rows = (reduced.filter { ($0.share?.available ?? .zero) > .zero } + booked).sorted { left, right in
            (left.granted.grantedAt, left.granted.creditMonth) < (right.granted.grantedAt, right.granted.creditMonth)
        }
    }

    private func sum(_ part: KeyPath<FeeReduction.Share, Dollars>) -> Dollars {
        Dollars(micros: rows.compactMap { $0.share?[keyPath: part].micros }.reduce(0, +))
    }

    /// `service_credits.csv`, its sheet and its part of the page.
    func table() -> Table {
        Table(
            name: "service_credits", title: "Service credits",
            note: "What was granted because a promise was broken: taken off the monthly fee, never more than it, so "
                + "that the rest goes on to the next month; or booked as bonus credits, which stand among the entries.",
            columns: [
                Column("credit_month", .text, title: "For the month"), Column("granted_at", .instant, width: 34),
                Column("form", .text), Column("amount_usd", .usd, title: "Granted USD"),
                Column("available_usd", .usd, title: "At hand USD"),
                Column("reduced_usd", .usd, title: "Off the fee USD"),
                Column("left_usd", .usd, title: "Left USD"), Column("credits", .integer, title: "Credits booked"),
                Column("reference", .identifier, title: "Booked as", width: 26),
            ],
            rows: rows.map { row in
                [
                    .text(row.granted.creditMonth), .instant(row.granted.grantedAt), .text(row.granted.form.rawValue),
                    .dollars(row.granted.amount), row.share.map { .dollars($0.available) } ?? .empty,
                    row.share.map { .dollars($0.reduced) } ?? .empty, row.share.map { .dollars($0.left) } ?? .empty,
                    .optional(row.granted.credits), .text(row.granted.reference),
                ]
            })
    }

    /// The lines of how the month is paid: what comes off the fee, credit by credit.
    var lines: [(title: String, amount: Dollars)] {
        rows.compactMap { row in
            guard let share = row.share, share.reduced > .zero else { return nil }
            return (
                "Service credit for \(Self.title(row.granted.creditMonth)): off the fee",
                Dollars(micros: -share.reduced.micros)
            )
        }
    }

    /// What no line says: what is left, and what was booked. Empty where there is nothing.
    var note: String {
        let rest = left > .zero ? ["\(left) USD of service credit are left, and come off the next fee."] : []
        let booked = rows.compactMap { row in
            row.granted.credits.map { credits in
                "The service credit for \(Self.title(row.granted.creditMonth)) was booked as "
                    + "\(GroupedNumber.text(credits)) bonus credits."
            }
        }
        return (rest + booked).joined(separator: " ")
    }

    private static func title(_ month: String) -> String { Month(month)?.title ?? month }
}

extension StatementRun {
    /// What was granted of service credits by the end of the month, by the number of the account.
    func grantedServiceCredits() throws -> [Int64: [StatementServiceCredits.Granted]] {
        let query = try library.bind("service_credits", catalog: catalog, parameters: scope.parameters)
        return try query.rows(session).reduce(into: [:]) { granted, row in
            guard let form = ServiceCreditLife.Form(rawValue: try row.text("form")) else { return }
            granted[try row.int("account"), default: []].append(
                StatementServiceCredits.Granted(
                    creditMonth: try row.text("credit_month"), grantedAt: try row.instant("granted_at"), form: form,
                    amount: Dollars(micros: try row.int("amount_micros")), credits: try row.optionalInt("credits"),
                    reference: try row.text("reference"), isOfMonth: try row.bool("is_of_month")))
        }
    }

    /// What of them stands in the statement of an account: each belongs to the account's own month that holds its
    /// instant.
    func serviceCredits(
        _ granted: [StatementServiceCredits.Granted], of subject: StatementAccount
    ) throws -> StatementServiceCredits {
        guard !granted.isEmpty else { return StatementServiceCredits() }
        var (current, start) = (scope.request.month, subject.period.start)
        var months = granted.map { _ in current }
        while granted.contains(where: { $0.grantedAt < start }), let month = current.adding(months: -1) {
            for (index, grant) in granted.enumerated() where grant.grantedAt < start { months[index] = month }
            start = try scope.period(of: subject.account, in: month, session: session, catalog: catalog).start
            current = month
        }
        return StatementServiceCredits(granted, months: months, of: subject.account, in: scope.request.month)
    }
}
