/// How a cell looks. Equal styles share one ``Format`` of a workbook.
public struct CellStyle: Hashable, Sendable {
    public enum Alignment: Hashable, Sendable { case left, centre, right }
    public enum VerticalAlignment: Hashable, Sendable { case top, middle, bottom }
    public enum Border: Hashable, Sendable { case thin, medium, thick, double, dotted }

    public var bold: Bool
    public var italic: Bool
    public var underlined: Bool
    /// Points, 1 to 409; nil for the default of 11.
    public var size: Double?
    /// Nil for the default, Calibri.
    public var font: String?
    public var fontColour: Colour?
    public var fill: Colour?
    public var numberFormat: NumberFormat?
    public var alignment: Alignment?
    public var verticalAlignment: VerticalAlignment?
    /// Breaks long lines within the cell.
    public var wrap: Bool
    /// Steps of indentation from the left, 0 to 15.
    public var indent: Int
    public var borderTop: Border?
    public var borderBottom: Border?
    /// The colour of the borders; nil for black.
    public var borderColour: Colour?

    public init(
        bold: Bool = false, italic: Bool = false, underlined: Bool = false, size: Double? = nil, font: String? = nil,
        fontColour: Colour? = nil, fill: Colour? = nil, numberFormat: NumberFormat? = nil,
        alignment: Alignment? = nil, verticalAlignment: VerticalAlignment? = nil, wrap: Bool = false, indent: Int = 0,
        borderTop: Border? = nil, borderBottom: Border? = nil, borderColour: Colour? = nil
    ) {
        self.bold = bold
        self.italic = italic
        self.underlined = underlined
        self.size = size
        self.font = font
        self.fontColour = fontColour
        self.fill = fill
        self.numberFormat = numberFormat
        self.alignment = alignment
        self.verticalAlignment = verticalAlignment
        self.wrap = wrap
        self.indent = indent
        self.borderTop = borderTop
        self.borderBottom = borderBottom
        self.borderColour = borderColour
    }

    /// Throws for what a format cannot hold.
    func check() throws(SpreadsheetError) {
        for text in [font, numberFormat?.code].compactMap(\.self) {
            try PlainText.check(text, .cellStyle, "A number format or a font's name")
            guard text.utf8.count <= SpreadsheetLimits.formatBytes else {
                throw SpreadsheetError(
                    .cellStyle, "\"\(text)\" is longer than the \(SpreadsheetLimits.formatBytes) bytes of a format.")
            }
        }
        guard (0...15).contains(indent), (1...409).contains(size ?? 11) else {
            throw SpreadsheetError(.cellStyle, "A style has an indent of 0 to 15 and a size of 1 to 409 points.")
        }
    }
}
