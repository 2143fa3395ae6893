/// Measurements in the text format of Prometheus (0.0.4): families with their help, one line a series.
///
/// Without instants: the format and its successor mean different units by the same number.
public struct MetricsText: Sendable {
    public enum Kind: String, Sendable {
        /// What goes up and down.
        case gauge
        /// What only grows, as long as the process lives. Its name ends in `_total`.
        case counter
    }

    /// A value of a family, told apart by its labels.
    public struct Sample: Sendable, Hashable {
        let labels: [String: String]
        /// A number as it is written.
        let value: String

        public init(_ value: Int64) { self.init([:], value) }

        public init(_ labels: [String: String], _ value: Int64) {
            self.labels = labels
            self.value = String(value)
        }

        /// Seconds: the format wants base units.
        ///
        /// - Parameter milliseconds: Not below nothing.
        public init(_ labels: [String: String], milliseconds: Int64) {
            let rest = String(milliseconds % 1_000 + 1_000).dropFirst()
            self.labels = labels
            value = "\(milliseconds / 1_000).\(rest)"
        }
    }

    private var text = ""
    private var names: Set<String> = []

    public init() {}

    /// Adds a family. Readers keep one of two series with the same labels without a word, so two are a mistake here.
    public mutating func add(_ name: String, _ kind: Kind, _ help: String, _ samples: [Sample]) {
        precondition(names.insert(name).inserted, "a family is added once")
        precondition(Set(samples.map(\.labels)).count == samples.count, "two series of \(name) have the same labels")
        precondition((kind == .counter) == name.hasSuffix("_total"), "counters alone end in _total")
        text += "# HELP \(name) \(Self.escaped(help))\n# TYPE \(name) \(kind.rawValue)\n"
        for sample in samples {
            let labels = sample.labels.sorted { $0.key < $1.key }.map { name, value in
                "\(name)=\"\(Self.escaped(value, quotes: true))\""
            }
            text += name + (labels.isEmpty ? "" : "{\(labels.joined(separator: ","))}") + " \(sample.value)\n"
        }
    }

    public var bytes: [UInt8] { Array(text.utf8) }

    private static func escaped(_ text: String, quotes: Bool = false) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\"" where quotes: escaped += "\\\""
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
