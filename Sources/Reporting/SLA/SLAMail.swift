public import Documents
public import Domain
import Formats
import Foundation

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
        let filled = try letter.fill(fromReport: [
            "customer": account.name, "month": month.title, "number": "\(account.slug)-\(month)",
            "promises": Self.lines(report.summary), "verdict": report.summary.sentence, "from": from,
            "service_credit": Self.eligibility(report.serviceCredit),
        ])
        let attachments = try ReportAttachments(report) { ending, _ in
            ReportAttachments.name(customer: account.name, "SLA \(month).\(ending)") ?? "SLA \(month).\(ending)"
        }.all
        return MailMessage(
            from: from, to: report.email, copies: account.billing.copies, subject: filled.subject, body: filled.body,
            attachments: attachments,
            date: date)
    }

    /// A line for each promise that was judged, or could not be for want of data.
    private static func lines(_ summary: SLASummary) -> String {
        let lines = summary.promises.compactMap { promise -> String? in
            guard let word = word(promise.verdict) else { return nil }
            let subject = promise.subject.isEmpty ? promise.name.title : "\(promise.name.title), \(promise.subject)"
            let target = promise.target?.description ?? ""
            let attained = promise.attained.map { " \($0) % of \(target) % promised," } ?? ""
            return "  \(subject):\(attained) \(word)"
        }
        return lines.joined(separator: "\n")
    }

    /// For what the customer is eligible.
    private static func eligibility(_ credit: ServiceCreditOffer?) -> String {
        guard let credit else { return "There is no service credit for this month." }
        let least = credit.isLeast ? "at least " : ""
        return """
            You are eligible for a service credit of \(least)\(credit.amount) USD (\(credit.tier) % of the monthly fee),
            on request until \(credit.requestUntil): answer to this message.
            """
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

extension SLAReport.Outcome: MailedReport {}

extension SLAReport.Outcome {
    /// Why it must not go out; nil where it may.
    var obstacle: MailItem.Obstacle? {
        guard isFinal else { return .init("it is preliminary, and final from \(finalityAt) on") }
        guard summary.count(.pass) + summary.count(.breach) > 0 else {
            return .init("it judges nothing, for want of data")
        }
        return nil
    }
}

/// What letters may say of the service: the figures of the last final SLA report in a folder.
public struct SLAFacts: Sendable {
    /// By placeholder: `sla_month`, `availability`, `completion`, `refunds`, …
    public let values: [String: String]
    /// What was promised and not kept, in words, by the placeholder whose figure says so.
    public let missed: [String: [String]]

    /// Reads the newest final report for everybody.
    ///
    /// Throws `badData` where there is none, or where its promises are not what its manifest says.
    public init(folder: String) throws {
        struct Document: Decodable {
            struct File: Decodable {
                let name: String
                let sha256: String
            }
            let report: String?
            let month: String?
            let account: String?
            let status: String?
            let files: [File]
        }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        let reports = names.filter { $0.hasPrefix("sla-") }.compactMap { name -> (month: String, String, Document)? in
            guard let data = FileManager.default.contents(atPath: "\(folder)/\(name)/manifest.json"),
                let document = try? CanonicalJSON.decode(Document.self, from: data), document.report == "sla",
                document.status == "final", document.account == nil, let month = document.month
            else { return nil }
            return (month, name, document)
        }
        guard let (month, name, document) = reports.max(by: { $0.month < $1.month }) else {
            throw ReportRefusal.noFinalReport(folder: folder)
        }
        let content = (try? PlainFile.read("\(folder)/\(name)/promises.csv")) ?? []
        let recorded = document.files.filter { $0.name.hasSuffix("/promises.csv") }.map(\.sha256)
        guard recorded == [FileDigest.of(content)] else {
            throw DaybookError.badData("\(folder)/\(name)/promises.csv is not the file that its manifest names.")
        }
        let file = try CSVFile(content)
        values = Self.values(file, month: month)
        missed = Self.missed(file)
    }

    /// The placeholders of the promises that a letter tells of.
    private static let placeholders: KeyValuePairs<String, Promise.Name> = [
        "availability": .availability, "completion": .completion, "refunds": .autoRefund,
    ]

    private static func missed(_ file: CSVFile) -> [String: [String]] {
        var missed: [String: [String]] = [:]
        for (placeholder, promise) in placeholders {
            let broken = file.records.filter { row in
                row.isWhole && row["account"] == "" && row["promise"] == promise.rawValue
                    && row["verdict"] == Verdict.breach.rawValue
            }
            guard !broken.isEmpty else { continue }
            missed[placeholder] = broken.map { row in
                let subject = (row["subject"] ?? "").isEmpty ? "" : " of \(row["subject"] ?? "")"
                return "\(promise.title.lowercased())\(subject), \(row["attained"] ?? "") % of "
                    + "\(row["target"] ?? "") %"
            }
        }
        return missed
    }

    private static func values(_ file: CSVFile, month: String) -> [String: String] {
        func rows(_ promise: Promise.Name) -> [CSVFile.Record] {
            file.records.filter { $0.isWhole && $0["account"] == "" && $0["promise"] == promise.rawValue }
        }
        func shares(_ promise: Promise.Name) -> String {
            rows(promise).map { row in
                "\(row["subject"] ?? "") \(row["attained"] ?? "") % (promised \(row["target"] ?? "") %)"
            }.joined(separator: ", ")
        }
        var values = ["sla_month": Month(month)?.title ?? month]
        values["availability"] = shares(.availability)
        values["completion"] = shares(.completion)
        if let refunds = rows(.autoRefund).first, let good = refunds["good"], let valid = refunds["valid"] {
            values["refunds"] = "\(good) of \(valid) refunds came by themselves within five minutes"
        }
        return values.filter { !$0.value.isEmpty }
    }
}
