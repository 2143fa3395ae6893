import Domain
import Testing

/// Numbers for people: groups of three before the point, and nothing that is not a number touched.
@Suite struct GroupingTests {
    @Test(arguments: [
        ("0", "0"), ("999", "999"), ("1000", "1,000"), ("-1000", "-1,000"), ("-999", "-999"), ("44640", "44,640"),
        ("1234567.5000", "1,234,567.5000"), ("123.456789", "123.456789"),
        ("9223372036854775807", "9,223,372,036,854,775,807"),
        // Neither an amount nor a count.
        ("", ""), ("never", "never"), ("1e+22", "1e+22"), ("12345678-1", "12345678-1"), ("1234.", "1234."),
        ("at least 5.0000", "at least 5.0000"), ("2026-10", "2026-10"), ("--1234", "--1234"), ("１２３４", "１２３４"),
    ])
    func `digits before the point stand in groups`(text: String, grouped: String) {
        #expect(GroupedNumber.grouping(text) == grouped)
    }
}
