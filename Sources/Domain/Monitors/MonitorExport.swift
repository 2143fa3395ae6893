import Formats

/// One check of a monitor.
public struct ProbeReading: Hashable, Sendable {
    /// What was checked, by the name that the monitor gives it.
    public var target: String
    public let probedAt: Instant
    public let isUp: Bool
    /// Whole milliseconds, to the nearest; nil where the monitor measured none.
    public let latencyMilliseconds: Int32?

    public init(target: String, probedAt: Instant, isUp: Bool, latencyMilliseconds: Int32?) {
        self.target = target
        self.probedAt = probedAt
        self.isUp = isUp
        self.latencyMilliseconds = latencyMilliseconds
    }
}

/// A maintenance window as a status page announced it.
public struct AnnouncedWindow: Hashable, Sendable {
    public let startsAt: Instant
    public let endsAt: Instant
    public let announcedAt: Instant
    public let reason: String
    /// The components that it names, as the page calls them.
    public let components: [String]
}

/// An incident of a provider as its status page tells it.
public struct ToldIncident: Hashable, Sendable {
    public let startsAt: Instant
    public let endsAt: Instant
    /// The address of the incident, else its name.
    public let evidence: String
    /// The components that it names, as the page calls them.
    public let components: [String]
}

/// What a monitor's export says, row by row, and what whoever imports it ought to know.
public struct MonitorExport<Row: Sendable & Hashable>: Sendable, Hashable {
    public internal(set) var rows: [Row] = []
    /// Whole sentences.
    public internal(set) var warnings: [String] = []

    init() {}
}

/// Why an export is refused: one sentence without the file's name, and what to do.
public struct MonitorDefect: Error, Hashable, Sendable {
    public let sentence: String

    public init(_ sentence: String) { self.sentence = sentence }
}

/// A value of a JSON export together with the way to it, so that a refusal can say where.
struct ExportValue {
    let json: JSON
    let place: String

    init(_ json: JSON, _ place: String) {
        self.json = json
        self.place = place
    }

    /// A member; nil where there is none or it is null.
    func member(_ name: String) -> ExportValue? {
        guard let value = json[name], value != .null else { return nil }
        return ExportValue(value, place.isEmpty ? name : "\(place).\(name)")
    }

    /// A member that must be there.
    func required(_ name: String) throws(MonitorDefect) -> ExportValue {
        guard let value = member(name) else {
            throw MonitorDefect("\(place.isEmpty ? "the document" : place) has no \(name)")
        }
        return value
    }

    func list() throws(MonitorDefect) -> [ExportValue] {
        guard case .array(let values) = json else { throw wrong("a list") }
        return values.enumerated().map { ExportValue($1, "\(place)[\($0)]") }
    }

    func text() throws(MonitorDefect) -> String {
        guard case .string(let text) = json else { throw wrong("a text") }
        return text
    }

    func bool() throws(MonitorDefect) -> Bool {
        guard case .bool(let flag) = json else { throw wrong("true or false") }
        return flag
    }

    /// The digits of a number, as they are written.
    func number() throws(MonitorDefect) -> String {
        guard case .number(let digits) = json else { throw wrong("a number") }
        return digits
    }

    /// An instant with an offset; what is finer than a microsecond is cut off, as a clock does.
    func instant() throws(MonitorDefect) -> Instant {
        let text = try text()
        guard let instant = Instant(Self.toMicroseconds(text)) else {
            throw MonitorDefect("\(place) is \"\(text.prefix(40))\", but must be an instant with an offset")
        }
        return instant
    }

    func wrong(_ wanted: String) -> MonitorDefect {
        MonitorDefect("\(place) is \(json.kindName), but must be \(wanted)")
    }

    private static func toMicroseconds(_ text: String) -> String {
        guard let point = text.firstIndex(of: ".") else { return text }
        let fraction = text[text.index(after: point)...].prefix { $0.isASCII && $0.isNumber }
        return String(text[...point] + fraction.prefix(6) + text[fraction.endIndex...])
    }
}

extension MonitorExport where Row == ProbeReading {
    /// The names of what was checked, in their order.
    public var targets: [String] { Set(rows.map(\.target)).inNaturalOrder(of: \.self) }

    /// Says whether there is nothing at all, and of each target whether its checks lie too far apart for a verdict.
    mutating func warnOfGaps() {
        if rows.isEmpty { warnings.append("There is no check in it: does the export name what is monitored?") }
        for (target, probes) in Dictionary(grouping: rows, by: \.target).sorted(by: { $0.key < $1.key }) {
            let instants = Set(probes.map(\.probedAt.microseconds)).sorted()
            let gaps = zip(instants.dropFirst(), instants).map { $0 - $1 }.sorted()
            guard let median = gaps.isEmpty ? nil : gaps[(gaps.count - 1) / 2], median > 60_000_000 else { continue }
            // In hundredths of a percent, rounded down.
            let reachable = 60_000_000 * 10_000 / median
            warnings.append(
                "\(target) was checked every \(FixedPoint.text((median + 99_999) / 100_000, places: 1)) s: about "
                    + "\(FixedPoint.text(reachable, places: 2)) % of the minutes can be monitored so, and below 95 % "
                    + "there is no verdict. Check once a minute.")
        }
    }

    /// Refuses what has not happened yet. Throws ``MonitorDefect`` naming the first.
    public func requirePast(_ now: Instant) throws(MonitorDefect) {
        if let late = rows.first(where: { $0.probedAt > now }) {
            throw MonitorDefect(
                "\(late.target) has a check at \(late.probedAt), which is still to come; export what is over")
        }
    }

    /// Gives targets the names that Daybook knows them by. Where there is any, those that none is for are left out,
    /// and named in a warning.
    ///
    /// Throws ``MonitorDefect`` for a name that the export does not have.
    public mutating func rename(_ names: [String: String]) throws(MonitorDefect) {
        guard !names.isEmpty else { return }
        let known = targets
        if let unknown = names.keys.sorted().first(where: { !known.contains($0) }) {
            throw MonitorDefect(
                "there is no check of \(unknown) in it; it has those of \(known.joined(separator: ", "))")
        }
        var left: [String: Int] = [:]
        rows = rows.compactMap { row in
            guard let name = names[row.target] else {
                left[row.target, default: 0] += 1
                return nil
            }
            var named = row
            named.target = name
            return named
        }
        for name in left.keys.sorted() {
            warnings.append("\(left[name] ?? 0) checks of \(name) were left out: no name was given for it.")
        }
    }
}
