import Domain
import Ledger
import Reporting
import Schema

/// What the steps of a run find, each in a few sentences: the rows behind them are in the files.
extension MonthRun {
    /// A kind of defect a finding, with whose rows they are and the credits at stake. Every row of the ledger is looked
    /// at, whatever its month.
    static func findings(of verified: LedgerVerification.Outcome) -> [MonthFinding] {
        let slugs = Dictionary(grouping: verified.findings, by: \.finding).mapValues { found in
            Array(Set(found.map(\.account).filter { !$0.isEmpty })).inNaturalOrder(of: \.self)
        }
        return verified.totals.map { total in
            let whose = slugs[total.finding].map { $0.isEmpty ? "" : " of \(list($0))" } ?? ""
            let credits = total.credits == 0 ? "" : ", \(GroupedNumber.text(total.credits)) credits at stake"
            let rows = "\(total.count) \(total.count == 1 ? "row" : "rows") of any month"
            return MonthFinding(
                .ledger, total.finding, count: Int64(total.count), "\(rows) in \(MonthFiles.ledger)\(whose)\(credits)",
                advice: LedgerFinding(rawValue: total.finding)?.advice ?? "")
        }
    }

    /// Promises that are broken or cannot be judged: everybody's one by one, then the customers whose own are.
    static func findings(of everybody: SLAReport.Outcome, _ each: [SLAReport.Outcome]) -> [MonthFinding] {
        var findings: [MonthFinding] = everybody.silentProbers.map {
            MonthFinding(.sla, "silent_prober", $0.sentence)
        }
        for promise in everybody.summary.promises {
            let subject = promise.subject.isEmpty ? promise.name.title : "\(promise.name.title), \(promise.subject)"
            let attained = promise.attained.map { "\($0) % attained of " } ?? ""
            let figures = "\(subject): \(attained)\(promise.target?.description ?? "") % promised"
            switch promise.verdict {
            case .breach:
                let failed = promise.attainment.valid - promise.attainment.good
                findings.append(
                    MonthFinding(
                        .sla, "promise_broken", count: failed,
                        "\(figures), \(everybody.summary.verdictText(of: promise))",
                        advice: "The SLA report of everybody says why, and its tasks.csv has every task."))
            case .insufficientData:
                findings.append(
                    MonthFinding(
                        .sla, "insufficient_data", "\(figures) cannot be judged: too few minutes were monitored",
                        advice: "Import what its monitor recorded."))
            case .pass, .notApplicable: continue
            }
        }
        let broken = each.filter { $0.summary.count(.breach) > 0 }.compactMap(\.account?.slug)
        if !broken.isEmpty {
            let are = broken.count == 1 ? "customer has" : "customers have"
            findings.append(
                MonthFinding(
                    .sla, "customers_with_breach", count: Int64(broken.count),
                    "\(broken.count) \(are) a broken promise of their own: \(list(broken))",
                    advice: "Their reports name every item, and the service credit where there is one to ask for."))
        }
        return findings
    }

    static func findings(of statements: [StatementReport.Outcome]) -> [MonthFinding] {
        statements.filter { !$0.isWhole }.map { statement in
            let slug = statement.account.slug
            return MonthFinding(
                .statements, statement.isAccepted ? "accepted_difference" : "not_whole", account: slug,
                "The statement of \(slug) is not whole: \(statement.differences)",
                advice: statement.isAccepted
                    ? "Somebody accepted it; it goes out with that in its manifest."
                    : "Mend what its differences.csv names, or accept it when the month is approved.")
        }
    }

    /// Slugs as a sentence lists them: so many that they are read.
    private static func list(_ slugs: [String]) -> String {
        let shown = slugs.prefix(Limits.namesInSentence)
        let rest = slugs.count - shown.count
        return shown.joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
    }
}
