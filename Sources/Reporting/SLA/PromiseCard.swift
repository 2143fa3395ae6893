import Documents
import Domain

/// A promise that is broken, or may be, explained on one card of the page.
struct PromiseCard: Sendable {
    struct Line: Sendable {
        let label: String
        /// A place on the page, where there is one.
        let links: [String]
        /// What else is to be said of it, if anything.
        let remarks: [String]
        let value: String
    }

    /// The worst of something, the most first.
    struct List: Sendable {
        let title: String
        let lines: [Line]
        /// A sentence about what is not listed, where there is anything.
        let rest: [String]
    }

    let anchor: String
    let title: String
    let promised: String
    let attained: String
    let counts: String
    let standing: String
    let standingStyle: String
    /// How many failed, and what that means.
    let sentence: String
    let lists: [List]
    /// Where all of the items are.
    let items: String
}

/// Explains promises by what was counted.
struct PromiseCards {
    let words: PromiseWords
    let figures: SLAFigures
    /// The tables as the page shows them, before they are put into words: links name their rows.
    let tables: [Table]

    private var scope: SLAScope { words.scope }

    /// The card of a promise about the whole report.
    func card(_ promise: Promise, number: Int) -> PromiseCard {
        let standing = words.standing(promise)
        return PromiseCard(
            anchor: Self.anchor(number), title: words.title(promise), promised: words.promised(promise),
            attained: words.attained(promise), counts: words.counts(promise), standing: standing.text,
            standingStyle: standing.style, sentence: sentence(promise),
            lists: lists(promise).filter { !$0.lines.isEmpty }, items: items(promise))
    }

    static func anchor(_ number: Int) -> String { "promise-\(number)" }

    private func sentence(_ promise: Promise) -> String {
        let budget = promise.budget
        let unit = Self.unit(promise.name, budget.spent)
        var sentence = "\(GroupedNumber.text(budget.spent)) \(unit) \(Self.failed(promise.name))"
        if let allowed = budget.allowed, allowed > 0 {
            let over = budget.spent - allowed
            sentence += "; the target allows \(GroupedNumber.text(allowed))"
            if over > 0 { sentence += ", so \(GroupedNumber.text(over)) too many" }
            if over < 0 { sentence += ", so \(GroupedNumber.text(-over)) are left" }
        } else {
            sentence += "; the target allows none"
        }
        sentence += "."
        guard !scope.isFinal else { return sentence }
        if let elapsed = budget.elapsed { sentence += " \(elapsed.short) % of the month is over." }
        switch budget.state {
        case .lost: return sentence + " Nothing that may still happen keeps this promise."
        case .recoverable(let successes):
            return sentence + " \(GroupedNumber.text(successes)) successes in a row would keep it."
        case .atRisk: return sentence + " At this pace the allowance is gone before the month is."
        default: return sentence
        }
    }

    private static func unit(_ name: Promise.Name, _ count: Int64) -> String {
        switch name {
        case .availability: "min"
        case .completion: count == 1 ? "task" : "tasks"
        case .autoRefund: count == 1 ? "refund" : "refunds"
        case .idempotency: count == 1 ? "violation" : "violations"
        case .payForSuccess, .financialSafety, .webhookDelivery: count == 1 ? "batch" : "batches"
        }
    }

    private static func failed(_ name: Promise.Name) -> String {
        switch name {
        case .availability: "were down outside of announced maintenance"
        case .completion: "did not succeed in time"
        case .autoRefund: "did not come in full and in time"
        case .idempotency: "of a key"
        case .payForSuccess: "not charged what was delivered"
        case .financialSafety: "begun with less frozen than their tasks cost"
        case .webhookDelivery: "not told"
        }
    }

    private func lists(_ promise: Promise) -> [PromiseCard.List] {
        switch promise.name {
        case .completion: completion(promise)
        case .availability: availability(promise)
        case .autoRefund: refunds()
        case .idempotency: exceptions(["duplicate_request_id", "over_frozen"])
        case .payForSuccess: exceptions(["charge_differs", "delivered_unpaid"])
        case .financialSafety: exceptions(["freeze_short"])
        case .webhookDelivery: []
        }
    }

    private func items(_ promise: Promise) -> String {
        let claim =
            promise.name == .availability
            ? "What may be asked for it stands under Service credits."
            : "Service credits are for availability: this promise gives none."
        return "\(place(of: promise)) \(claim)"
    }

