/// What a chart shows. A workbook turns it into a ``ChartHandle``.
///
/// Texts are literal and hold no control character; a `=` at the start gets a
/// space before it, because it would make a formula of the text.
public struct Chart: Hashable, Sendable {
    /// What stands above it.
    public var title: String
    /// What it says, for those who do not see it.
    public var summary: String
    /// The name of the horizontal axis.
    public var categoryTitle: String
    /// The name of the vertical axis.
    public var valueTitle: String
    /// The low end of the vertical axis; nil for one that fits the values.
    public var valueMinimum: Double?
    /// The high end of the vertical axis; nil for one that fits the values.
    public var valueMaximum: Double?
    /// How the vertical axis' numbers are shown; nil for the format of the first value's cell.
    public var valueFormat: NumberFormat?
    /// What is drawn; at least one.
    public var series: [ChartSeries]
    /// Pixels, at 96 to an inch.
    public var width: Double
    /// Pixels, at 96 to an inch.
    public var height: Double

    public init(
        title: String, summary: String = "", categoryTitle: String = "", valueTitle: String = "",
        valueMinimum: Double? = nil, valueMaximum: Double? = nil, valueFormat: NumberFormat? = nil,
        series: [ChartSeries], width: Double = 720, height: Double = 360
    ) {
        self.title = title
        self.summary = summary
        self.categoryTitle = categoryTitle
        self.valueTitle = valueTitle
        self.valueMinimum = valueMinimum
        self.valueMaximum = valueMaximum
        self.valueFormat = valueFormat
        self.series = series
        self.width = width
        self.height = height
    }

    /// Throws for what a chart cannot show.
    func check() throws(SpreadsheetError) {
        let texts = [title, summary, categoryTitle, valueTitle, valueFormat?.code ?? ""] + series.map(\.name)
        for text in texts {
            try PlainText.check(text, .chart, "A text of a chart")
            guard text.utf8.count < SpreadsheetLimits.attributeBytes else {
                throw SpreadsheetError(.chart, "A text of the chart \"\(title)\" is too long.")
            }
        }
        guard !series.isEmpty else { throw SpreadsheetError(.chart, "The chart \"\(title)\" shows nothing.") }
        guard width.isFinite, height.isFinite, width >= 1, height >= 1,
            valueMinimum?.isFinite ?? true, valueMaximum?.isFinite ?? true
        else { throw SpreadsheetError(.chart, "The chart \"\(title)\" has no size, or an axis without an end.") }
    }

    /// A text that no program reads as a formula.
    static func literal(_ text: String) -> String {
        text.hasPrefix("=") ? " " + text : text
    }
}
