/// A part of a list, and how long the whole list is.
public struct Page<Element: Sendable>: Sendable {
    public let elements: [Element]
    /// Elements of the whole list, as filtered.
    public let total: Int64

    public init(elements: [Element], total: Int64) {
        self.elements = elements
        self.total = total
    }
}
