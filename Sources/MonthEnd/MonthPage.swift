import Documents
import Domain
import Ledger
import Reporting

/// What the page of a month shows: stored, preformatted values, because a template sees nothing else. Nothing on it is
/// the clock of a run: the same database gives the same page.
struct MonthPage: Sendable {
    struct Fact: Sendable {
        let term: String
        let value: String
    }

    struct Link: Sendable {
        let path: String
        let text: String
        /// What the link is to, for who does not see where it stands.
        let label: String
    }

    struct Cell: Sendable {
        /// The heading of its column, which stands in front of it where the table does not fit.
        let heading: String
        let text: String
        let style: String
    }

    struct Row: Sendable {
        let name: String
        let slug: String
        let cells: [Cell]
        let links: [Link]
    }

    struct Finding: Sendable {
        let step: String
        let kind: String
        let detail: String
        let advice: String
    }

    struct Step: Sendable {
        let title: String
        let text: String
        let style: String
    }

    let title: String
    let status: String
    let isFinal: Bool
    let sentence: String
    /// What comes next.
    let next: String
    let hasFindings: Bool
    let facts: [Fact]
    let steps: [Step]
    let findings: [Finding]
    let headings: [String]
    let customers: [Row]
    let files: [Link]
    let closing: String

    init(
        _ month: Month, isFinal: Bool, finalityAt: Instant, findings: [MonthFinding], customers: [MonthCustomer],
        credits: MonthCredits, everybody: SLAReport.Outcome, folder: String
    ) {
        title = "Month end, \(month.title)"
        self.isFinal = isFinal
        status = isFinal ? "final" : "preliminary"
        hasFindings = !findings.isEmpty
        let offered = credits.text(offers: customers.compactMap(\.sla?.serviceCredit))
        sentence = Self.sentence(findings, customers)
        let (whole, closed) = (
            customers.count { $0.statement?.isWhole == true }, customers.count { $0.closedAt != nil }
        )
        facts = [
            Fact(term: "Customers", value: GroupedNumber.text(Int64(customers.count))),
            Fact(term: "Used, at what it costs", value: Self.total(customers.compactMap(\.amount))),
            Fact(term: "To be invoiced", value: Self.total(customers.compactMap(\.due))),
            Fact(term: "Statements that are whole", value: "\(whole) of \(customers.count)"),
            Fact(term: "Service credits", value: offered),
            Fact(term: isFinal ? "Final since" : "Final from", value: Self.day(finalityAt)),
        ]
        steps =
            Self.steps(findings, customers, closed: closed) + [
                Step(
                    title: MonthStep.credits.title, text: offered,
                    style: credits.isDone ? "v v-pass" : "v v-not-applicable")
            ]
        let isDone = customers.allSatisfy { $0.closedAt != nil && $0.statementSent != .no && $0.slaSent != .no }
        next = Self.next(
            isFinal: isFinal, finalityAt: finalityAt, isDone: isDone, hasFindings: !findings.isEmpty)
        self.findings = findings.map {
            Finding(step: $0.step.title, kind: $0.kind.replacing("_", with: " "), detail: $0.detail, advice: $0.advice)
        }
        headings = Self.headings
        self.customers = customers.map { Self.row($0, folder: folder) }
        files = Self.files(everybody, month, folder: folder)
        closing =
            "Links lead to the files beside this page. "
            + (isFinal ? "The same database gives the same page, byte for byte." : "The month may still change.")
    }

    private static let headings = [
        "Availability", "Completion", "Refunds", "Other promises", "Used", "To invoice", "Statement", "Closed", "Sent",
    ]
    private static let others: [Promise.Name] = [.financialSafety, .idempotency, .payForSuccess, .webhookDelivery]

