public import Formats

/// The answer of Gatus' `/api/v1/endpoints/{key}/statuses`: one endpoint, or a list of several.
public enum GatusExport {
    /// Results that Gatus keeps unless it is told otherwise.
    private static let usualResults = 100

    /// Reads the results of every endpoint, by its key. Throws ``MonitorDefect``.
    public static func read(_ document: JSON) throws(MonitorDefect) -> MonitorExport<ProbeReading> {
        var export = MonitorExport<ProbeReading>()
        let root = ExportValue(document, "")
        let endpoints: [ExportValue]
        if case .array = document { endpoints = try root.list() } else { endpoints = [root] }
        for endpoint in endpoints {
            let key = try endpoint.required("key").text()
            let results = try endpoint.member("results")?.list() ?? []
            for result in results {
                let duration = try result.member("duration")?.number()
                export.rows.append(
                    ProbeReading(
                        target: key, probedAt: try result.required("timestamp").instant(),
                        isUp: try result.required("success").bool(),
                        latencyMilliseconds: try duration.map { digits throws(MonitorDefect) in
                            try milliseconds(digits, result.place)
                        }))
            }
            if results.count == usualResults {
                export.warnings.append(
                    "\(key) has exactly \(usualResults) results, as many as Gatus keeps by itself: there were more. "
                        + "Set maximum-number-of-results to 50000, and read every page.")
            }
        }
        export.warnOfGaps()
        return export
    }

    /// Of nanoseconds.
    private static func milliseconds(_ digits: String, _ place: String) throws(MonitorDefect) -> Int32 {
        guard let nanoseconds = Int64(digits), nanoseconds >= 0,
            let whole = Int32(exactly: nanoseconds / 1_000_000 + (nanoseconds % 1_000_000 >= 500_000 ? 1 : 0))
        else { throw MonitorDefect("\(place).duration is no number of nanoseconds") }
        return whole
    }
}
