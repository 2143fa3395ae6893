/// What a promise lets fail of a month, and what of that is gone.
///
/// Everything is compared in whole numbers: an allowance is counted in millionths of a minute or an item, because a
/// target has four decimals of a percent.
public struct Budget: Hashable, Sendable {
    /// How a promise stands, in the words of the report.
    public enum State: Hashable, Sendable {
        /// Too little was measured to say.
        case insufficientData
        /// Nothing that may still happen keeps the promise.
        case lost
        /// Nothing that may still happen breaks it.
        case kept
        /// So many successes in a row keep it.
        case recoverable(successes: Int64)
        /// The allowance goes faster than the month.
        case atRisk
        case onTrack

        public var text: String {
            switch self {
            case .insufficientData: Verdict.insufficientData.rawValue
            case .lost: "lost"
            case .kept: "kept"
            case .recoverable(1): "recoverable (needs 1 success)"
            case .recoverable(let successes): "recoverable (needs \(successes) successes in a row)"
            case .atRisk: "at risk"
            case .onTrack: "on track"
            }
        }
    }

    /// So many minutes or valid items, all under one target: a target that changed is allowed for version by version.
    public struct Share: Hashable, Sendable {
        public let count: Int64
        public let target: Percent

        /// Precondition: the count is not negative, and the target is between 0 and 100.
        public init(_ count: Int64, target: Percent) {
            precondition(count >= 0 && Percent.zero <= target && target <= .hundred, "a share is a count and a target")
            self.count = count
            self.target = target
        }

        /// What one of them may fail, in millionths.
        fileprivate var each: Int128 { Int128(Percent.hundred.tenThousandths - target.tenThousandths) }
    }

    /// How far a month has come at the cutoff.
    public struct Progress: Hashable, Sendable {
        /// Whole minutes of the month that have passed.
        public let elapsedMinutes: Int64
        /// Whole minutes of the month.
        public let totalMinutes: Int64
        /// True from the month's end on: nothing begins any more that counts.
        public let isOver: Bool
        /// True from the finality instant on: nothing that counts happens any more.
        public let isFinal: Bool

        /// Precondition: 0 ≤ elapsed ≤ total.
        public init(elapsedMinutes: Int64, totalMinutes: Int64, isOver: Bool, isFinal: Bool) {
            precondition(0 <= elapsedMinutes && elapsedMinutes <= totalMinutes, "a month passes once")
            self.elapsedMinutes = elapsedMinutes
            self.totalMinutes = totalMinutes
            self.isOver = isOver
            self.isFinal = isFinal
        }

        public init(of period: Period, cutoff: Instant, isFinal: Bool) {
            let minute: Int64 = 60_000_000
            func minutes(until end: Instant) -> Int64 {
                let (last, _) = end.microseconds.flooredDivision(by: minute)
                let (first, _) = period.start.microseconds.flooredDivision(by: minute)
                return max(last - first, 0)
            }
            self.init(
                elapsedMinutes: minutes(until: min(cutoff, period.end)), totalMinutes: minutes(until: period.end),
                isOver: cutoff >= period.end, isFinal: isFinal)
        }

        /// The share of the month that has passed.
        public var elapsed: Percent? { Attainment(good: elapsedMinutes, valid: totalMinutes).percent }
    }

    /// What may fail, floored; nil without a target.
    public let allowed: Int64?
    /// What failed.
    public let spent: Int64
    /// spent / allowance, floored; nil where nothing may fail.
    public let spentPercent: Percent?
    /// The share of the month that has passed.
    public let elapsed: Percent?
    /// How much faster the allowance goes than it comes, in ten-thousandths, floored; nil where nothing may fail.
    public let burnTenThousandths: Int64?
    /// Nil where there is nothing valid, or no target.
    public let state: State?

    /// What is left to fail; below 0 where more failed than may.
    public var left: Int64? { allowed.map { $0 - spent } }

    /// A millionth is what an allowance is counted in.
    private static let millionths = Int128(Percent.hundred.tenThousandths)
    /// Ten-thousandths of one.
    private static let rate: Int128 = 10_000

    /// The budget of minutes, which is that of the whole month from its first minute on.
    ///
    /// - Parameters:
    ///   - spent: Minutes that count against the promise.
    ///   - month: All minutes of the month under their targets; empty without one.
    ///   - isSufficient: True where enough of the minutes up to now were monitored.
    ///   - staysSufficient: True where enough of the whole month are, even if no later one is.
    public init(
        minutes spent: Int64, ofMonth month: [Share], _ progress: Progress, isSufficient: Bool, staysSufficient: Bool
    ) {
        let (elapsed, total) = (Int128(progress.elapsedMinutes), Int128(progress.totalMinutes))
        let allowance = Self.allowance(month)
        let spentMillionths = Int128(spent) * Self.millionths
        let goes = spentMillionths * total
        let comes = allowance * elapsed
        let state: State? =
            if month.isEmpty || elapsed == 0 {
                nil
            } else if !isSufficient {
                .insufficientData
            } else if spentMillionths > allowance {
                .lost
            } else if staysSufficient, spentMillionths + (total - elapsed) * Self.millionths <= allowance {
                .kept
            } else if goes > comes {
                .atRisk
            } else {
                .onTrack
            }
        self.init(
            spent, of: month, allowance, progress, burn: comes > 0 ? goes * Self.rate / comes : nil, state: state)
    }

