import Domain
import Formats
import Testing

/// What monitors export, read as it is meant: 1792022400 is 2026-10-15T00:00:00Z.
@Suite struct MonitorExportTests {
    private static func prometheus(_ series: String) throws -> MonitorExport<ProbeReading> {
        try PrometheusExport.read(
            JSON(
                parsing: Array(
                    #"{"status":"success","data":{"resultType":"matrix","result":[\#(series)]}}"#.utf8)))
    }

    private static func series(_ values: String, labels: String = #""instance":"api""#) -> String {
        #"{"metric":{"__name__":"probe_success",\#(labels)},"values":[\#(values)]}"#
    }

    private static func kuma(_ rows: [String]) throws -> MonitorExport<ProbeReading> {
        var reader = KumaExport()
        var csv = CSVReader()
        let text = (["time,name,status,ping"] + rows).joined(separator: "\n")
        try csv.read(Array(text.utf8)) { try reader.read($0) }
        try csv.finish { try reader.read($0) }
        return try reader.finish()
    }

    private static func refusal(_ read: () throws -> MonitorExport<ProbeReading>) -> String {
        do {
            return "taken: \(try read().rows)"
        } catch {
            return (error as? MonitorDefect)?.sentence ?? "\(error)"
        }
    }

    private static func instants(_ export: MonitorExport<ProbeReading>) -> [String] {
        export.rows.map { "\($0.probedAt) \($0.isUp)" }
    }

    @Test func `samples of Prometheus keep their thousandths of a second`() throws {
        let export = try Self.prometheus(Self.series(#"[1792022407,"1"],[1792022467,"0"],[1792022527.5,"1"]"#))
        #expect(
            Self.instants(export) == [
                "2026-10-15T00:00:07.000000+00:00 true", "2026-10-15T00:01:07.000000+00:00 false",
                "2026-10-15T00:02:07.500000+00:00 true",
            ])
        #expect(export.targets == ["api"])
    }

    @Test func `two probers of one instant are two probes`() throws {
        let export = try Self.prometheus(
            [
                Self.series(#"[1792022407,"0"]"#, labels: #""instance":"api","prober":"a""#),
                Self.series(#"[1792022407,"1"]"#, labels: #""instance":"api","prober":"b""#),
            ].joined(separator: ","))
        #expect(export.rows.map(\.isUp) == [false, true])
        #expect(Set(export.rows.map(\.probedAt)).count == 1)
    }

    @Test func `a duration belongs to the sample of its labels and instant`() throws {
        let export = try Self.prometheus(
            [
                Self.series(#"[1792022407,"1"],[1792022467,"1"]"#, labels: #""job":"b","instance":"api""#),
                #"{"metric":{"__name__":"probe_duration_seconds","instance":"api","job":"b"},"#
                    + #""values":[[1792022407,"0.1235"]]}"#,
                #"{"metric":{"__name__":"probe_duration_seconds","instance":"api","job":"other"},"#
                    + #""values":[[1792022467,"9"]]}"#,
            ].joined(separator: ","))
        #expect(export.rows.map(\.latencyMilliseconds) == [124, nil])
    }

    @Test func `no outcome is no row, and is said`() throws {
        let export = try Self.prometheus(Self.series(#"[1792022407,"NaN"]"#))
        #expect(export.rows.isEmpty)
        #expect(export.warnings.first == "1 samples of api are NaN, no outcome at all, and were passed over.")
    }

    @Test(arguments: [
        (#"[1792022407,null]"#, "null, but must be a text"), (#"[1792022407,"0.5"]"#, "a probe is 1 or 0"),
        (#"["1792022407","1"]"#, "a string, but must be a number"), (#"[1792022407]"#, "a pair of an instant"),
        (#"[1.792e9,"1"]"#, "no instant in seconds"),
    ])
    func `what is no sample is refused`(values: String, reason: String) {
        #expect(Self.refusal { try Self.prometheus(Self.series(values)) }.contains(reason))
    }

    @Test(arguments: [
        (#"{"status":"error","error":"too many points"}"#, "too many points"),
        (#"{"status":"success","data":{"resultType":"vector","result":[]}}"#, "one value a series"),
        (
            #"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"instance":"a"},"values":[]}]}}"#,
            "percentages of probes"
        ),
        (
            #"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"up"},"values":[]}]}}"#,
            "whether the exporter was reached"
        ),
        (
            #"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"probe_success"},"#
                + #""values":[]}]}}"#, "no label instance"
        ),
    ])
    func `other answers of Prometheus are refused`(document: String, reason: String) throws {
        let json = try JSON(parsing: Array(document.utf8))
        #expect(Self.refusal { try PrometheusExport.read(json) }.contains(reason))
    }

    @Test func `an answer without data has no rows, and says so`() throws {
        let export = try Self.prometheus("")
        #expect(export.rows.isEmpty && export.warnings.count == 1)
    }

    @Test func `a failed check that is about to be repeated has failed`() throws {
        let pending = (0..<3).map { "2026-10-15 02:0\($0):01.123,api,2," }
        let export = try Self.kuma(pending + (3..<10).map { "2026-10-15 02:0\($0):01.5,api,0,NULL" })
        #expect(export.rows.count == 10 && !export.rows.contains(where: \.isUp))
        #expect(export.rows[0].probedAt == Instant("2026-10-15T02:00:01.123Z"))
    }

    @Test func `a beat of maintenance is no check`() throws {
        let export = try Self.kuma(["2026-10-15 02:00:01,api,3,", "2026-10-15 02:01:01,api,1,31"])
        #expect(export.rows.map(\.latencyMilliseconds) == [31])
        #expect(export.warnings.count == 1 && export.warnings[0].contains("1 beats of api are of its maintenance"))
    }

    @Test func `a history thinned by the night is told`() throws {
        let day = (0..<1_440).map { minute in
            "2026-10-20 \(pad(minute / 60)):\(pad(minute % 60)):00,api,1,5"
        }
        let before = (10..<20).map { "2026-10-\($0) 00:00:00,api,1,5" }
        #expect(try Self.kuma(before + day).warnings.contains { $0.contains("03:14") })
        #expect(try Self.kuma(day).warnings.isEmpty)
    }

    private func pad(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }

    @Test(arguments: [
        ("2026-10-25T02:30:00+02:00,api,1,", "without an offset"), ("2026-10-25 02:30:00,api,4,", "there are 0 to 3"),
        ("2026-10-25 02:30:00,api,1,fast", "in milliseconds"), ("2026-10-25 02:30:00,,1,", "names no monitor"),
        ("2026-10-25 02:30:00,api,1", "3 fields, the header 4"),
    ])
    func `a line that is no beat is refused by its number`(line: String, reason: String) {
        let sentence = Self.refusal { try Self.kuma(["2026-10-25 02:29:00,api,1,5", line]) }
        #expect(sentence.contains("line 3") && sentence.contains(reason), "\(sentence)")
    }

    private static func gatus(_ timestamp: String, more: String = "") throws -> MonitorExport<ProbeReading> {
        try GatusExport.read(
            JSON(
                parsing: Array(
                    (#"{"key":"core_api","results":[{"timestamp":"\#(timestamp)","success":false,"#
                        + #""duration":30000000000}\#(more)]}"#).utf8)))
    }

    @Test func `a result of Gatus is cut to microseconds and counted in milliseconds`() throws {
        let probe = try #require(try Self.gatus("2026-10-15T00:00:07.123456789Z").rows.first)
        #expect(
            probe
                == ProbeReading(
                    target: "core_api", probedAt: try #require(Instant("2026-10-15T00:00:07.123456Z")), isUp: false,
                    latencyMilliseconds: 30_000))
    }

    @Test func `offsets count, and an instant without one is refused`() throws {
        #expect(try Self.gatus("2026-10-25T02:30:00+02:00").rows[0].probedAt == Instant("2026-10-25T00:30:00Z"))
        #expect(try Self.gatus("2026-10-25T02:30:00+01:00").rows[0].probedAt == Instant("2026-10-25T01:30:00Z"))
        #expect(Self.refusal { try Self.gatus("2026-10-25T02:30:00") }.contains("with an offset"))
    }

    @Test func `as many results as are kept are too few`() throws {
        let more = (1..<100).map {
            #",{"timestamp":"2026-10-15T0\#($0 / 60):\#(pad($0 % 60)):00Z","success":true,"duration":1}"#
        }
        #expect(
            try Self.gatus("2026-10-15T00:00:00Z", more: more.joined()).warnings.contains {
                $0.contains("exactly 100 results")
            })
    }

    @Test(arguments: [(60_000, nil), (63_000, "about 95.23 %"), (120_000, "about 50.00 %"), (300_000, "about 20.00 %")])
    func `checks that lie too far apart are told`(milliseconds: Int, share: String?) throws {
        let values = (0..<10).map { tick in
            let at = 1_792_022_400_000 + tick * milliseconds
            return "[\(at / 1_000).\(String(at % 1_000 + 1_000).dropFirst()),\"1\"]"
        }
        let warnings = try Self.prometheus(Self.series(values.joined(separator: ","))).warnings
        #expect(warnings.count == (share == nil ? 0 : 1))
        if let share { #expect(warnings[0].contains(share), "\(warnings)") }
    }

    @Test func `what is still to come is refused, and a name that is not there too`() throws {
        var export = try Self.prometheus(Self.series(#"[1792022407,"1"]"#))
        let before = try #require(Instant("2026-10-15T00:00:06Z"))
        #expect(throws: MonitorDefect.self) { try export.requirePast(before) }
        #expect(throws: MonitorDefect.self) { try export.rename(["apo": "batch-api"]) }
        try export.rename(["api": "batch-api"])
        #expect(export.targets == ["batch-api"])
    }

    @Test func `what no name is given for is left out and told`() throws {
        var export = try Self.prometheus(
            Self.series(#"[1792022407,"1"]"#) + "," + Self.series(#"[1792022408,"1"]"#, labels: #""instance":"mail""#))
        try export.rename(["api": "batch-api"])
        #expect(export.targets == ["batch-api"])
        #expect(export.warnings == ["1 checks of mail were left out: no name was given for it."])
    }
}

/// Windows and incidents of status pages.
@Suite struct StatuspageExportTests {
    private static func window(_ more: String = "") throws -> MonitorExport<AnnouncedWindow> {
        try StatuspageExport.maintenance(
            JSON(
                parsing: Array(
                    """
                    {"page":{},"scheduled_maintenances":[{"name":"Database","status":"completed",
                    "created_at":"2026-10-10T22:00:00.000Z","scheduled_for":"2026-10-13T00:00:00.000+02:00",
                    "scheduled_until":"2026-10-13T01:00:00.000+02:00","components":[{"id":"x","name":"API"}]\(more)}]}
                    """.utf8)))
    }

    @Test func `a window is announced when it was made`() throws {
        let window = try #require(try Self.window().rows.first)
        #expect(window.announcedAt == Instant("2026-10-10T22:00:00Z"))
        #expect(window.startsAt == Instant("2026-10-12T22:00:00Z") && window.endsAt == Instant("2026-10-12T23:00:00Z"))
        #expect(window.reason == "Database" && window.components == ["API"])
    }

    @Test func `one that was announced anew counts from then on`() throws {
        let export = try Self.window(
            """
            ,"incident_updates":[
            {"status":"completed","created_at":"2026-10-12T23:00:00Z"},
            {"status":"scheduled","created_at":"2026-10-11T09:00:00Z"},
            {"status":"scheduled","created_at":"2026-10-10T22:00:00.200Z"}]
            """)
        #expect(export.rows[0].announcedAt == Instant("2026-10-11T09:00:00Z"))
        #expect(export.warnings.count == 1)
    }

    @Test func `the first update is the announcement itself`() throws {
        let export = try Self.window(
            #","incident_updates":[{"status":"scheduled","created_at":"2026-10-10T22:00:00.200Z"}]"#)
        #expect(export.rows[0].announcedAt == Instant("2026-10-10T22:00:00Z") && export.warnings.isEmpty)
    }

    private static func incidents(_ text: String) throws -> MonitorExport<ToldIncident> {
        try StatuspageExport.incidents(JSON(parsing: Array(#"{"incidents":[\#(text)]}"#.utf8)))
    }

    @Test func `an incident lasts from its start to its resolution`() throws {
        let export = try Self.incidents(
            """
            {"name":"Errors","impact":"major","created_at":"2026-10-15T01:10:00Z","started_at":"2026-10-15T01:00:00Z",
            "resolved_at":"2026-10-15T02:00:00Z","shortlink":"https://stspg.example/a","components":[]},
            {"name":"Note","impact":"none","created_at":"2026-10-15T01:10:00Z","resolved_at":null},
            {"name":"Slow","impact":"minor","created_at":"2026-10-16T01:10:00Z","resolved_at":"2026-10-16T02:00:00Z"}
            """)
        #expect(export.rows.map(\.evidence) == ["https://stspg.example/a", "Slow"])
        #expect(export.rows[0].startsAt == Instant("2026-10-15T01:00:00Z"))
        #expect(export.rows[1].startsAt == Instant("2026-10-16T01:10:00Z"))
        #expect(export.warnings == ["Note had no impact, and was passed over."])
    }

    @Test func `an incident without an end is refused`() {
        #expect(throws: MonitorDefect.self) {
            try Self.incidents(#"{"name":"E","impact":"major","created_at":"2026-10-15T01:10:00Z","resolved_at":null}"#)
        }
    }

    @Test func `as many as are told at once are too few`() throws {
        let one =
            #"{"name":"E","impact":"minor","created_at":"2026-10-15T01:10:00Z","resolved_at":"2026-10-15T02:00:00Z"}"#
        let export = try Self.incidents(Array(repeating: one, count: 50).joined(separator: ","))
        #expect(export.warnings.count == 1 && export.warnings[0].contains("exactly 50"))
    }
}
