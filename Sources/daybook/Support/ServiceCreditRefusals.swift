import Domain
import Ledger

/// What to type where a step of a service credit is refused.
extension Refusals {
    static func noServiceCredit(_ month: Month, _ slug: String, offered: [Month]) -> DaybookError {
        let other =
            offered.isEmpty
            ? "; offers are recorded by daybook month approve, or daybook sla credits offer"
            : "; it was offered one for \(offered.map(\.description).joined(separator: ", "))"
        return .badData("\(slug) was offered no service credit for \(month)\(other)")
    }

    static func failure(_ refusal: ServiceCreditRefusal, of slug: String, _ month: Month) -> DaybookError {
        let what = "The service credit of \(slug) for \(month)"
        return switch refusal {
        case .askedForBefore(let request):
            .badData(
                "\(what) was asked for at \(request.askedAt) as \"\(request.reference)\"; nothing was recorded.")
        case .notAskedYet(let at): .badData("\(what) cannot have been asked for at \(at), which is yet to come.")
        case .late(let at, let until):
            .badData(
                "\(what) could be asked for until \(until), and was at \(at): nothing was recorded. Say with "
                    + "--late-because why it is taken all the same.")
        case .notAskedFor:
            .badData(
                "\(what) was not asked for: record the request first, with daybook sla credits request --month "
                    + "\(month) --account \(slug) --reference TEXT")
        case .decidedBefore(.granted(let grant)):
            .badData("\(what) was granted before\(Self.form(of: grant)); nothing was recorded.")
        case .decidedBefore(.declined(let reason)):
            .badData("\(what) was declined before: \(reason). Nothing was recorded.")
        case .nothingGranted: .badData("\(what) is not granted with nothing: give an amount above 0.")
        case .moreThanOffered(let grant, let offered):
            .badData(
                "\(what) is \(offered) USD, which is less than "
                    + (grant.credits.map { credits in
                        "\(credits) credits, worth \(grant.amount) USD: grant at most "
                            + "\(offered.micros / PriceList.credit.micros) credits."
                    } ?? "\(grant.amount) USD."))
        }
    }

    private static func form(of grant: ServiceCreditLife.Grant) -> String {
        grant.credits.map { ", as \($0) credits, which are worth \(grant.amount) USD" }
            ?? ", \(grant.amount) USD off the fee"
    }
}
