import Domain
import Testing

@Suite struct MonthTests {
    @Test(arguments: ["2026-10", "2000-01", "2199-12"])
    func `a month reads and writes itself`(text: String) {
        #expect(Month(text)?.description == text)
    }

    @Test(arguments: [
        "2026-13", "2026-00", "2026-1", "26-10", "2026-10-01", "1999-12", "２０２６-10", " 2026-10", "2026-1o", "",
    ])
    func `anything else is no month`(text: String) {
        #expect(Month(text) == nil)
    }

    @Test func `months tile across years`() throws {
        let month = try #require(Month("2026-12"))
        #expect(month.endDay == month.adding(months: 1)?.firstDay)
        #expect(month.adding(months: -12)?.description == "2025-12")
        #expect(Month("2024-02")?.endDay.daysSinceEpoch == (Month("2024-02")?.firstDay.daysSinceEpoch ?? 0) + 29)
    }
}

@Suite struct InstantTests {
    @Test(arguments: [
        ("2026-10-01T04:00:00Z", "2026-10-01T04:00:00.000000+00:00"),
        ("2026-10-01 04:00:00.5+05:45", "2026-09-30T22:15:00.500000+00:00"),
        ("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999+00:00"),
        ("2024-02-29T00:00-03", "2024-02-29T03:00:00.000000+00:00"),
    ])
    func `an instant reads with its offset and writes in UTC`(text: String, expected: String) {
        #expect(Instant(text)?.description == expected)
    }

    @Test(arguments: [
        "2026-10-01", "2026-10-01T04:00:00", "2026-02-30T00:00:00Z", "2026-10-01T24:00:00Z", "2026-10-01T04:00:60Z",
        "2026-10-01T04:00:00.1234567Z", "infinity", "2026-10-01T04:00:00Zx",
    ])
    func `a text without an offset, or with an impossible time, is refused`(text: String) {
        #expect(Instant(text) == nil)
    }

    @Test func `every day of four centuries goes there and back`() {
        for day in stride(from: -80_000, to: 80_000, by: 1) {
            let (year, month, number) = CalendarDate(daysSinceEpoch: day).components
            #expect(CalendarDate(year: year, month: month, day: number)?.daysSinceEpoch == day)
        }
    }
}

@Suite struct MoneyTests {
    @Test func `sixty minutes of thirty days never print as 99.9`() {
        let attainment = Attainment(good: 43_140, valid: 43_200)
        #expect(attainment.percent?.description == "99.8611")
        #expect(attainment.verdict(target: Percent("99.9")) == .breach)
        #expect(Attainment(good: 999, valid: 1000).verdict(target: Percent("99.9")) == .pass)
        #expect(Attainment(good: 0, valid: 0).verdict(target: .hundred) == .notApplicable)
    }

    @Test func `attainments are compared exactly beyond 64 bits`() {
        let most = Int64.max
        #expect(Attainment(good: most, valid: most).meets(.hundred))
        #expect(!Attainment(good: most - 1, valid: most).meets(.hundred))
        #expect(Attainment(good: most - 1, valid: most).percent?.description == "99.9999")
    }

    @Test func `half a cent rounds up`() throws {
        let fee = try #require(Dollars("0.10"))
        #expect(fee.share(try #require(Percent("5"))).description == "0.01")
        #expect(try #require(Dollars("0.09")).share(try #require(Percent("5"))).description == "0.00")
        #expect(try #require(Dollars("1500")).share(try #require(Percent("25"))).description == "375.00")
    }

    @Test(arguments: [
        ("139454001", "139.455"), ("139454000", "139.454"), ("1", "0.001"), ("0", "0.000"), ("-5000001", "-5.000"),
    ])
    func `durations are rounded up to a millisecond`(microseconds: String, expected: String) throws {
        #expect(Seconds.text(microseconds: try #require(Int64(microseconds))) == expected)
    }

    @Test(arguments: ["", "-", ".5", "5.", "1e3", "1,000", " 1", "1.00001", "99999999999999999999"])
    func `what is no plain decimal is refused`(text: String) {
        #expect(FixedPoint.parse(text, places: 4) == nil)
    }
}

@Suite struct AvailabilityTests {
    @Test func `too little monitoring is insufficient data, however good the rest`() throws {
        let profile = try Profiles.standard()
        let full = AvailabilityFigure(component: "a", total: 1000, monitored: 950, down: 0, excluded: 0)
        let thin = AvailabilityFigure(component: "a", total: 1000, monitored: 949, down: 0, excluded: 0)
        #expect(full.verdict(profile) == .pass)
        #expect(thin.verdict(profile) == .insufficientData)
        #expect(thin.worstCase.percent?.description == "94.9000")
        #expect(
            AvailabilityFigure(component: "a", total: 0, monitored: 0, down: 0, excluded: 0).verdict(profile)
                == .notApplicable)
    }
}
