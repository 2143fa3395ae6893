import Domain
import Testing

/// What may become of a service credit, every sequence of steps tried, and how it comes off the fees.
@Suite struct ServiceCreditTests {
    private typealias Life = ServiceCreditLife

    private static let until = Instant(microseconds: 1_000_000)
    private static let now = Instant(microseconds: 5_000_000)
    private static func dollars(_ amount: Int64) -> Dollars { Dollars(micros: amount * 1_000_000) }

    private static func request(_ reference: String, late: Bool = false, because: String? = nil) -> Life.Action {
        .request(
            Life.Request(
                reference: reference, askedAt: late ? until.adding(seconds: 1) : until, lateBecause: because))
    }

    private static let steps: [Life.Action] = [
        request("a"), request("b"), request("c", late: true), request("d", late: true, because: "it was ill"),
        .request(Life.Request(reference: "e", askedAt: now.adding(seconds: 1), lateBecause: "soon")),
        .decide(.granted(.fee(dollars(45)))), .decide(.granted(.fee(dollars(20)))),
        .decide(.granted(.fee(dollars(46)))), .decide(.granted(.fee(.zero))), .decide(.granted(.credits(900))),
        .decide(.granted(.credits(919))), .decide(.declined(reason: "x")), .decide(.declined(reason: "y")),
    ]

    /// What the rules say of a step, written down a second time: by what was done before it.
    private static func isAllowed(_ step: Life.Action, after done: [Life.Action]) -> Bool {
        switch step {
        case .request(let request):
            return done.isEmpty && request.askedAt <= now
                && (request.askedAt <= until || request.lateBecause != nil)
        case .decide(let decision):
            guard done.count == 1 else { return false }
            guard case .granted(let grant) = decision else { return true }
            return grant.amount > .zero && grant.amount <= dollars(45)
        }
    }

    @Test func `every sequence of four steps keeps the rules, and the same step again changes nothing`() {
        var taken = 0
        func walk(_ life: Life, _ done: [Life.Action], _ depth: Int) {
            let state = life.state(at: Self.now)
            switch done.last {
            case nil: #expect(state == .lapsed && life.state(at: Self.until) == .offered)
            case .request: #expect(state == .requested)
            case .decide(.granted): #expect(state == .granted)
            case .decide(.declined): #expect(state == .declined)
            }
            guard depth > 0 else { return }
            for step in Self.steps {
                var next = life
                let answer = Result { () throws(ServiceCreditRefusal) in try next.take(step, at: Self.now) }
                if Self.isAllowed(step, after: done) {
                    #expect((try? answer.get()) == true, "\(step) after \(done)")
                    taken += 1
                    walk(next, done + [step], depth - 1)
                } else {
                    // Nothing was done: what was done before is the same answer, all else is refused.
                    #expect((try? answer.get()) == (done.contains(step) ? false : nil), "\(step) after \(done)")
                    #expect(next == life)
                }
            }
        }
        walk(Life(offered: Self.dollars(45), requestUntil: Self.until), [], 4)
        // Three requests that are taken, and after each of them five decisions.
        #expect(taken == 3 + 3 * 5)
    }

    @Test func `refusals say what stands in the way`() {
        func refusal(_ steps: [Life.Action]) -> ServiceCreditRefusal? {
            var life = Life(offered: Self.dollars(45), requestUntil: Self.until)
            do throws(ServiceCreditRefusal) {
                for step in steps { _ = try life.take(step, at: Self.now) }
                return nil
            } catch {
                return error
            }
        }
        let asked = Self.request("a")
        #expect(
            refusal([Self.request("c", late: true)])
                == .late(askedAt: Self.until.adding(seconds: 1), until: Self.until))
        #expect(refusal([Self.steps[5]]) == .notAskedFor)
        #expect(
            refusal([asked, .decide(.granted(.credits(919)))])
                == .moreThanOffered(.credits(919), offered: Self.dollars(45)))
        #expect(refusal([asked, .decide(.granted(.fee(.zero)))]) == .nothingGranted)
        #expect(
            refusal([asked, Self.steps[6], .decide(.declined(reason: "x"))])
                == .decidedBefore(.granted(.fee(Self.dollars(20)))))
    }

    @Test func `credits are worth their list price by the credit, also as many as a package has`() {
        #expect(ServiceCreditLife.Grant.credits(10).amount == VideoModel.sora2.listPrice)
        #expect(ServiceCreditLife.Grant.credits(95_000).amount == Dollars(micros: 95_000 * 49_000))
    }

    @Test func `an offer is a share of the fee, and there is none without dollars`() throws {
        let october = try #require(Month("2026-10"))
        let period = Period(start: Instant(microseconds: 0), end: Self.until)
        let profile = try Profiles.standard()
        func offer(_ down: Int64, monitored: Int64 = 44_640, fee: Dollars = Self.dollars(900)) -> ServiceCreditOffer? {
            let figure = AvailabilityFigure(
                component: "api", total: 44_640, monitored: monitored, down: down, excluded: 0)
            return ServiceCreditOffer(
                ServiceCredit([figure], profile), month: october, period: period, monthlyFee: fee)
        }
        let some = try #require(offer(46))
        #expect(some.amount == Self.dollars(45) && some.tier == Percent("5") && !some.isLeast)
        #expect(some.requestUntil == Self.until.adding(seconds: 30 * 86_400))
        // Kept, not monitored enough, and without a fee.
        #expect(offer(44) == nil)
        #expect(offer(46, monitored: 100) == nil)
        #expect(offer(46, fee: .zero) == nil)
    }

    @Test func `reductions come off the fees month after month, the oldest first, and never more than a fee`() throws {
        func month(_ text: String) throws -> Month { try #require(Month(text)) }
        let (july, august, september) = (try month("2026-07"), try month("2026-08"), try month("2026-09"))
        let october = try month("2026-10")
        let grants = [
            FeeReduction.Grant(amount: Self.dollars(70), month: july),
            FeeReduction.Grant(amount: Self.dollars(50), month: july),
            FeeReduction.Grant(amount: Self.dollars(5), month: september),
        ]
        func shares(_ month: Month) -> [[Int64]] {
            FeeReduction.shares(of: grants, in: month) { $0 == august ? .zero : Self.dollars(60) }.map {
                [$0.available, $0.reduced, $0.left].map { $0.micros / 1_000_000 }
            }
        }
        #expect(shares(try month("2026-06")) == [[0, 0, 0], [0, 0, 0], [0, 0, 0]])
        #expect(shares(july) == [[70, 60, 10], [50, 0, 50], [0, 0, 0]])
        // A month without a fee takes nothing.
        #expect(shares(august) == [[10, 0, 10], [50, 0, 50], [0, 0, 0]])
        #expect(shares(september) == [[10, 10, 0], [50, 50, 0], [5, 0, 5]])
        #expect(shares(october) == [[0, 0, 0], [0, 0, 0], [5, 5, 0]])
    }
}
