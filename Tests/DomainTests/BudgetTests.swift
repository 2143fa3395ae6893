import Domain
import Foundation
import Testing

/// What a promise lets fail, against cases worked out by hand and against every outcome tried.
@Suite struct BudgetTests {
    /// A month of 31 days that is over and final.
    private static let october = Budget.Progress(
        elapsedMinutes: 44_640, totalMinutes: 44_640, isOver: true, isFinal: true)
    /// The same after 20 days.
    private static let soFar = Budget.Progress(
        elapsedMinutes: 28_800, totalMinutes: 44_640, isOver: false, isFinal: false)

    private func percent(_ text: String) throws -> Percent { try #require(Percent(text)) }

    private func minutes(
        _ spent: Int64, _ target: String, _ progress: Budget.Progress, isSufficient: Bool = true,
        staysSufficient: Bool = false
    ) throws -> Budget {
        Budget(
            minutes: spent, ofMonth: [.init(progress.totalMinutes, target: try percent(target))], progress,
            isSufficient: isSufficient, staysSufficient: staysSufficient)
    }

    private func items(
        good: Int64, of valid: Int64, _ target: String, _ progress: Budget.Progress, undetermined: Int64 = 0
    ) throws -> Budget {
        Budget(
            items: valid - good, of: [.init(valid, target: try percent(target))], undetermined: undetermined, progress)
    }

    @Test func `36 of the 44.64 minutes that 99.9 percent lets fail of October are 80.6451 percent`() throws {
        let budget = try minutes(36, "99.9", Self.october, staysSufficient: true)
        #expect(budget.allowed == 44 && budget.spent == 36 && budget.left == 8)
        #expect(budget.spentPercent?.description == "80.6451")
        #expect(budget.elapsed?.description == "100.0000")
        #expect(budget.burnTenThousandths == 8_064)
        #expect(budget.state == .kept)
        // The 45th minute is beyond 44.64.
        #expect(try minutes(44, "99.9", Self.october, staysSufficient: true).state == .kept)
        #expect(try minutes(45, "99.9", Self.october, staysSufficient: true).state == .lost)
        #expect(try minutes(45, "99.9", Self.october, staysSufficient: true).left == -1)
    }

    @Test func `153 failures of 2,055 tasks spend one and a half times what 95 percent lets fail`() throws {
        let budget = try items(good: 1_902, of: 2_055, "95", Self.october)
        #expect(budget.allowed == 102 && budget.spent == 153 && budget.left == -51)
        // 153 of 102.75.
        #expect(budget.spentPercent?.description == "148.9051")
        #expect(budget.burnTenThousandths == 14_890)
        #expect(budget.state == .lost)
    }

    @Test func `a month that goes on says what would make up for it`() throws {
        let behind = try items(good: 1_902, of: 2_055, "95", Self.soFar)
        // (95 · 2,055 − 100 · 1,902) / 5
        #expect(behind.state == .recoverable(successes: 1_005))
        #expect(behind.state?.text == "recoverable (needs 1005 successes in a row)")
        #expect(behind.elapsed?.description == "64.5161")
        // The allowance of tasks grows by itself: how far the month has come plays no part.
        #expect(behind.burnTenThousandths == 14_890)
        #expect(try items(good: 18, of: 19, "95", Self.soFar).state?.text == "recoverable (needs 1 success)")
        #expect(try items(good: 19, of: 20, "95", Self.soFar).state == .onTrack)
    }

    @Test func `minutes that go faster than the month are at risk, and on track at its pace`() throws {
        // 28.8 of 44.64 minutes is the pace after 20 of 31 days.
        let ahead = try minutes(29, "99.9", Self.soFar)
        #expect(ahead.state == .atRisk)
        #expect(ahead.burnTenThousandths == 10_069)
        #expect(ahead.left == 15)
        #expect(try minutes(28, "99.9", Self.soFar).state == .onTrack)
        #expect(try minutes(45, "99.9", Self.soFar).state == .lost)
        #expect(try minutes(0, "99.9", Self.soFar, isSufficient: false).state == .insufficientData)
        // Forty minutes before the end nothing can break it any more, if enough was monitored without them.
        let late = Budget.Progress(elapsedMinutes: 44_600, totalMinutes: 44_640, isOver: false, isFinal: false)
        #expect(try minutes(4, "99.9", late, staysSufficient: true).state == .kept)
        #expect(try minutes(5, "99.9", late, staysSufficient: true).state == .onTrack)
        #expect(try minutes(4, "99.9", late, staysSufficient: false).state == .onTrack)
    }

    @Test func `a target of 100 percent has no budget, and one failure loses it`() throws {
        let broken = try items(good: 61, of: 62, "100", Self.soFar)
        #expect(broken.allowed == 0 && broken.spent == 1 && broken.left == -1)
        #expect(broken.spentPercent == nil && broken.burnTenThousandths == nil)
        #expect(broken.state == .lost)
        #expect(try items(good: 62, of: 62, "100", Self.soFar).state == .onTrack)
        #expect(try items(good: 62, of: 62, "100", Self.october).state == .kept)
        #expect(try minutes(1, "100", Self.soFar).state == .lost)
        #expect(try minutes(1, "100", Self.soFar).burnTenThousandths == nil)
    }

    @Test func `without a target, or anything valid, there is no state`() throws {
        let none = Budget(items: 3, of: [], undetermined: 0, Self.soFar)
        #expect(none.allowed == nil && none.spent == 3 && none.left == nil && none.state == nil)
        #expect(none.spentPercent == nil && none.burnTenThousandths == nil)
        let nothing = try items(good: 0, of: 0, "95", Self.october)
        #expect(nothing.allowed == 0 && nothing.left == 0 && nothing.state == nil && nothing.spentPercent == nil)
        let unbegun = Budget.Progress(elapsedMinutes: 0, totalMinutes: 44_640, isOver: false, isFinal: false)
        let early = try minutes(0, "99.9", unbegun)
        #expect(early.allowed == 44 && early.state == nil && early.burnTenThousandths == nil)
    }

    @Test func `a target that changed is allowed for version by version`() throws {
        // 5 of the first hundred and 1 of the second may fail.
        let shares = [Budget.Share(100, target: try percent("95")), .init(100, target: try percent("99"))]
        let spent = Budget(items: 6, of: shares, undetermined: 0, Self.october)
        #expect(spent.allowed == 6 && spent.left == 0 && spent.spentPercent == .hundred && spent.state == .kept)
        #expect(Budget(items: 7, of: shares, undetermined: 0, Self.october).state == .lost)
        // One too many is made up for by a hundred under the target of today.
        #expect(Budget(items: 7, of: shares, undetermined: 0, Self.soFar).state == .recoverable(successes: 100))
        let month = [Budget.Share(1_000, target: try percent("99")), .init(1_000, target: try percent("99.5"))]
        let whole = Budget.Progress(elapsedMinutes: 2_000, totalMinutes: 2_000, isOver: true, isFinal: true)
        #expect(
            Budget(minutes: 15, ofMonth: month, whole, isSufficient: true, staysSufficient: true).spentPercent
                == .hundred)
    }

