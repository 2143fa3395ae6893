/// Measurements in the text format of Prometheus (0.0.4): families with their help, one line a series.
///
/// Without instants: the format and its successor mean different units by the same number.
public struct MetricsText: Sendable {
    public enum Kind: String, Sendable {
        /// What goes up and down.
        case gauge
        /// What only grows, as long as the process lives. Its name ends in `_total`.
        case counter
        /// How often something took at most so long, for several bounds, how often at all, and all of it together.
        case histogram
    }

    /// How long something took.
    public struct Histogram: Sendable {
        let labels: [String: String]
        /// How many took at most so many milliseconds.
        let within: [(milliseconds: Int64, count: Int64)]
        let count: Int64
        let sumMilliseconds: Int64

        /// - Parameters:
        ///   - within: How many took at most so many milliseconds, and more than the bound before it.
        ///   - beyond: How many took longer than all bounds.
        public init(
            _ labels: [String: String], within: [(milliseconds: Int64, count: Int64)], beyond: Int64,
            sumMilliseconds: Int64
        ) {
            self.labels = labels
            var total: Int64 = 0
            self.within = within.map { bound, count in
                total += count
                return (bound, total)
            }
            count = total + beyond
            self.sumMilliseconds = sumMilliseconds
        }
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
            self.labels = labels
            value = MetricsText.seconds(milliseconds)
        }
    }

    private var text = ""
    private var names: Set<String> = []

    public init() {}

    /// Adds a family. Readers keep one of two series with the same labels without a word, so two are a mistake here.
    public mutating func add(_ name: String, _ kind: Kind, _ help: String, _ samples: [Sample]) {
        precondition(kind != .histogram, "a histogram has more than one number")
        begin(name, kind, help, samples.map(\.labels))
        for sample in samples { add(name, sample.labels, sample.value) }
    }

    /// Adds a family of durations.
    public mutating func add(_ name: String, _ help: String, _ histograms: [Histogram]) {
        begin(name, .histogram, help, histograms.map(\.labels))
        for histogram in histograms {
            for (milliseconds, count) in histogram.within {
                let bound = ["le": Self.seconds(milliseconds)]
                add(name + "_bucket", histogram.labels.merging(bound) { $1 }, String(count))
            }
            add(name + "_bucket", histogram.labels.merging(["le": "+Inf"]) { $1 }, String(histogram.count))
            add(name + "_sum", histogram.labels, Self.seconds(histogram.sumMilliseconds))
            add(name + "_count", histogram.labels, String(histogram.count))
        }
    }

    private mutating func begin(_ name: String, _ kind: Kind, _ help: String, _ labels: [[String: String]]) {
        precondition(names.insert(name).inserted, "a family is added once")
        precondition(Set(labels).count == labels.count, "two series of \(name) have the same labels")
        precondition((kind == .counter) == name.hasSuffix("_total"), "counters alone end in _total")
        text += "# HELP \(name) \(Self.escaped(help))\n# TYPE \(name) \(kind.rawValue)\n"
    }

    private mutating func add(_ name: String, _ labels: [String: String], _ value: String) {
        let labels = labels.sorted { $0.key < $1.key }.map { name, value in
            "\(name)=\"\(Self.escaped(value, quotes: true))\""
        }
        text += name + (labels.isEmpty ? "" : "{\(labels.joined(separator: ","))}") + " \(value)\n"
    }

    private static func seconds(_ milliseconds: Int64) -> String {
        "\(milliseconds / 1_000).\(String(milliseconds % 1_000 + 1_000).dropFirst())"
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
