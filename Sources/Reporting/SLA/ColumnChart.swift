import Documents
import Domain

/// A chart of columns that are made of parts, as numbers for inline SVG. Parts differ by their patterns as well as by
/// their colours.
struct ColumnChart: Sendable {
    struct Part: Sendable {
        /// A CSS class and the number of a pattern, `p1` to `p7`.
        let style: String
        let y: String
        let height: String
    }

    struct Bar: Sendable {
        let x: String
        let width: String
        /// What all of its parts are, for those who point at it.
        let label: String
        let parts: [Part]
    }

    struct Entry: Sendable {
        let name: String
        let style: String
        let x: String
        let textX: String
        let y: String
        let textY: String
    }

    /// A line from the top to the bottom: a limit.
    struct Limit: Sendable {
        let x: String
        let textX: String
        let label: String
    }

    /// What columns show of something, in the order from the bottom up.
    struct Kind {
        let name: String
        /// The number of its pattern, from 1.
        let pattern: Int
        /// One for each column.
        let counts: [Int64]
    }

    let anchor: String
    let title: String
    let summary: String
    let notes: [String]
    let height: String
    let xTicks: [PageChart.Tick]
    let yTicks: [PageChart.Tick]
    let bars: [Bar]
    let entries: [Entry]
    let limits: [Limit]
    let table: PageTable

    private static let left = 58.0
    private static let width = 640.0
    private static let top = 22.0
    private static let plotHeight = 142.0
    private static let legendTop = 194.0

    /// - Parameters:
    ///   - places: What each column is of, in words.
    ///   - ticks: What is written below each; may be empty.
    ///   - limit: How many columns lie before it, and its words.
    init(
        anchor: String, title: String, summary: String, notes: [String] = [], place: String, places: [String],
        ticks: [String], kinds: [Kind], limit: (after: Double, label: String)? = nil
    ) {
        let kinds = kinds.filter { $0.counts.contains { $0 > 0 } }
        let sums = places.indices.map { column in kinds.reduce(0) { $0 + $1.counts[column] } }
        let top = Self.rounded(sums.max() ?? 0)
        let step = Self.width / Double(max(places.count, 1))
        func y(_ count: Int64) -> Double { Self.top + Self.plotHeight * (1 - Double(count) / Double(top)) }
        func x(_ column: Double) -> Double { Self.left + step * column }
        (self.anchor, self.title, self.summary, self.notes) = (anchor, title, summary, notes)
        xTicks = ticks.enumerated().filter { !$1.isEmpty }.map {
            PageChart.Tick(position: PageChart.number(x(Double($0) + 0.5)), label: $1)
        }
        yTicks = (0...4).filter { top.isMultiple(of: 4) || $0 == 0 || $0 == 4 }.map { quarter in
            let count = top / 4 * Int64(quarter)
            return PageChart.Tick(
                position: PageChart.number(y(quarter == 4 ? top : count)),
                label: GroupedNumber.text(quarter == 4 ? top : count))
        }
        bars = places.indices.filter { sums[$0] > 0 }.map { column in
            var base: Int64 = 0
            let own = kinds.filter { $0.counts[column] > 0 }
            let parts = own.map { kind in
                base += kind.counts[column]
                return Part(
                    style: "p\(kind.pattern)", y: PageChart.number(y(base)),
                    height: PageChart.number(y(base - kind.counts[column]) - y(base)))
            }
            return Bar(
                x: PageChart.number(x(Double(column) + 0.1)), width: PageChart.number(step * 0.8),
                label: "\(places[column]): "
                    + own.map { "\(GroupedNumber.text($0.counts[column])) \($0.name)" }.joined(separator: ", "),
                parts: parts)
        }
        let legend = PageChart.legend(kinds.map(\.name))
        entries = kinds.enumerated().map { index, kind in
            let x = Self.left + legend[index].x
            let y = Self.legendTop + PageChart.legendHeight * Double(legend[index].row)
            return Entry(
                name: kind.name, style: "p\(kind.pattern)", x: PageChart.number(x), textX: PageChart.number(x + 20),
                y: PageChart.number(y), textY: PageChart.number(y + 10))
        }
        height = PageChart.number(
            Self.legendTop + 22 + PageChart.legendHeight * Double(legend.last?.row ?? 0))
        limits = (limit.map { [$0] } ?? []).map { limit in
            Limit(
                x: PageChart.number(x(limit.after)), textX: PageChart.number(x(limit.after) + 5), label: limit.label)
        }
        table = PageTable(
            Table(
                name: anchor, title: title, note: "",
                columns: [Column(place, .text)]
                    + kinds.map { Column($0.name, .integer, title: Column.title(of: $0.name)) },
                rows: places.indices.filter { sums[$0] > 0 }.map { column in
                    [.text(places[column])] + kinds.map { .integer($0.counts[column]) }
                }))
    }

    /// The smallest round number that is not less, so that a quarter of it is whole where it can be.
    private static func rounded(_ count: Int64) -> Int64 {
        var unit: Int64 = 1
        while true {
            for factor: Int64 in [1, 2, 4, 8] where factor * unit >= count { return max(factor * unit, 4) }
            guard unit <= Int64.max / 100 else { return count }
            unit *= 10
        }
    }
}