    /// Where its items are.
    private func place(of promise: Promise) -> String {
        switch promise.name {
        case .completion:
            "Every task is in tasks.csv and on the sheet Tasks: those of the model \(promise.subject) whose class is "
                + "late, failed, timed_out, cancelled_late or in_flight_over."
        case .availability: "Every outage is in the list of outages below."
        case .autoRefund: "Every one of them is among the refund exceptions below."
        default: "Every one of them is among the exceptions below."
        }
    }

    // MARK: - What broke it

    private func completion(_ promise: Promise) -> [PromiseCard.List] {
        guard let model = figures.detail.models.first(where: { $0.model.utf8.elementsEqual(promise.subject.utf8) })
        else { return [] }
        let drawn = SLAPictures.models(figures).firstIndex { $0.model.utf8.elementsEqual(promise.subject.utf8) }
        let causes: [(String, Int64)] =
            [
                ("Succeeded, but after the limit; delivered and charged", model.count(.late)),
                ("Timed out", model.count(.timedOut)),
                ("Still running after the limit", model.count(.inFlightOver)),
                ("Cancelled after the limit", model.count(.cancelledLate)),
            ] + model.causes.map { (Self.text($0.cause), $0.tasks) }
        let customers = scope.onlyAccount != nil ? [] : customers(of: promise)
        let batches = model.worstBatches.map { batch in
            PromiseCard.Line(
                label: batch.id, links: [],
                remarks: scope.onlyAccount == nil ? [words.customer(scope.accountText(batch.account))] : [],
                value: GroupedNumber.text(batch.broken))
        }
        let rest = Rest(
            count: model.brokenBatches - batches.count,
            sum: promise.budget.spent - model.worstBatches.reduce(0) { $0 + $1.broken })
        return [
            list("Why", causes.map { ($0.0, "", $0.1) }, of: promise.budget.spent, limit: causes.count),
            days(link: drawn.map { "#" + SLAPictures.completionAnchor($0) } ?? "") {
                model.count(MonthDays.bad, day: $0)
            },
            list("Worst customers", customers, rest: ("customer", "customers")),
            PromiseCard.List(title: "Worst batches", lines: batches, rest: rest.words("batch", "batches")),
        ]
    }

    private func customers(of promise: Promise) -> [(String, String, Int64)] {
        let completion = tables.first { $0.name == "completion" }
        return figures.completions.compactMap { counted in
            guard counted.account != nil, counted.figure.clock == scope.standard.clock,
                counted.figure.model.utf8.elementsEqual(promise.subject.utf8)
            else { return nil }
            let account = scope.accountText(counted.account)
            let link = completion.map { table in
                PageTables.link(to: table) { $0[0].plainText == account && $0[1].plainText == promise.subject }
            }
            return (words.customer(account), link ?? "", counted.figure.valid - counted.figure.good)
        }
    }

    /// Where a row of a table is on the page, if it shows it.
    private func link(to name: String, where isMeant: ([Cell]) -> Bool) -> [String] {
        guard let table = tables.first(where: { $0.name == name }) else { return [] }
        let link = PageTables.link(to: table, where: isMeant)
        return link.isEmpty ? [] : [link]
    }

    /// What a list does not show.
    private struct Rest {
        let count: Int
        /// What they add up to; nil for items, which count once.
        var sum: Int64?
        var unit = ""

        func words(_ one: String, _ many: String) -> [String] {
            guard count > 0 else { return [] }
            let together = sum.map { ", with \(GroupedNumber.text($0))\(unit)" + (count > 1 ? " together" : "") }
            return ["and \(GroupedNumber.text(Int64(count))) more \(count == 1 ? one : many)" + (together ?? "")]
        }
    }

    private static func text(_ cause: MonthDays.Cause) -> String {
        switch cause {
        case .outputModeration: "Refused by the provider's output moderation"
        case .modelError: "Failed in the provider's model"
        case .network: "Failed on the network"
        case .refusedParameters: "Failed for its parameters"
        case .error: "Failed at the provider, which says no more"
        case .other: "Failed for another or an unknown reason"
        }
    }

    private func availability(_ promise: Promise) -> [PromiseCard.List] {
        let own = figures.detail.downtime.filter { $0.component == promise.subject }
        let minutes = DayMinutes(own, scope)
        let counted = own.filter { $0.kind == .down }.sorted { $1.minutes < $0.minutes }
        let outages = counted.map { (scope.clock.text($0.startsAt), "#outages", $0.minutes) }
        let kinds: [(String, String, Int64)] = [
            ("Down, not announced", "#outages", minutes.total(.down)),
            ("Down in announced maintenance: not counted", "#outages", minutes.total(.announced)),
            ("Without a probe: not counted", "#availability", minutes.total(.unmonitored)),
        ]
        return [
            list("Why", kinds, unit: " min", limit: kinds.count),
            days(link: "#calendar", unit: " min") { minutes[$0, .down] },
            list("Longest outages", outages, unit: " min", rest: ("outage", "outages")),
        ]
    }

