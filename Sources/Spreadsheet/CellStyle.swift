import CXlsxWriter

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
    /// A number of per cent (99.8611, not 0.998611), four decimals.
    public static let percentage: NumberFormat = "0.0000\"%\""
    /// A share of one (0.998611), shown as per cent with four decimals.
    public static let share: NumberFormat = "0.0000%"
    /// Seconds with three decimals.
    public static let seconds: NumberFormat = "#,##0.000"
    /// US dollars with two decimals.
    public static let dollars: NumberFormat = "$#,##0.00"
    /// US dollars with up to six decimals, at least two.
    public static let unitPrice: NumberFormat = "$#,##0.00####"
    /// Text that stays as it is when somebody edits the cell.
    public static let text: NumberFormat = "@"
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

    public static let black = Colour(0x000000)
    public static let white = Colour(0xFFFFFF)
    public static let grey = Colour(0x7F7F7F)

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
        if let border = style.borderBottom { format_set_bottom(pointer, border.library) }
        if let colour = style.borderColour { format_set_border_color(pointer, colour.library) }
    }

    private func setFont(_ style: CellStyle) {
        if style.bold { format_set_bold(pointer) }
        if style.italic { format_set_italic(pointer) }
        if style.underlined { format_set_underline(pointer, UInt8(LXW_UNDERLINE_SINGLE.rawValue)) }
        if let size = style.size { format_set_font_size(pointer, size) }
        if let font = style.font { format_set_font_name(pointer, font) }
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
            case .centre: LXW_ALIGN_CENTER
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
            case .bottom: LXW_ALIGN_VERTICAL_BOTTOM
            }
        return UInt8(value.rawValue)
    }
}

extension CellStyle.Border {
    fileprivate var library: UInt8 {
        let value =
            switch self {
            case .thin: LXW_BORDER_THIN
            case .medium: LXW_BORDER_MEDIUM
            case .thick: LXW_BORDER_THICK
            case .double: LXW_BORDER_DOUBLE
            case .dotted: LXW_BORDER_DOTTED
            }
        return UInt8(value.rawValue)
    }
}
