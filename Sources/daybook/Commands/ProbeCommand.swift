import ArgumentParser
import Domain
import Foundation
import Postgres

/// `daybook availability probe`
struct ProbeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "probe", abstract: "Probe a URL once and record the outcome. For cron, every minute.",
        discussion: """
            The probe succeeded if the answer is HTTP 2xx or 3xx within the time limit. The exit code says whether \
            the outcome was recorded, not whether the service was up.

            Example:
              * * * * * daybook availability probe https://api.example.com/healthz --target batch-api --quiet
            """)

    @Argument(help: "The address to ask.") var url: String

    @Option(help: ArgumentHelp("The component's name in the report. Default: the address's host.", valueName: "name"))
    var target: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The time limit in seconds, 1 to 60. Default: \(Limits.probeTimeoutSeconds).", valueName: "seconds"),
        transform: WholeNumber.within(Limits.probeTimeouts))
    var timeout = Limits.probeTimeoutSeconds

    @Flag(name: .shortAndLong, help: "Print nothing.")
    var quiet = false

    @OptionGroup(title: "Database") var database: DatabaseOptions

    func validate() throws {
        guard let parsed = URL(string: url), ["http", "https"].contains(parsed.scheme), parsed.host?.isEmpty == false
        else {
            throw ValidationError("\"\(url)\" is not an http or https address.")
        }
        if let target, target.isEmpty || target.count > 200 {
            throw ValidationError("--target takes 1 to 200 characters.")
        }
    }

    func run() async throws {
        ExposedSecret.tell(ofAddress: self.url, in: "the address", advice: "probe an address that needs none")
        let name = target ?? URL(string: url)?.host ?? url
        let probe = try await HTTPProbe.ask(url, timeoutSeconds: timeout)
        try await database.withConnection { connection in
            try await connection.transaction { session in
                let known = try session.query("SELECT to_regclass('daybook.probe') IS NOT NULL AS exists")
                guard try known[0].bool("exists") else {
                    throw DaybookError.configuration(
                        "This database has no daybook.probe; run: daybook database migrate")
                }
                _ = try session.execute(
                    """
                    INSERT INTO daybook.probe (target, probed_at, ok, latency_ms)
                    VALUES ($1, transaction_timestamp(), $2, $3)
                    ON CONFLICT DO NOTHING
                    """, [.text(name), .bool(probe.isUp), probe.latencyMilliseconds.map(Value.int) ?? .null])
            }
        }
        guard !quiet else { return }
        Terminal.show("\(name): \(probe.isUp ? "up" : "down"), \(probe.remark)")
    }
}

/// One question to a web address, asked by curl: the reporting tool carries no HTTP stack for one request a minute.
struct HTTPProbe: Sendable {
    let isUp: Bool
    /// Nil where there was no answer.
    let latencyMilliseconds: Int64?
    let remark: String

    /// Asks once. Throws `configuration` if curl is not installed.
    static func ask(_ url: String, timeoutSeconds: Int) async throws -> HTTPProbe {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue(label: "daybook.probe").async {
                continuation.resume(with: Result { try answer(url, timeoutSeconds: timeoutSeconds) })
            }
        }
    }

    private static func answer(_ url: String, timeoutSeconds: Int) throws -> HTTPProbe {
        let curl = Process()
        curl.executableURL = URL(fileURLWithPath: "/usr/bin/curl")
        curl.arguments = [
            "--silent", "--output", "/dev/null", "--max-time", String(timeoutSeconds), "--proto", "=http,https",
            "--write-out", "%{http_code} %{time_total}", "--url", url,
        ]
        let pipe = Pipe()
        curl.standardOutput = pipe
        curl.standardError = FileHandle.nullDevice
        curl.standardInput = FileHandle.nullDevice
        do {
            try curl.run()
        } catch {
            throw DaybookError.configuration("curl cannot be started; install it: apt-get install curl")
        }
        let words = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self).split(
            separator: " ")
        curl.waitUntilExit()
        guard curl.terminationStatus == 0, words.count == 2, let code = Int(words[0]),
            let micros = FixedPoint.parse(String(words[1]), places: 6)
        else { return HTTPProbe(isUp: false, latencyMilliseconds: nil, remark: "no answer within \(timeoutSeconds) s") }
        return HTTPProbe(
            isUp: (200..<400).contains(code), latencyMilliseconds: micros / 1000,
            remark: "HTTP \(code) in \(micros / 1000) ms")
    }
}
