public import Documents
public import Domain

/// The messages by which statements go out, each with the files of its statement.
public struct StatementMail: Sendable {
    private let month: Month
    private let from: String
    private let letter: LetterTemplate

    public init(month: Month, from: String, letter: LetterTemplate) {
        self.month = month
        self.from = from
        self.letter = letter
    }

    /// A message for each statement. One that is not whole, and that nobody accepted, has an obstacle.
    public func items(_ statements: [StatementReport.Outcome]) -> [MailItem] {
        statements.map { statement in
            MailItem(
                account: statement.account, recipient: statement.email, report: .statement,
                fileName: "statement-\(statement.account.slug)-\(month).eml",
                obstacle: statement.mayGoOut
                    ? nil : .init("it is not whole (\(statement.differences))", mayBeAccepted: true)
            ) { try message(statement, date: $0) }
        }
    }

    private func message(_ statement: StatementReport.Outcome, date: Instant) throws -> MailMessage {
        let billing = statement.account.billing
        let about = month.title + (billing.reference.isEmpty ? "" : ", your reference \(billing.reference)")
        var values = [
            "customer": billing.name.isEmpty ? statement.account.name : billing.name, "month": month.title,
            "about": about, "number": "\(statement.account.slug)-\(month)",
            "verdict": Self.verdict(statement.summary), "from": from,
        ]
        for line in StatementLine.allCases {
            values[line.rawValue] = statement.summary[line].map { GroupedNumber.text($0) } ?? "not known"
        }
        let filled = try letter.fill(fromReport: values)
        let attachments = try ReportAttachments(statement) { ending, manifest in
            try StatementManifest(json: manifest).mailedName(ending) ?? "statement \(month).\(ending)"
        }.all
        return MailMessage(
            from: from, to: statement.email, copies: statement.account.billing.copies, subject: filled.subject,
            body: filled.body, attachments: attachments,
            date: date)
    }

    /// What the checks allow to be said.
    private static func verdict(_ summary: StatementSummary) -> String {
        let checks = StatementLine.checks.map { summary[$0] }
        if checks.contains(where: { ($0 ?? 0) != 0 }) {
            return "Not all of the checks are 0: the table Differences of the statement says where the credits are."
        }
        return checks.contains(nil)
            ? "The checks that could be made are 0; a check that is \"not known\" needs a wallet."
            : "The checks are 0: every credit is explained, entry by entry and batch by batch."
    }
}

extension StatementReport.Outcome: MailedReport {}