    private static func sentence(_ findings: [MonthFinding], _ customers: [MonthCustomer]) -> String {
        guard !findings.isEmpty else { return "Nothing is in the way of this month." }
        let count = findings.count
        let broken = customers.count(where: \.isBroken)
        return "\(count) \(count == 1 ? "thing" : "things") to look at; "
            + (broken == 0 ? "no customer has" : "\(broken) of \(customers.count) customers have")
            + " a broken promise."
    }

    private static func next(
        isFinal: Bool, finalityAt: Instant, isDone: Bool, hasFindings: Bool
    ) -> String {
        guard isFinal else { return "Next: run it again when the month is final, from \(day(finalityAt)) on." }
        guard !isDone else { return "Every month is closed, and everything is sent." }
        let approve = "approve the month, which signs, closes and sends."
        return hasFindings
            ? "Next: mend what is named under Findings and run it again, or decide to leave it as it is; then "
                + "\(approve) A statement that is not whole is accepted there, by its customer's slug and a reason."
            : "Next: \(approve)"
    }

    private static func total(_ amounts: [Dollars]) -> String {
        GroupedNumber.text(Dollars(micros: amounts.reduce(0) { $0 + $1.micros }))
    }

    /// How far the month's end is: every step in words, with a sign and a colour.
    private static func steps(
        _ findings: [MonthFinding], _ customers: [MonthCustomer], closed: Int
    ) -> [Step] {
        let run = MonthStep.ofRun.dropLast().map { step in
            let count = findings.count { $0.step == step }
            return Step(
                title: step.title, text: count == 0 ? "done" : "done, \(count) to look at",
                style: count == 0 ? "v v-pass" : "v v-open")
        }
        func state(_ done: Int) -> (String, String) {
            let style = done == customers.count ? "v v-pass" : done == 0 ? "v v-not-applicable" : "v v-open"
            return ("\(done) of \(customers.count)", style)
        }
        func sent(_ path: KeyPath<MonthCustomer, MonthCustomer.Sent>) -> Int {
            customers.count { if case .at = $0[keyPath: path] { true } else { false } }
        }
        let approval = [
            (MonthStep.close, state(closed)), (.sendStatements, state(sent(\.statementSent))),
            (.sendSLA, state(sent(\.slaSent))),
        ]
        return run + approval.map { Step(title: $0.0.title, text: $0.1.0, style: $0.1.1) }
    }

    private static func row(_ customer: MonthCustomer, folder: String) -> Row {
        let verdicts = [[.availability], [.completion], [.autoRefund], others].map { customer.verdict($0) }
        let unjudged = customer.sla == nil ? "not reported" : Verdict.notApplicable.rawValue
        let texts: [(String, String)] =
            verdicts.map { ($0?.text ?? unjudged, $0?.style ?? "v v-not-applicable") } + [
                (amount(customer), "n"), (customer.due.map { GroupedNumber.text($0) } ?? "", "n"), statement(customer),
                customer.closedAt.map { (day($0), "v v-pass") } ?? ("no", "v v-not-applicable"), sent(customer),
            ]
        return Row(
            name: customer.account.name, slug: customer.account.slug,
            cells: zip(headings, texts).map { Cell(heading: $0, text: $1.0, style: $1.1) },
            links: links(customer, folder: folder))
    }

    private static func amount(_ customer: MonthCustomer) -> String {
        let amount = customer.amount.map { GroupedNumber.text($0) } ?? ""
        return customer.hasUnpriced ? amount + " and what has no price" : amount
    }

    private static func statement(_ customer: MonthCustomer) -> (String, String) {
        guard let statement = customer.statement else { return ("none", "v v-not-applicable") }
        if statement.isWhole { return ("whole", "v v-pass") }
        return statement.isAccepted ? ("accepted", "v v-open") : ("not whole", "v v-breach")
    }

