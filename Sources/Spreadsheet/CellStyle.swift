import CXlsxWriter

/// How a cell looks. Equal styles share one ``Format`` of a workbook.
public struct CellStyle: Hashable, Sendable {
    public enum Alignment: Hashable, Sendable { case left, right }
    public enum VerticalAlignment: Hashable, Sendable { case top, middle }
    public enum Border: Hashable, Sendable { case thin }

    public var bold: Bool
    /// Points, 1 to 409; nil for the default of 11.
    public var size: Double?
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

    public init(
        bold: Bool = false, size: Double? = nil, fontColour: Colour? = nil, fill: Colour? = nil,
        numberFormat: NumberFormat? = nil, alignment: Alignment? = nil, verticalAlignment: VerticalAlignment? = nil,
        wrap: Bool = false, indent: Int = 0, borderTop: Border? = nil
    ) {
        self.bold = bold
        self.size = size
        self.fontColour = fontColour
        self.fill = fill
        self.numberFormat = numberFormat
        self.alignment = alignment
        self.verticalAlignment = verticalAlignment
        self.wrap = wrap
        self.indent = indent
        self.borderTop = borderTop
    }

    /// Throws for what a format cannot hold.
    func check() throws(SpreadsheetError) {
        if let code = numberFormat?.code {
            try PlainText.check(code, .cellStyle, "A number format")
            guard code.utf8.count <= SpreadsheetLimits.formatBytes else {
                throw SpreadsheetError(
                    .cellStyle, "\"\(code)\" is longer than the \(SpreadsheetLimits.formatBytes) bytes of a format.")
            }
        }
        guard (0...15).contains(indent), (1...409).contains(size ?? 11) else {
            throw SpreadsheetError(.cellStyle, "A style has an indent of 0 to 15 and a size of 1 to 409 points.")
        }
    }
}

/// How a number is shown, in the code of spreadsheets (`#,##0.00`).
public struct NumberFormat: Hashable, Sendable, ExpressibleByStringLiteral {
    /// The code, at most 127 bytes.
    public let code: String

    public init(_ code: String) {
        self.code = code
    }

    public init(stringLiteral code: String) {
        self.init(code)
    }

    /// Whole numbers, grouped by thousands.
    public static let integer: NumberFormat = "#,##0"
    /// Seconds with three decimals.
    public static let seconds: NumberFormat = "#,##0.000"
    /// Instants in UTC with milliseconds.
    public static let instant: NumberFormat = "yyyy\\-mm\\-dd hh:mm:ss.000"
}

/// A colour of text, of a fill or of a line.
public struct Colour: Hashable, Sendable {
    /// Red, green and blue, `0xRRGGBB`.
    public let rgb: UInt32

    /// A colour `0xRRGGBB`.
    public init(_ rgb: UInt32) {
        precondition(rgb <= 0xFFFFFF, "a colour has 24 bits")
        self.rgb = rgb
    }

    public static let white = Colour(0xFFFFFF)

    /// Colours that stay apart for the colour-blind: M. Okabe and K. Ito, "Color Universal Design", 2008.
    public static let series = [0x0072B2, 0xD55E00, 0x009E73, 0xCC79A7, 0xE69F00, 0x56B4E9].map { Colour($0) }

    /// The colour as the library takes it, where 0 stands for "none".
    var library: UInt32 { rgb == 0 ? 0x1000000 : rgb }
}

/// A style as one workbook knows it; ``Workbook/format(_:)`` makes it.
///
/// It is of no use in another workbook, nor after the workbook was closed.
public struct Format {
    let pointer: UnsafeMutablePointer<lxw_format>

    /// Gives a new format of the library the looks of a style.
    init(_ pointer: UnsafeMutablePointer<lxw_format>, style: CellStyle) {
        self.pointer = pointer
        setFont(style)
        setPlace(style)
        if let fill = style.fill {
            format_set_pattern(pointer, UInt8(LXW_PATTERN_SOLID.rawValue))
            format_set_fg_color(pointer, fill.library)
        }
        if let numberFormat = style.numberFormat { format_set_num_format(pointer, numberFormat.code) }
        if let border = style.borderTop { format_set_top(pointer, border.library) }
    }

    private func setFont(_ style: CellStyle) {
        if style.bold { format_set_bold(pointer) }
        if let size = style.size { format_set_font_size(pointer, size) }
        if let colour = style.fontColour { format_set_font_color(pointer, colour.library) }
    }

    private func setPlace(_ style: CellStyle) {
        if let alignment = style.alignment { format_set_align(pointer, alignment.library) }
        if let alignment = style.verticalAlignment { format_set_align(pointer, alignment.library) }
        if style.wrap { format_set_text_wrap(pointer) }
        if style.indent > 0 { format_set_indent(pointer, UInt8(style.indent)) }
    }
}

extension CellStyle.Alignment {
    fileprivate var library: UInt8 {
        let value =
            switch self {
            case .left: LXW_ALIGN_LEFT
            case .right: LXW_ALIGN_RIGHT
            }
        return UInt8(value.rawValue)
    }
}

extension CellStyle.VerticalAlignment {
    fileprivate var library: UInt8 {
        let value =
            switch self {
            case .top: LXW_ALIGN_VERTICAL_TOP
            case .middle: LXW_ALIGN_VERTICAL_CENTER
            }
        return UInt8(value.rawValue)
    }
}

extension CellStyle.Border {
    fileprivate var library: UInt8 {
        switch self {
        case .thin: UInt8(LXW_BORDER_THIN.rawValue)
        }
    }
}
