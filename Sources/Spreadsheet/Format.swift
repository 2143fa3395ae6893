import CXlsxWriter

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
