public import Domain

/// The messages by which SLA reports go out, each with the files of its report.
public struct SLAMail: Sendable {
    private let month: Month
    private let from: String
    private let letter: LetterTemplate

    public init(month: Month, from: String, letter: LetterTemplate) {
        self.month = month
        self.from = from
        self.letter = letter
    }

    /// A message for each account's report. One that may still change, or that says nothing, has an obstacle.
    public func items(_ reports: [SLAReport.Outcome]) -> [MailItem] {
        reports.compactMap { report in
            report.account.map { account in
                MailItem(
                    account: account, recipient: report.email, report: .sla,
                    fileName: "sla-\(account.slug)-\(month).eml", obstacle: report.obstacle
                ) { try message(report, to: account, date: $0) }
            }
        }
    }

    private func message(_ report: SLAReport.Outcome, to account: Account, date: Instant) throws -> MailMessage {
        let filled = try letter.fill([
            "customer": account.name, "month": month.title, "number": "\(account.slug)-\(month)",
            "promises": Self.lines(report), "verdict": report.sentence, "from": from,
        ])
        let attachments = try ReportAttachments(report) { ending, _ in
            ReportAttachments.name(customer: account.name, "SLA \(month).\(ending)") ?? "SLA \(month).\(ending)"
        }.all
        return MailMessage(
            from: from, to: report.email, subject: filled.subject, body: filled.body, attachments: attachments,
            date: date)
    }

    /// A line for each promise that was judged, or could not be for want of data.
    private static func lines(_ report: SLAReport.Outcome) -> String {
        let lines = report.promises.rows.compactMap { row -> String? in
            let cells = row.map(\.plainText)
            guard let name = Promise.Name(rawValue: cells[0]), let verdict = Verdict(rawValue: cells[7]),
                let word = word(verdict)
            else { return nil }
            let subject = cells[2].isEmpty ? name.title : "\(name.title), \(cells[2])"
            let attained = cells[6].isEmpty ? "" : " \(cells[6]) % of \(cells[3]) % promised,"
            return "  \(subject):\(attained) \(word)"
        }
        return lines.joined(separator: "\n")
    }

    private static func word(_ verdict: Verdict) -> String? {
        switch verdict {
        case .pass: "kept"
        case .breach: "broken"
        case .insufficientData: "not judged, for want of data"
        case .notApplicable: nil
        }
    }
}

extension SLAReport.Outcome {
    /// How many promises of everybody, or of the report's one account, were judged so.
    public func count(_ verdict: Verdict) -> Int { promises.rows.count { $0.last == .verdict(verdict) } }

    /// Why it must not go out; nil where it may.
    var obstacle: String? {
        guard isFinal else { return "it is preliminary, and final from \(finalityAt) on" }
        guard count(.pass) + count(.breach) > 0 else { return "it judges nothing, for want of data" }
        return nil
    }
}
