import Documents
import Domain

/// Promises in the words of the page: what was promised, how it went, and how it stands.
struct PromiseWords: Sendable {
    let scope: SLAScope
    private let names: [String: String]

    init(_ scope: SLAScope) {
        self.scope = scope
        let alike = Dictionary(grouping: scope.accounts, by: \.name)
        names = Dictionary(
            scope.accounts.map { account in
                // By the slug as well, where several have the same name.
                (
                    account.slug,
                    (alike[account.name]?.count ?? 0) > 1 ? "\(account.name) (\(account.slug))" : account.name
                )
            }
        ) { first, _ in first }
    }

    /// Whose figure it is, by the text of the account column.
    func customer(_ account: String) -> String {
        switch account {
        case "": scope.onlyAccount?.name ?? "everybody"
        case "(none)": "no account"
        default: names[account] ?? account
        }
    }

    /// `Completion, Sora-2`.
    func title(_ promise: Promise) -> String {
        switch promise.name {
        case .completion:
            "Completion, " + (promise.subject.isEmpty ? "no model" : Self.model(promise.subject))
        case .availability: "Availability, " + (promise.subject.isEmpty ? "no name" : promise.subject)
        default: promise.name.title
        }
    }

    /// A model's name as it stands in a sentence: `Sora-2`.
    static func model(_ name: String) -> String { name.prefix(1).uppercased() + name.dropFirst() }

    /// `95 % within 120 s`.
    func promised(_ promise: Promise) -> String {
        let profile = profile(ofAccount: promise.account)
        guard let target = promise.target else { return "not promised" }
        switch promise.name {
        case .availability: return "\(target.short) % of all minutes"
        case .completion:
            let limit = profile.completions[promise.subject].map { " within \(Seconds.words($0.limitSeconds))" }
            return "\(target.short) %" + (limit ?? "")
        case .autoRefund: return "all within \(Seconds.words(profile.refundDeadlineSeconds))"
        case .idempotency: return "every key charged once"
        case .payForSuccess, .financialSafety, .webhookDelivery: return "all batches"
        }
    }

    /// The contract of an account's month, by the text of the account column.
    func profile(ofAccount account: String) -> ContractProfile {
        guard !account.isEmpty else { return scope.widestProfile }
        return scope.accounts.first { $0.slug == account }.map(scope.profile) ?? scope.standard
    }

    /// `92.5547 %`; what stands there where nobody knows, or where there was nothing.
    func attained(_ promise: Promise) -> String {
        if promise.attainment.valid == 0, promise.budget.spent == 0 { return "nothing to judge" }
        return promise.attained.map { "\($0) %" } ?? "not known"
    }

    /// What it was counted from: `1,902 of 2,055 tasks`.
    func counts(_ promise: Promise) -> String {
        let (good, valid) = (promise.attainment.good, promise.attainment.valid)
        guard valid > 0 else { return "" }
        let (kept, all) = (GroupedNumber.text(good), GroupedNumber.text(valid))
        switch promise.name {
        case .availability:
            return promise.verdict == .insufficientData
                ? "too few of \(all) min were monitored" : "\(GroupedNumber.text(valid - good)) of \(all) min down"
        case .completion: return "\(kept) of \(all) tasks"
        case .autoRefund: return "\(kept) of \(all) refunds"
        case .idempotency: return "\(kept) of \(all) keys"
        case .payForSuccess, .financialSafety: return "\(kept) of \(all) batches"
        case .webhookDelivery: return "\(kept) of \(all) deliveries"
        }
    }

    /// How it stands, and the classes of that: a month that goes on has broken nothing yet that it may still keep.
    func standing(_ promise: Promise) -> (text: String, style: String) {
        let verdict = promise.verdict
        let judged = (verdict.rawValue, PageTable.style(verdict: verdict.rawValue))
        guard !scope.isFinal, let state = promise.budget.state else { return judged }
        switch state {
        case .insufficientData: return judged
        case .lost: return (state.text, PageTable.style(verdict: Verdict.breach.rawValue))
        case .recoverable, .atRisk: return (state.text, "v v-open")
        case .kept, .onTrack: return (state.text, PageTable.style(verdict: Verdict.pass.rawValue))
        }
    }

    /// True where a card says what became of it: it is broken, or may be.
    func needsExplaining(_ promise: Promise) -> Bool {
        guard !scope.isFinal else { return promise.verdict == .breach }
        return switch promise.budget.state {
        case .lost, .recoverable, .atRisk: true
        case .kept, .onTrack, .insufficientData, nil: false
        }
    }
}

extension Percent {
    /// Without needless zeros: `99.95`.
    var short: String {
        var text = description
        while text.hasSuffix("0") { text.removeLast() }
        return text.hasSuffix(".") ? String(text.dropLast()) : text
    }

    /// With a sign in front, which is one: `−4.5453`.
    func difference(from other: Percent) -> String {
        let difference = tenThousandths - other.tenThousandths
        let sign = difference < 0 ? "−" : difference > 0 ? "+" : "±"
        return sign + Percent(tenThousandths: abs(difference)).description
    }
}
