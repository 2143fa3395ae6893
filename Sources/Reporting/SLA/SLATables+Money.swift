import Documents
import Domain
import Schema

extension SLATables {
    func refunds() -> Table {
        let classes = ["on_time", "late", "partial", "missing", "over_refunded", "stuck", "pending"]
        return Table(
            name: "refunds", title: "Refunds",
            note:
                "Batches created in the month that owe a refund, by what became of it. Attained is on time / "
                + "obligations.",
            columns: [Column("account", .text), Column("batches", .integer), Column("obligations", .integer)]
                + classes.map { Column($0, .integer) }
                + [
                    Column("obligated_credits", .integer), Column("refunded_credits", .integer),
                    Column("attained", .percent, title: "Attained %"), Column("verdict", .text, width: 17),
                ],
            rows: figures.batches.map { counted in
                let figure = counted.figure
                let numbers = [
                    figure.batches, figure.obligations, figure.onTime, figure.late, figure.partial, figure.missing,
                    figure.overRefunded, figure.stuck, figure.pending, figure.obligatedCredits, figure.refundedCredits,
                ]
                let budget = figure.budget(.autoRefund, figure.refunds, target: .hundred, scope.progress)
                return [.text(scope.accountText(counted.account))] + numbers.map(Cell.integer)
                    + [.optional(figure.refunds.percent)]
                    + [verdict(figure.refunds.verdict(target: .hundred), budget)]
            })
    }

    func refundExceptions() -> Table {
        Table(
            name: "refund_exceptions", title: "Refund exceptions",
            note: "The refund obligations that were not met on time, batch by batch.",
            columns: [
                Column("account", .text), Column("batch_id", .identifier, width: 38), Column("class", .text),
                Column("obligated_credits", .integer), Column("refunded_credits", .integer),
                Column("seconds_to_refund", .seconds),
            ],
            rows: figures.refundExceptions.map { exception in
                [
                    .text(scope.accountText(exception.account)), .text(exception.batchID), .text(exception.refundClass),
                    .integer(exception.obligatedCredits), .integer(exception.refundedCredits),
                    exception.microseconds.map { .duration(microseconds: $0) } ?? .empty,
                ]
            })
    }

    func refundRates() -> Table {
        Table(
            name: "refund_rates", title: "Refund rates",
            note: "Of the month's tasks that have ended: those that did not succeed, in items and in credits.",
            columns: [
                Column("account", .text), Column("model", .text), Column("items", .integer),
                Column("refunded_items", .integer), Column("refund_rate_items", .percent, title: "Refund rate items %"),
                Column("frozen_credits", .integer), Column("refunded_credits", .integer),
                Column("refund_rate_credits", .percent, title: "Refund rate credits %"),
            ],
            rows: figures.refundRates.map { rate in
                [
                    .text(scope.accountText(rate.account)), .text(rate.model), .integer(rate.items),
                    .integer(rate.refundedItems),
                    .optional(Attainment(good: rate.refundedItems, valid: rate.items).percent),
                    .integer(rate.frozenCredits), .integer(rate.refundedCredits),
                    .optional(Attainment(good: rate.refundedCredits, valid: rate.frozenCredits).percent),
                ]
            })
    }

    func credits() -> Table {
        Table(
            name: "credits", title: "Service credits",
            note:
                "The share of the monthly fee for which each account is eligible, on request and until the date "
                + "given; where it is 0.00 there is nothing to ask for. Judged on the worst component over the "
                + "account's own month, which begins and ends by the clocks of its zone; \"at least\" where another "
                + "component was not monitored enough.",
            columns: [
                Column("account", .text), Column("period_start", .instant), Column("period_end", .instant),
                Column("monthly_fee_usd", .usd, title: "Monthly fee USD"),
                Column("attained", .percent, title: "Attained %"), Column("tier_percent", .percent, title: "Tier %"),
                Column("credit_usd", .usd, title: "Credit USD"), Column("request_until", .instant),
            ],
            rows: zip(scope.accounts, scope.ownContracts).map { account, own in
                let contract = own.profile
                let credit = ServiceCredit(figures.ownAvailability[account.slug] ?? [], contract)
                let period = scope.ownPeriods[account.slug]
                return [
                    .text(account.slug), period.map { .instant($0.start) } ?? .empty,
                    period.map { .instant($0.end) } ?? .empty, .dollars(account.monthlyFee),
                    .optional(credit.worst?.percent), Self.tier(credit),
                    credit.tier.map { .dollars(account.monthlyFee.share($0)) } ?? .empty,
                    period.map { .instant(ServiceCreditOffer.requestUntil($0)) } ?? .empty,
                ]
            })
    }

    private static func tier(_ credit: ServiceCredit) -> Cell {
        guard let tier = credit.tier else { return .empty }
        return credit.isLeast ? .text("at least \(tier)") : .percent(tier)
    }

    func trend() -> Table {
        Table(
            name: "trend", title: "Trend",
            note: "The month and the twelve before it, each judged as of its own finality.",
            columns: [
                Column("promise", .text), Column("subject", .text), Column("month", .text),
                Column("target", .percent, title: "Target %"), Column("good", .integer), Column("valid", .integer),
                Column("attained", .percent, title: "Attained %"), Column("verdict", .text, width: 17),
            ],
            rows: (figures.history.points + currentTrend()).map { point in
                [
                    .text(point.promise.rawValue), .text(point.subject), .text(point.month.description),
                    .optional(point.target), .integer(point.attainment.good), .integer(point.attainment.valid),
                    .optional(point.attained), .verdict(point.verdict),
                ]
            })
    }

    /// The reported month as the last points of the trend.
    func currentTrend() -> [TrendPoint] {
        let shown = Set<Promise.Name>([.availability, .completion, .autoRefund])
        let account = scope.onlyAccount?.slug ?? ""
        return promiseList().filter { promise in
            shown.contains(promise.name) && promise.attainment.valid > 0
                && (promise.account == account || promise.name == .availability)
        }.map { TrendPoint(month: scope.current.month, $0) }
    }
}