    private static let targets = ["0", "33.3333", "50", "66.6667", "90", "95", "99", "99.9", "100"]

    @Test func `the state of minutes is what trying every outcome of the rest says`() throws {
        var seen: Set<String> = []
        for target in Self.targets {
            let profile = try Self.profile(availability: target)
            for total in Int64(1)...6 {
                for elapsed in 0...total {
                    for monitored in 0...elapsed {
                        for down in 0...monitored {
                            let figure = AvailabilityFigure(
                                component: "x", total: elapsed, monitored: monitored, down: down, excluded: 0)
                            let progress = Budget.Progress(
                                elapsedMinutes: elapsed, totalMinutes: total, isOver: elapsed == total,
                                isFinal: elapsed == total)
                            let state = figure.budget(profile, progress).state
                            #expect(
                                state == Self.tried(figure, profile, total), "\(target) \(figure) of \(total)")
                            seen.insert(state?.text ?? "")
                        }
                    }
                }
            }
        }
        #expect(seen == ["", "insufficient data", "lost", "kept", "at risk", "on track"])
    }

    /// Every later minute is up, down or not monitored.
    private static func tried(
        _ figure: AvailabilityFigure, _ profile: ContractProfile, _ total: Int64
    ) -> Budget.State? {
        guard figure.total > 0 else { return nil }
        let now = figure.verdict(profile)
        guard now != .insufficientData else { return .insufficientData }
        var outcomes: Set<Verdict> = []
        let rest = total - figure.total
        for up in 0...rest {
            for down in 0...(rest - up) {
                outcomes.insert(
                    AvailabilityFigure(
                        component: "x", total: total, monitored: figure.monitored + up + down,
                        down: figure.down + down, excluded: 0
                    ).verdict(profile))
            }
        }
        if !outcomes.contains(.pass) { return .lost }
        if outcomes == [.pass] { return .kept }
        return now == .breach ? .atRisk : .onTrack
    }

    @Test func `the state of items is what trying every outcome of what is left says`() throws {
        var seen: Set<String> = []
        for text in Self.targets {
            let target = try percent(text)
            for valid in Int64(1)...12 {
                for good in 0...valid {
                    for open in Int64(0)...4 {
                        for isOver in [false, true] {
                            let progress = Budget.Progress(
                                elapsedMinutes: isOver ? 10 : 5, totalMinutes: 10, isOver: isOver, isFinal: false)
                            let state = try items(good: good, of: valid, text, progress, undetermined: open).state
                            let tried = Self.tried(good, valid, target, open: isOver ? open : nil)
                            #expect(state == tried, "\(good) of \(valid) at \(text), \(open) open, over \(isOver)")
                            seen.insert(state?.text.components(separatedBy: " (")[0] ?? "")
                        }
                    }
                }
            }
        }
        #expect(seen == ["lost", "kept", "recoverable", "on track"])
    }

    /// - Parameter open: Items that are left; nil where any number may still come.
    private static func tried(_ good: Int64, _ valid: Int64, _ target: Percent, open: Int64?) -> Budget.State {
        func passes(_ good: Int64, _ valid: Int64) -> Bool { Attainment(good: good, valid: valid).meets(target) }
        if let open {
            // Where all must be good one failure is final, whatever becomes of the rest.
            let outcomes = Set((0...open).map { passes(good + $0, valid + open) })
            if outcomes == [false] || (target == .hundred && good < valid) { return .lost }
            if outcomes == [true] { return .kept }
        } else {
            if target == .hundred, good < valid { return .lost }
            // A thousand failures in a row break every target that can be broken.
            if passes(good, valid), passes(good, valid + 1_000_000_000) { return .kept }
        }
        var successes: Int64 = 0
        while !passes(good + successes, valid + successes) { successes += 1 }
        return successes == 0 ? .onTrack : .recoverable(successes: successes)
    }

    @Test func `a month's minutes are counted as the report counts them`() throws {
        let start = try #require(Instant("2026-10-01T00:00:00Z")), end = try #require(Instant("2026-11-01T00:00:00Z"))
        let period = Period(start: start, end: end)
        let middle = Budget.Progress(
            of: period, cutoff: try #require(Instant("2026-10-20T12:15:30Z")), isFinal: false)
        #expect(middle.elapsedMinutes == 19 * 1_440 + 12 * 60 + 15 && middle.totalMinutes == 44_640 && !middle.isOver)
        #expect(Budget.Progress(of: period, cutoff: start, isFinal: false).elapsedMinutes == 0)
        #expect(Budget.Progress(of: period, cutoff: end, isFinal: false).isOver)
    }

    private static func profile(availability target: String) throws -> ContractProfile {
        try ContractProfile(
            json: Array(
                """
                {"name": "standard", "version": 1, "time_zone": "UTC",
                 "availability": {"target_percent": "\(target)", "monitored_percent": "75",
                                  "maintenance_notice_hours": 48},
                 "completion": {"clock": "dispatch", "models": {}, "exclusions": []},
                 "refund_deadline_seconds": 300, "stuck_after_hours": 24,
                 "service_credits": [\(target == "0" ? "" : """
                {"from_percent": "0", "below_percent": "\(target)", "credit_percent": "5"}
                """)]}
                """.utf8))
    }
}