    private static func sent(_ customer: MonthCustomer) -> (String, String) {
        switch (customer.statementSent, customer.slaSent) {
        case (.no, .no): ("no", "v v-not-applicable")
        case (.at(let statement), .at(let sla)): (day(max(statement, sla)), "v v-pass")
        case (.at(let statement), .no): ("statement \(day(statement)), report not", "v v-open")
        case (.no, .at(let sla)): ("report \(day(sla)), statement not", "v v-open")
        case (.perhaps, _), (_, .perhaps): ("may have gone out", "v v-open")
        }
    }

    /// The day of an instant, in UTC.
    private static func day(_ instant: Instant) -> String {
        instant.isFinite ? String(instant.description.prefix(10)) : ""
    }

    private static func links(_ customer: MonthCustomer, folder: String) -> [Link] {
        let name = customer.account.name
        return links(customer.statement?.files ?? [], "Statement", of: name, folder: folder)
            + links(customer.sla?.files ?? [], "SLA", of: name, folder: folder)
    }

    /// Page, workbook and folder of a report.
    private static func links(_ files: [String], _ title: String, of name: String, folder: String) -> [Link] {
        let kinds = [
            (".html", "page"), (".pdf", "PDF"), (".xlsx", "workbook"), ("/manifest.json", "files"),
        ]
        return kinds.compactMap { ending, word in
            files.first { $0.hasSuffix(ending) }.map { path in
                // The folder of the CSV files is named by what lies in it.
                let path = word == "files" ? String(path.dropLast("manifest.json".count)) : path
                return Link(
                    path: relative(path, to: folder), text: "\(title) \(word)", label: "\(title) of \(name), \(word)")
            }
        }
    }

    private static func files(_ everybody: SLAReport.Outcome, _ month: Month, folder: String) -> [Link] {
        links(everybody.files, "SLA report", of: "everybody", folder: folder)
            + [
                ("statements/statements-\(month).csv", "Summaries of all statements"),
                ("statements/usage-\(month).csv", "Usage of all statements"),
                (MonthFiles.customers, "The customers of this page"),
                (MonthFiles.findings, "The findings of this page"),
                (MonthFiles.ledger, "The rows behind the findings of the ledger"),
            ].map { Link(path: $0.0, text: $0.1, label: $0.1) }
    }

    private static func relative(_ path: String, to folder: String) -> String {
        path.hasPrefix(folder + "/") ? String(path.dropFirst(folder.count + 1)) : path
    }
}

extension MonthPage {
    /// The customers of a month as a file.
    static func table(_ customers: [MonthCustomer], _ month: Month) -> Table {
        Table(
            name: "customers", title: "Customers", note: "The month, customer by customer.",
            columns: [
                Column("account", .text), Column("month", .text), Column("name", .text, width: 30),
                Column("availability", .text), Column("completion", .text), Column("auto_refund", .text),
                Column("other_promises", .text), Column("amount_usd", .usd, title: "Amount USD"),
                Column("due_usd", .usd, title: "Due USD"),
                Column("closing_balance", .integer), Column("statement", .text), Column("closed_at", .instant),
                Column("statement_sent_at", .instant), Column("sla_sent_at", .instant),
            ],
            rows: customers.map { customer in
                let verdicts = [[.availability], [.completion], [.autoRefund], others].map {
                    Documents.Cell.text(customer.verdict($0)?.text ?? "")
                }
                return [
                    .text(customer.account.slug), .text(month.description), .text(customer.account.name),
                ] + verdicts + [
                    customer.amount.map(Documents.Cell.dollars) ?? .empty,
                    customer.due.map(Documents.Cell.dollars) ?? .empty,
                    .optional(customer.statement?.summary[.closingBalance]), .text(statement(customer).0),
                    customer.closedAt.map(Documents.Cell.instant) ?? .empty, sentAt(customer.statementSent),
                    sentAt(customer.slaSent),
                ]
            })
    }

    private static func sentAt(_ sent: MonthCustomer.Sent) -> Documents.Cell {
        if case .at(let instant) = sent { .instant(instant) } else { .empty }
    }
}
