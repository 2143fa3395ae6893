/// The paper that a page is printed on, upright.
///
/// It stands in the page itself, because programs that print a page ask it first: without a size each takes the one of
/// the country that it was built in.
public enum PaperSize: String, Sendable, CaseIterable {
    case a4
    case letter

    /// As a style sheet names it.
    package var styleName: String {
        switch self {
        case .a4: "A4"
        case .letter: "letter"
        }
    }

    /// Points across and down, at 72 an inch.
    package var points: (across: Double, down: Double) {
        switch self {
        case .a4: (595.276, 841.890)
        case .letter: (612, 792)
        }
    }
}