    /// The budget of tasks, batches or keys, which grows with them.
    ///
    /// - Parameters:
    ///   - spent: Those that broke the promise.
    ///   - valid: All of them so far under their targets, the latest last; empty without one.
    ///   - undetermined: Those that have begun, and may still keep or break it.
    public init(items spent: Int64, of valid: [Share], undetermined: Int64, _ progress: Progress) {
        let allowance = Self.allowance(valid)
        let spentMillionths = Int128(spent) * Self.millionths
        let state = valid.last.flatMap { latest -> State? in
            guard valid.contains(where: { $0.count > 0 }) else { return nil }
            return Self.state(
                over: spentMillionths - allowance, each: latest.each, open: Int128(undetermined), progress)
        }
        self.init(
            spent, of: valid, allowance, progress,
            burn: allowance > 0 ? spentMillionths * Self.rate / allowance : nil, state: state)
    }

    /// How a promise about items stands.
    ///
    /// - Parameters:
    ///   - over: What failed beyond the allowance, in millionths: above 0 the target is missed as of now.
    ///   - each: What a further item may fail.
    ///   - open: Items that may still keep or break the promise.
    private static func state(over: Int128, each: Int128, open: Int128, _ progress: Progress) -> State {
        if progress.isFinal { return over > 0 ? .lost : .kept }
        // Nothing makes up for a failure where nothing may fail.
        if over > 0, each == 0 { return .lost }
        if progress.isOver {
            if over > each * open { return .lost }
            if over + (millionths - each) * open <= 0 { return .kept }
        } else if over <= 0, each == millionths {
            // Whatever fails from now on may.
            return .kept
        }
        guard over > 0 else { return .onTrack }
        return .recoverable(successes: Int64(clamping: (over + each - 1) / each))
    }

    private init(
        _ spent: Int64, of shares: [Share], _ allowance: Int128, _ progress: Progress, burn: Int128?, state: State?
    ) {
        self.spent = spent
        allowed = shares.isEmpty ? nil : Int64(clamping: allowance / Self.millionths)
        spentPercent =
            allowance > 0
            ? Percent(tenThousandths: Int64(clamping: Int128(spent) * Self.millionths * Self.millionths / allowance))
            : nil
        elapsed = progress.elapsed
        burnTenThousandths = burn.map { Int64(clamping: $0) }
        self.state = state
    }

    /// True where no more failed than the targets of all shares let fail together.
    static func allows(_ spent: Int64, of shares: [Share]) -> Bool {
        Int128(spent) * millionths <= allowance(shares)
    }

    private static func allowance(_ shares: [Share]) -> Int128 {
        shares.reduce(0) { $0 + Int128($1.count) * $1.each }
    }
}

extension AvailabilityFigure {
    /// What of the month's allowance of minutes is gone.
    public func budget(_ profile: ContractProfile, _ progress: Budget.Progress) -> Budget {
        Budget(
            minutes: counted, ofMonth: [.init(progress.totalMinutes, target: profile.availabilityTarget)], progress,
            isSufficient: isSufficient(profile),
            staysSufficient: Attainment(good: monitored, valid: progress.totalMinutes).meets(profile.monitoredTarget))
    }
}

extension CompletionFigure {
    /// What of the allowance of its valid tasks is gone; without a target nothing is allowed for.
    ///
    /// - Parameter shares: The valid tasks under their targets, where those of several versions judge them; nil where
    ///   one does.
    public func budget(
        _ profile: ContractProfile, under shares: [Budget.Share]? = nil, _ progress: Budget.Progress
    ) -> Budget {
        Budget(
            items: valid - good, of: shares ?? target(profile).map { [.init(valid, target: $0)] } ?? [],
            undetermined: undetermined, progress)
    }

    /// The verdict of the clock that the contract names: where several versions of a target judge, no more may have
    /// failed than all of them together allow.
    public func verdict(_ profile: ContractProfile, under shares: [Budget.Share]?) -> Verdict {
        guard let shares, clock == profile.clock, valid > 0 else { return verdict(profile) }
        return Budget.allows(valid - good, of: shares) ? .pass : .breach
    }
}

extension BatchFigure {
    /// Batches of which nobody knows yet whether they owe a refund, are paid for rightly, or are covered.
    private func undetermined(_ promise: Promise.Name) -> Int64 {
        switch promise {
        case .autoRefund: pending
        case .payForSuccess: batches - settled
        case .financialSafety: batches - begun
        case .availability, .completion, .idempotency, .webhookDelivery: 0
        }
    }

    /// What of a promise about batches is gone: all of them are to keep it, where there is a target.
    public func budget(
        _ promise: Promise.Name, _ attainment: Attainment, target: Percent?, _ progress: Budget.Progress
    ) -> Budget {
        Budget(
            items: attainment.valid - attainment.good,
            of: target.map { [.init(attainment.valid, target: $0)] } ?? [], undetermined: undetermined(promise),
            progress)
    }

    /// The promises that are kept batch by batch, of an account's name.
    public func promises(account: String, _ progress: Budget.Progress) -> [Promise] {
        let kinds: [(Promise.Name, Attainment, Percent?)] = [
            (.autoRefund, refunds, .hundred), (.payForSuccess, payForSuccess, .hundred),
            (.financialSafety, financialSafety, .hundred), (.webhookDelivery, webhookDelivery, nil),
        ]
        return kinds.map { name, attainment, target in
            Promise(
                name, account: account, target: target, attainment: attainment,
                verdict: attainment.verdict(target: target),
                budget: budget(name, attainment, target: target, progress))
        }
    }
}

extension IdempotencyFigure {
    /// Every violation is spent, also of a batch that has no key: nothing may be.
    public func budget(_ progress: Budget.Progress) -> Budget {
        Budget(
            items: violations, of: [.init(max(keysSeen, violations), target: .hundred)], undetermined: 0, progress)
    }
}
