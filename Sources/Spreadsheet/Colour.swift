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
