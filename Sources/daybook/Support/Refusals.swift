import Domain
import Ledger
import MonthEnd
import Reporting

/// What to type where a library refuses something: the commands and options are known here alone.
enum Refusals {
    /// The failure of an error of the reports or the ledger; nil for any other.
    static func failure(of error: any Error) -> DaybookError? {
        switch error {
        case let refusal as LedgerRefusal: ledgerFailure(refusal)
        case let refusal as ReportRefusal: reportFailure(refusal)
        case let refusal as MonthRefusal: monthFailure(refusal)
        default: nil
        }
    }

    private static let noAccounts = DaybookError.usage("No account is imported; run: daybook accounts import FILE")

    private static func ledgerFailure(_ refusal: LedgerRefusal) -> DaybookError {
        switch refusal {
        case .noAccounts: noAccounts
        case .missingTable(let table):
            .configuration("This database has no \(table); run: daybook database migrate")
        case .acceptanceWithoutReason:
            .usage("--accept needs a --reason of at most \(Limits.remarkLength) characters.")
        case .reopeningWithoutReason:
            .usage("Say in --reason, in at most \(Limits.remarkLength) characters, why it is opened.")
        case .notClosed(let month): .usage("The month \(month) is not closed; see: daybook close list")
        case .closedAlready(let month): .usage("The month \(month) is closed already; see: daybook close list")
        case .closedTwice(let month, let revisions):
            .badData(
                "The month \(month) is closed twice for one account, as revision "
                    + revisions.map(String.init).joined(separator: " and ")
                    + ": a record of its reopening is missing; see: daybook close list")
        case .forgedClose(let month, let slug):
            .badData(
                "The close of \(month) of \(slug) is not what was closed, so nothing is chained to it; see: daybook "
                    + "close list")
        case .forgedStatements(let first, let others, let isOfEverybody):
            .badData(
                Failure.words(of: first) + (others.isEmpty ? "" : " So are those of \(others.joined(separator: ", ")).")
                    + " Nothing was written; see: daybook close list"
                    + (isOfEverybody ? ", and write the others with --account." : "."))
        case .otherStatements(let month, let slugs): monthFailure(.changed(month, report: "statement", accounts: slugs))
        case .noServiceCredit(let month, let slug, let offered): noServiceCredit(month, slug, offered: offered)
        case .serviceCredit(let refusal, let month, let slug): failure(refusal, of: slug, month)
        case .mayNotRecordServiceCredits(let role):
            .configuration(
                "The role \(role) may not record service credits: that is for the role that migrated the database, or "
                    + "one with its rights (docs/operations.md).")
        case .taskWithoutEntry(let task):
            .usage(
                "The task \(task) belongs to no batch, and no ledger entry names it: a video that was bought "
                    + "by itself is found by the entry that paid for it (daybook credits history).")
        case .priceOfDrawnCredit(let file, let line, let entry, let months):
            .badData(
                "\(file), line \(line): the credit of entry \(entry) was drawn in the closed "
                    + "\(months.joined(separator: ", ")): reopen first (daybook close reopen); nothing was imported.")
        }
    }

    private static func monthFailure(_ refusal: MonthRefusal) -> DaybookError {
        switch refusal {
        case .noPlace: .configuration("This database has no daybook.month_step; run: daybook database migrate")
        case .mayNotRecord(let role):
            .configuration(
                "The role \(role) may not run or approve a month: that is for the role that migrated the database, or "
                    + "one with its rights (docs/operations.md).")
        case .preliminary(let month, let finalityAt):
            DaybookError(
                .tryAgain,
                "The month \(month) is not final before \(finalityAt), so it cannot be approved; run it from then on, "
                    + "look at it, and approve it.")
        case .offersPreliminary(let month, let finalityAt):
            DaybookError(
                .tryAgain,
                "The month \(month) is not final before \(finalityAt): no service credit is offered before that.")
        case .notRun(let month):
            DaybookError(
                .tryAgain,
                "The month \(month) was not run to its end since it is final; run it and look at its index.html first: "
                    + "daybook month run \(month)")
        case .changed(let month, let report, let accounts):
            DaybookError(
                .tryAgain,
                "What would be sent is not what was run: the \(report) of \(accounts.joined(separator: ", ")) says "
                    + "something else now; nothing was closed or sent. Run it again, and look: "
                    + "daybook month run \(month)"
            )
        }
    }

    private static func reportFailure(_ refusal: ReportRefusal) -> DaybookError {
        switch refusal {
        case .noAccounts: return noAccounts
        case .noFinalReport(let folder):
            return .badData(
                "There is no final SLA report for everybody in \(folder): a letter quotes nothing else. Write one with "
                    + "daybook report sla, or name its folder with --sla.")
        case .preliminaryMonth(let month, let account, let finalityAt):
            return DaybookError(
                .tryAgain,
                "The month \(month)\(account.map { " of \($0)" } ?? "") is not final before \(finalityAt), and is "
                    + "recorded from then on.")
        case .forgedMonth(let month, let request):
            let whose = request.account.map { " of \($0)" } ?? ""
            let report =
                "daybook report sla --month \(request.month)" + (request.account.map { " --account \($0)" } ?? "")
            return .badData(
                "The recorded figures of \(month)\(whose) are not what was recorded, "
                    + "so no trend takes them; judge the month anew with \(report) --recount, and record it again with "
                    + "--record --recount.")
        case .noPlaceForMonths:
            return .configuration("This database has no daybook.recorded_month; run: daybook database migrate")
        case .mayNotRecord(let role):
            return .configuration(
                "The role \(role) may not record months: that is for the role that migrated the database, or one with "
                    + "its rights (docs/operations.md).")
        case .missingParameter(let name, let report, let kind):
            return .usage("The report \(report) needs --param \(name)=… (\(kind.rawValue)).")
        case .wrongParameter(let name, let text, let kind):
            let range = kind == .integer ? ": a whole number from \(Int64.min) to \(Int64.max)" : ""
            return .usage("--param \(name)=\(text.prefix(80)) is no \(kind.rawValue)\(range).")
        }
    }
}
