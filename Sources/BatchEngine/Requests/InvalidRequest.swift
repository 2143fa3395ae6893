import Domain

/// Why a request is not taken: every place that is wrong, up to a bound.
public struct InvalidRequest: Error, Sendable, Hashable {
    /// One place that is wrong.
    public struct Problem: Sendable, Hashable {
        /// Where, as programmers write it: `items[3].prompt`; empty for the whole document.
        public let place: String
        /// What is wrong with it, a clause that follows the place.
        public let reason: String

        /// The place as a JSON Pointer (RFC 6901): `/items/3/prompt`.
        public let pointer: String

        public init(_ place: String, _ reason: String) {
            self.place = place
            self.reason = reason
            pointer = Self.pointer(to: place)
        }

        /// A member that nobody knows, of an object or, where that is empty, of the whole document.
        init(unknownMember name: String, of object: String) {
            let shown = String(name.unicodeScalars.prefix(Limits.memberNameShown))
            place = object.isEmpty ? shown : "\(object).\(shown)"
            reason = "is not known here, and was passed over"
            let escaped = shown.replacing("~", with: "~0").replacing("/", with: "~1")
            pointer = Self.pointer(to: object) + "/" + escaped
        }

        /// One sentence.
        public var sentence: String { (place.isEmpty ? "The request" : place) + " \(reason)." }

        private static func pointer(to place: String) -> String {
            place.isEmpty
                ? "" : "/" + place.replacing("[", with: "/").replacing("]", with: "").replacing(".", with: "/")
        }
    }

    /// In the order of the document; at least one.
    public let problems: [Problem]
    /// How many there are beyond those listed.
    public let moreCount: Int

    public init(_ problems: [Problem], moreCount: Int = 0) {
        precondition(!problems.isEmpty, "a request without problems is valid")
        self.problems = problems
        self.moreCount = moreCount
    }

    public init(_ place: String, _ reason: String) {
        self.init([Problem(place, reason)])
    }

    /// The first problem, and how many others there are.
    public var sentence: String {
        let others = problems.count - 1 + moreCount
        return others == 0 ? problems[0].sentence : "\(problems[0].sentence) There are \(others) more problems."
    }
}
