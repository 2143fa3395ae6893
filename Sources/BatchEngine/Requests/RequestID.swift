import Domain

/// A request_id, and where it stood.
public struct RequestID: Sendable, Hashable {
    public let text: String
    /// `request_id`, or the name of a header.
    public let place: String

    public init(text: String, place: String) {
        self.text = text
        self.place = place
    }

    /// What is wrong with it, as a clause; nil if nothing is.
    var defect: String? {
        let length = text.unicodeScalars.count
        guard (1...Limits.requestIDLength).contains(length) else {
            return "must have 1 to \(Limits.requestIDLength) characters, not \(length)"
        }
        let hasControls = text.unicodeScalars.contains { $0.properties.generalCategory == .control }
        return hasControls ? "must not have control characters" : nil
    }
}
