import Documents
import Domain

/// The days of a month for each component that is probed, as numbers for inline SVG: minutes that were down stand in
/// the day's field, and a pattern says what kind of day it was.
struct CalendarChart: Sendable {
    struct Day: Sendable {
        let x: String
        let textX: String
        let width: String
        /// `up`, `down`, `announced`, `unmonitored` or `ahead`: a CSS class.
        let style: String
        /// Of its foot, where it has one.
        let patterns: [String]
        /// Minutes down, or a sign; empty for a day without any.
        let text: String
        let label: String
    }

    struct Row: Sendable {
        let name: String
        let nameY: String
        let y: String
        /// Of the strip at the foot of a day, which has the pattern.
        let stripY: String
        let textY: String
        let days: [Day]
    }

    let anchor = "calendar"
    let title: String
    let summary: String
    let height: String
    let heads: [PageChart.Tick]
    let rows: [Row]
    let note =
        "The number in a field is minutes down outside of announced maintenance; m is maintenance that was announced "
        + "in time, ? a day with too few probes, and an empty field a day without any downtime."
    let table: PageTable

    private static let left = 8.0
    private static let width = 704.0
    private static let top = 34.0
    private static let rowHeight = 52.0
    /// The share of a day without probes from which on it says more of the prober than of the service.
    private static let unmonitoredMinutes: Int64 = 72

    /// Nil where nothing is probed.
    init?(_ figures: SLAFigures, _ scope: SLAScope) {
        let components = figures.availability.map(\.component)
        guard !components.isEmpty else { return nil }
        let month = scope.request.month
        let passed = scope.dayStarts.count { $0 < scope.current.cutoff }
        let step = Self.width / Double(month.dayCount)
        let all = components.map { component in
            DayMinutes(figures.detail.downtime.filter { $0.component.utf8.elementsEqual(component.utf8) }, scope)
        }
        title = "Availability, day by day"
        summary = zip(components, all).map { component, minutes in
            let days = (1...month.dayCount).count { minutes[$0, .down] > 0 }
            return "\(component): \(minutes.total(.down)) minutes down on \(days) days"
        }.joined(separator: "; ")
        heads = (1...month.dayCount).map { day in
            PageChart.Tick(
                position: PageChart.number(Self.left + step * (Double(day) - 0.5)), label: String(day))
        }
        rows = zip(components, all).enumerated().map { index, own in
            let y = Self.top + Self.rowHeight * Double(index)
            return Row(
                name: own.0.isEmpty ? "(no name)" : own.0, nameY: PageChart.number(y), y: PageChart.number(y + 6),
                stripY: PageChart.number(y + 24),
                textY: PageChart.number(y + 19),
                days: (1...month.dayCount).map { day in
                    let x = Self.left + step * Double(day - 1)
                    return Self.day(
                        day, own.1, isAhead: day > passed, month: month,
                        place: (PageChart.number(x), PageChart.number(x + step / 2), PageChart.number(step - 2)))
                })
        }
        let bottom = Self.top + Self.rowHeight * Double(components.count)
        height = PageChart.number(bottom - 10)
        table = PageTable(Self.table(zip(components, all), month), limit: Limits.pageRows)
    }

    private static let patterns = ["up": "p1", "down": "p3", "announced": "p5", "unmonitored": "p6"]

    private static func day(
        _ day: Int, _ minutes: DayMinutes, isAhead: Bool, month: Month,
        place: (x: String, textX: String, width: String)
    ) -> Day {
        let (down, announced) = (minutes[day, .down], minutes[day, .announced])
        let unmonitored = minutes[day, .unmonitored]
        let style =
            isAhead
            ? "ahead"
            : down > 0 ? "down" : unmonitored > unmonitoredMinutes ? "unmonitored" : announced > 0 ? "announced" : "up"
        let text =
            switch style {
            case "down": String(down)
            case "unmonitored": "?"
            case "announced": "m"
            default: ""
            }
        let parts = [
            (down, "min down"), (announced, "min announced maintenance"), (unmonitored, "min without a probe"),
        ]
        .filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
        let said = isAhead ? "still to come" : parts.isEmpty ? "up all day" : parts.joined(separator: ", ")
        return Day(
            x: place.x, textX: place.textX, width: place.width, style: style,
            patterns: patterns[style].map { [$0] } ?? [],
            text: text,
            label: "\(month.dayText(day)): \(said)")
    }

    private static func table(_ components: some Sequence<(String, DayMinutes)>, _ month: Month) -> Table {
        let kinds: [MonthDetail.Downtime.Kind] = [.down, .announced, .unmonitored]
        return Table(
            name: "availability-by-day", title: "Availability, day by day", note: "",
            columns: [
                Column("day", .text), Column("component", .text), Column("down", .integer, title: "Min down"),
                Column("announced", .integer, title: "Min announced maintenance"),
                Column("unmonitored", .integer, title: "Min without a probe"),
            ],
            rows: components.flatMap { component, minutes in
                (1...month.dayCount).filter { day in kinds.contains { minutes[day, $0] > 0 } }.map { day in
                    [.text(month.dayText(day)), .text(component)] + kinds.map { .integer(minutes[day, $0]) }
                }
            })
    }

    /// The stretches in which a component was down; the longest ones where there are very many.
    static func outages(_ figures: SLAFigures, _ scope: SLAScope) -> PageTable {
        let all = figures.detail.downtime.enumerated().filter { $0.element.kind != .unmonitored }
        let longest = all.sorted { ($1.element.minutes, $0.offset) < ($0.element.minutes, $1.offset) }
            .prefix(Limits.pageOutages).sorted { left, right in
                (left.element.startsAt, left.offset) < (right.element.startsAt, right.offset)
            }.map(\.element)
        let hidden = all.count - longest.count
        return PageTable(
            Table(
                name: "outages", title: "Outages", note: "Every stretch of minutes in which all probes failed.",
                columns: [
                    Column("component", .text), Column("start", .text), Column("length", .text),
                    Column("announced", .text),
                ],
                rows: longest.map { outage in
                    [
                        .text(outage.component), .text(scope.clock.text(outage.startsAt)),
                        .text(Seconds.minutes(outage.minutes)),
                        .text(outage.kind == .announced ? "yes, in time: not counted" : "no"),
                    ]
                }),
            remainder: hidden > 0
                ? "\(GroupedNumber.text(Int64(hidden))) shorter ones are not listed; the days above count them." : "")
    }
}
