/// One line, or one set of columns, of a chart.
public struct ChartSeries: Hashable, Sendable {
    /// What the legend calls it.
    public var name: String
    /// The cells with the names on the horizontal axis.
    public var categories: CellRange
    /// The cells with the values; an empty one is a gap.
    public var values: CellRange
    /// Nil for the next of ``Colour/series``.
    public var colour: Colour?
    /// Drawn as a broken line without marks, for a limit that stands beside what was measured.
    public var isLimit: Bool

    public init(
        name: String, categories: CellRange, values: CellRange, colour: Colour? = nil, isLimit: Bool = false
    ) {
        self.name = name
        self.categories = categories
        self.values = values
        self.colour = colour
        self.isLimit = isLimit
    }
}
