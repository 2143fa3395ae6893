public import Formats

/// Heartbeats of Uptime Kuma as a CSV file of its database: `time`, `name`, `status` and `ping`, and perhaps `type`.
///
/// `time` is UTC and says so nowhere. A pending beat is a failed check that is about to be repeated, and counts as one;
/// in maintenance nothing was checked.
public struct KumaExport {
    private static let needed = ["time", "name", "status", "ping"]
    private static let optional = ["type"]
    /// Kinds of monitors that check nothing themselves.
    private static let unchecked: Set<String> = ["group", "push", "manual"]

    private var columns: [String: Int] = [:]
    private var hasHeader = false
    private var export = MonitorExport<ProbeReading>()
    private var maintained: [String: Int] = [:]

    public init() {}

    /// Takes the next record of the file, the header first. Throws ``MonitorDefect``.
    public mutating func read(_ record: [CSVReader.Field]) throws(MonitorDefect) {
        guard hasHeader else { return try readHeader(record) }
        let line = record.first?.line ?? 0
        guard record.count == columns.count else {
            throw MonitorDefect("line \(line) has \(record.count) fields, the header \(columns.count)")
        }
        func text(_ name: String) -> String { columns[name].map { record[$0].text } ?? "" }
        let name = text("name")
        guard !name.isEmpty else { throw MonitorDefect("line \(line) names no monitor") }
        if Self.unchecked.contains(text("type")) {
            throw MonitorDefect(
                "line \(line) is of the \(text("type")) monitor \(name), which checks nothing itself; leave those out")
        }
        guard let at = Instant(text("time") + "Z") else {
            throw MonitorDefect(
                "line \(line) has the time \"\(text("time").prefix(40))\", but Uptime Kuma writes it as "
                    + "2026-10-15 00:00:07.123, without an offset")
        }
        let isUp: Bool
        switch text("status") {
        case "1": isUp = true
        case "0", "2": isUp = false
        case "3":
            maintained[name, default: 0] += 1
            return
        default:
            throw MonitorDefect("line \(line) has the status \"\(text("status").prefix(40))\", but there are 0 to 3")
        }
        export.rows.append(
            ProbeReading(target: name, probedAt: at, isUp: isUp, latencyMilliseconds: try Self.ping(text("ping"), line))
        )
    }

    /// What the file says, once it has been read. Throws ``MonitorDefect`` for a file without a header.
    public mutating func finish() throws(MonitorDefect) -> MonitorExport<ProbeReading> {
        guard hasHeader else { throw MonitorDefect("it is empty; it needs the header time,name,status,ping") }
        for name in maintained.keys.sorted() {
            export.warnings.append(
                "\(maintained[name] ?? 0) beats of \(name) are of its maintenance, in which nothing is checked, and "
                    + "were passed over: those minutes are unmonitored.")
        }
        export.warnOfGaps()
        if isThinned {
            export.warnings.append(
                "The newest day has many more beats than those before it: Uptime Kuma 2 deletes every night, at 03:14, "
                    + "almost all that are older than a day. Import once a day, before that.")
        }
        return export
    }

    private mutating func readHeader(_ record: [CSVReader.Field]) throws(MonitorDefect) {
        hasHeader = true
        for (place, field) in record.enumerated() {
            guard Self.needed.contains(field.text) || Self.optional.contains(field.text) else {
                throw MonitorDefect("there is a column \"\(field.text.prefix(40))\"; it needs time,name,status,ping")
            }
            guard columns.updateValue(place, forKey: field.text) == nil else {
                throw MonitorDefect("the column \(field.text) stands there twice")
            }
        }
        if let missing = Self.needed.first(where: { columns[$0] == nil }) {
            throw MonitorDefect("there is no column \(missing); it needs time,name,status,ping")
        }
    }

    private static func ping(_ text: String, _ line: Int) throws(MonitorDefect) -> Int32? {
        if text.isEmpty || text == "NULL" { return nil }
        guard let whole = Int32(text), whole >= 0 else {
            throw MonitorDefect("line \(line) has the ping \"\(text.prefix(40))\", but it is in milliseconds, or empty")
        }
        return whole
    }

    /// True where a monitor's beats of the newest day are more than twice as many a day as those before it.
    private var isThinned: Bool {
        let day: Int64 = 86_400_000_000
        return Dictionary(grouping: export.rows, by: \.target).values.contains { rows in
            let instants = rows.map(\.probedAt.microseconds)
            guard let first = instants.min(), let last = instants.max(), last - first >= 2 * day else { return false }
            let newest = Int64(instants.filter { $0 > last - day }.count)
            let older = Int64(instants.count) - newest
            let olderDays = max(1, (last - day - first) / day)
            return newest * olderDays > 2 * older
        }
    }
}