    private func refunds() -> [PromiseCard.List] {
        let titles = [
            ("late", "Came after the deadline"), ("partial", "Less than was owed"), ("missing", "Did not come"),
            ("over_refunded", "More than was owed"), ("stuck", "Tasks still open after a day"),
        ]
        let all = figures.refundExceptions
        let causes = titles.map { name, title in (title, "", Int64(all.count { $0.refundClass == name })) }
        let byAccount = Dictionary(grouping: all, by: \.account)
        let customers =
            scope.onlyAccount != nil
            ? []
            : byAccount.sorted { $0.key < $1.key }.map { number, own in
                (words.customer(scope.accountText(number)), "", Int64(own.count))
            }
        let items = all.prefix(Limits.cardRows).map { exception in
            let title = titles.first { $0.0 == exception.refundClass }?.1 ?? exception.refundClass
            return PromiseCard.Line(
                label: exception.batchID,
                links: link(to: "refund_exceptions") { $0[1].plainText == exception.batchID },
                remarks: [
                    title.lowercased()
                        + (scope.onlyAccount == nil ? ", \(words.customer(scope.accountText(exception.account)))" : "")
                ], value: "")
        }
        let rest = all.count - items.count
        return [
            list("Why", causes, limit: causes.count),
            days(link: "") { day in Int64(all.count { $0.day == day }) },
            list("Worst customers", customers, rest: ("customer", "customers")),
            PromiseCard.List(title: "Batches", lines: items, rest: Rest(count: rest).words("batch", "batches")),
        ]
    }

    private func exceptions(_ kinds: [String]) -> [PromiseCard.List] {
        let all = figures.exceptions.filter { kinds.contains($0.kind) }
        let items = all.prefix(Limits.cardRows).map { exception in
            PromiseCard.Line(
                label: exception.reference ?? "",
                links: link(to: "exceptions") {
                    $0[0].plainText == exception.kind && $0[2].plainText == exception.reference ?? ""
                }, remarks: [exception.detail], value: "")
        }
        let rest = all.count - items.count
        let byAccount = Dictionary(grouping: all.filter { $0.account != nil }, by: { $0.account ?? 0 })
        let customers =
            scope.onlyAccount != nil
            ? []
            : byAccount.sorted { $0.key < $1.key }.map {
                (words.customer(scope.accountText($0.key)), "", Int64($0.value.count))
            }
        return [
            list("Worst customers", customers, rest: ("customer", "customers")),
            PromiseCard.List(title: "Items", lines: items, rest: Rest(count: rest).words("item", "items")),
        ]
    }

    // MARK: - Lists

    private func days(link: String, unit: String = "", _ count: (Int) -> Int64) -> PromiseCard.List {
        let month = scope.request.month
        let counts = (1...month.dayCount).map { ("\(month.dayText($0)) \(month.name)", link, count($0)) }
        return list("Worst days", counts, unit: unit, rest: ("day", "days"))
    }

    /// The worst of some counts, the most first; what is none of it is left out.
    private func list(
        _ title: String, _ counts: [(label: String, link: String, count: Int64)], of whole: Int64? = nil,
        unit: String = "", limit: Int = Limits.cardRows, rest: (one: String, many: String) = ("", "")
    ) -> PromiseCard.List {
        let some = counts.enumerated().filter { $0.element.count > 0 }.sorted { left, right in
            left.element.count == right.element.count
                ? left.offset < right.offset : left.element.count > right.element.count
        }.map(\.element)
        let hidden = some.dropFirst(limit)
        return PromiseCard.List(
            title: title,
            lines: some.prefix(limit).map { entry in
                // The nearest whole percent: no promise is judged by it.
                let share = whole.flatMap { $0 > 0 ? (200 * min(entry.count, $0) + $0) / (2 * $0) : nil }
                return PromiseCard.Line(
                    label: entry.label, links: entry.link.isEmpty ? [] : [entry.link], remarks: [],
                    value: GroupedNumber.text(entry.count) + unit
                        + (share.map { " (\($0) %)" } ?? ""))
            },
            rest: Rest(count: hidden.count, sum: hidden.reduce(0) { $0 + $1.count }, unit: unit)
                .words(rest.one, rest.many))
    }
}
