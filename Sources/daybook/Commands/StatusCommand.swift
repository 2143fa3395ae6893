import ArgumentParser
import BatchEngine
import Domain
import Postgres

/// `daybook status`
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show how the service stands, and what is later than it should be.",
        discussion: """
            What waits and what the provider has, by model; workers, frozen credit, webhooks; the newest purge, close \
            and probes. What is late stands at the end, a sentence each: then it exits with 2. The daemon says the \
            same to Prometheus, at /metrics.

            Example:
              daybook status || echo 'somebody should look'
            """)

    @OptionGroup(title: "Database") var database: DatabaseOptions

    func run() async throws {
        let readings = try await database.withConnection { connection in
            try await connection.transaction(.snapshot) { try ServiceReadings($0) }
        }
        if let engine = readings.engine { show(engine) }
        Terminal.show("newest purge: \(readings.purgedAt?.description ?? "none")")
        Terminal.show("newest close of a month: \(readings.closedAt?.description ?? "none")")
        for probe in readings.probes { Terminal.show("newest probe of \(probe.target): \(probe.probedAt)") }
        let late = readings.late
        Terminal.show(late.isEmpty ? "nothing is late" : "late:")
        for sentence in late { Terminal.show("  \(sentence)") }
        if !late.isEmpty { throw ExitCode(FailureKind.breachExitCode) }
    }

    private func show(_ engine: ServiceReadings.Engine) {
        var table = TextTable(
            ["model", "ready", "oldest, s", "submitting", "accepted", "unknown", "overdue", "gate"],
            rightAligned: Set(1...6))
        for model in engine.models {
            table.add([
                model.model, String(model.readyCount), String(model.oldestReadySeconds), String(model.submitting),
                String(model.accepted), String(model.unknown), String(model.overdue),
                model.closedSeconds == nil ? "open" : "closed",
            ])
        }
        table.show()
        Terminal.show("")
        Terminal.show("workers alive: \(engine.liveWorkers)")
        Terminal.show("credits frozen: \(engine.frozen.reduce(0, +)), of batches over an hour old: \(engine.frozen[3])")
        Terminal.show(
            "webhooks: \(engine.deliveriesDue) due; of the last day \(engine.delivered) delivered, "
                + "\(engine.givenUp) given up")
    }
}
