import Documents
public import Domain

/// Something about a month that somebody has to look at before it is approved.
public struct MonthFinding: Sendable, Hashable {
    /// The step that found it.
    public let step: MonthStep
    /// What was found, in one word.
    public let kind: String
    /// The slug of whom it is about; empty for everybody.
    public let account: String
    /// How many there are of it.
    public let count: Int64
    /// What it is, in a sentence.
    public let detail: String
    /// What to do about it, in a sentence; empty where the detail says it.
    public let advice: String

    init(
        _ step: MonthStep, _ kind: String, account: String = "", count: Int64 = 1, _ detail: String, advice: String = ""
    ) {
        self.step = step
        self.kind = kind
        self.account = account
        self.count = count
        self.detail = detail
        self.advice = advice
    }

    /// Findings as the file of a month has them, step after step.
    static func table(_ findings: [MonthFinding]) -> Table {
        Table(
            name: "findings", title: "Findings",
            note: "What somebody has to look at before the month is approved, in the order of the steps.",
            columns: [
                Column("step", .text, width: 14), Column("finding", .text, width: 28),
                Column("account", .text, width: 16), Column("count", .integer, width: 10),
                Column("detail", .text, width: 80), Column("advice", .text, width: 80),
            ],
            rows: findings.map {
                [
                    .text($0.step.rawValue), .text($0.kind), .text($0.account), .integer($0.count), .text($0.detail),
                    .text($0.advice),
                ]
            })
    }
}

/// The steps of a month's end, in their order.
public enum MonthStep: String, Sendable, CaseIterable {
    /// A run began.
    case begin
    /// Probes, imports and tasks of the month are there.
    case data
    /// The ledger was verified.
    case ledger
    /// The SLA reports were written: everybody's, and each customer's.
    case sla
    /// The statements were written.
    case statements
    /// The page of the month was written: the run is done.
    case page
    case close
    case sendStatements = "send_statements"
    case sendSLA = "send_sla"
    /// Service credits were offered.
    case credits

    /// What a run does, and what an approval does after it.
    static let ofRun: [MonthStep] = [.data, .ledger, .sla, .statements, .page]
    static let ofApproval: [MonthStep] = [.close, .sendStatements, .sendSLA, .credits]

    /// The name for people.
    public var title: String {
        switch self {
        case .begin: "Begun"
        case .data: "Data of the month"
        case .ledger: "Ledger verified"
        case .sla: "SLA reports written"
        case .statements: "Statements written"
        case .page: "Page of the month written"
        case .close: "Signed and closed"
        case .sendStatements: "Statements sent"
        case .sendSLA: "SLA reports sent"
        case .credits: "Service credits offered"
        }
    }
}

/// Why a month cannot be approved. These are the facts: whoever knows the commands says what to type.
public enum MonthRefusal: Error, Sendable {
    /// The database has no place for the steps of a month.
    case noPlace
    case mayNotRecord(role: String)
    /// What still comes in may change it until then.
    case preliminary(Month, finalityAt: Instant)
    /// No service credits are offered before that.
    case offersPreliminary(Month, finalityAt: Instant)
    /// No run of it came to its end since it was final.
    case notRun(Month)
    /// What would be sent is not what the last run wrote.
    case changed(Month, report: String, accounts: [String])
}
