public import Formats

/// The answer of Prometheus' HTTP API to an instant query over a range, such as `probe_success[31d]`: its raw samples.
///
/// A range query is not that: it repeats the newest sample for five minutes, and so counts minutes as monitored in
/// which nothing was probed. Where an answer looks like one, that is said.
public enum PrometheusExport {
    /// Reads the samples of `probe_success`, with `probe_duration_seconds` of the same labels and instant beside them.
    ///
    /// - Parameter label: The label that names what was probed.
    ///
    /// Throws ``MonitorDefect`` where the document is something else, or says anything but 0, 1 and NaN.
    public static func read(
        _ document: JSON, label: String = "instance"
    ) throws(MonitorDefect) -> MonitorExport<ProbeReading> {
        let answer = ExportValue(document, "")
        guard try answer.required("status").text() == "success" else {
            let told = try? answer.member("error")?.text()
            throw MonitorDefect("it is an error of Prometheus: \((told ?? "without a text").prefix(200))")
        }
        let data = try answer.required("data")
        let kind = try data.required("resultType").text()
        guard kind == "matrix" else {
            throw MonitorDefect(
                "it is a \(kind.prefix(20)), one value a series; ask for the samples of a range, as in "
                    + "probe_success[31d]")
        }
        var successes: [Series] = []
        var durations: [Series.Key: [Int64: String]] = [:]
        for result in try data.required("result").list() {
            let series = try Series(result, label: label)
            if series.name == durationName {
                for sample in series.samples { durations[series.key, default: [:]][sample.at] = sample.value }
            } else {
                successes.append(series)
            }
        }
        var export = MonitorExport<ProbeReading>()
        for series in successes {
            let measured = durations[series.key] ?? [:]
            var unknown = 0
            for sample in series.samples {
                guard sample.value != "NaN" else {
                    unknown += 1
                    continue
                }
                guard sample.value == "0" || sample.value == "1" else {
                    throw MonitorDefect(
                        "\(sample.place) is \"\(sample.value.prefix(40))\", but a probe is 1 or 0; export "
                            + "probe_success itself, not a function of it")
                }
                export.rows.append(
                    ProbeReading(
                        target: series.target, probedAt: Instant(microseconds: sample.at), isUp: sample.value == "1",
                        latencyMilliseconds: measured[sample.at].flatMap(milliseconds)))
            }
            if unknown > 0 {
                export.warnings.append(
                    "\(unknown) samples of \(series.target) are NaN, no outcome at all, and were passed over.")
            }
        }
        if looksResampled(successes) {
            export.warnings.append(
                "All series have their samples at the same whole seconds: this looks like a range query, which repeats "
                    + "the newest sample for five minutes and hides what was not probed. Use an instant query, "
                    + "probe_success[31d].")
        }
        export.warnOfGaps()
        return export
    }

    private static let successName = "probe_success"
    private static let durationName = "probe_duration_seconds"

    private struct Series {
        /// The labels without the metric's name.
        struct Key: Hashable { let labels: [JSON.Member] }

        struct Sample {
            /// Microseconds since 1970.
            let at: Int64
            let value: String
            let place: String
        }

        let name: String
        let target: String
        let key: Key
        let samples: [Sample]

        init(_ result: ExportValue, label: String) throws(MonitorDefect) {
            let metric = try result.required("metric")
            guard let named = metric.member("__name__") else {
                throw MonitorDefect(
                    "\(metric.place) has no __name__, as after a function such as avg_over_time, which makes "
                        + "percentages of probes; export probe_success itself")
            }
            name = try named.text()
            guard name == successName || name == durationName else {
                throw MonitorDefect(
                    "\(metric.place) is \(name.prefix(60)); the outcome of a probe is probe_success"
                        + (name == "up" ? ", and up tells whether the exporter was reached" : ""))
            }
            guard let label = metric.member(label) else {
                throw MonitorDefect("\(metric.place) has no label \(label); name another one")
            }
            target = try label.text()
            guard case .object(let members) = metric.json else { throw metric.wrong("an object") }
            key = Key(labels: members.filter { $0.name != "__name__" }.sorted { $0.name < $1.name })
            var samples: [Sample] = []
            for pair in try result.required("values").list() {
                let parts = try pair.list()
                guard parts.count == 2 else { throw pair.wrong("a pair of an instant and a value") }
                guard let at = FixedPoint.parse(try parts[0].number(), places: 6) else {
                    throw MonitorDefect("\(parts[0].place) is no instant in seconds since 1970")
                }
                samples.append(Sample(at: at, value: try parts[1].text(), place: parts[1].place))
            }
            self.samples = samples
        }
    }

    /// Of seconds with any number of decimals; what is below a millionth of a second has an exponent.
    private static func milliseconds(_ seconds: String) -> Int32? {
        if seconds.contains("e-") { return 0 }
        let fraction = seconds.firstIndex(of: ".").map { seconds[$0...].dropFirst(5) } ?? ""
        let tenths = FixedPoint.parse(String(seconds.dropLast(fraction.count)), places: 4)
        return tenths.flatMap { $0 < 0 ? nil : Int32(exactly: ($0 + 5) / 10) }
    }

    /// True where several series have all their samples on whole seconds of one rhythm: probers start at different
    /// instants, a range query's points do not.
    private static func looksResampled(_ series: [Series]) -> Bool {
        guard series.count > 1, let samples = series.first?.samples, samples.count > 1 else { return false }
        let first = samples[0].at
        let step = samples[1].at - first
        guard step > 0 else { return false }
        return series.allSatisfy { one in
            one.samples.allSatisfy { $0.at % 1_000_000 == 0 && ($0.at - first) % step == 0 }
        }
    }
}
