import ArgumentParser
import BatchEngine
import Console
import Domain
import Foundation
import Postgres

/// `daybookd adopt`
struct AdoptCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "adopt", abstract: "Take over batches of an application that this database belongs to.",
        discussion: """
            A batch is the application's or the engine's. What is taken over is run by daybookd work: a queued batch \
            as if it had come over the API, a batch that is stuck in processing from where it stands. What is frozen \
            for it stays frozen; what is not frozen is frozen now, all or nothing. A task that the provider has is \
            asked for; one of which nobody knows whether the provider has it is never handed over again, and fails at \
            its deadline; one that was never handed over is ready. From then on the application's writes to such a \
            batch change nothing, and do not fail.

            What cannot be taken over is listed with the reason, and stays the application's (exit code 2). Credit \
            that the ledger does not explain is booked as unattributed. Running it again goes on where it ended.

            In this order:
              daybook database migrate --engine
              daybookd adopt --all --dry-run
              (turn the application's dispatcher off)
              daybookd adopt --all
              GRSAI_API_KEY=… daybookd work
              daybook database check

            docs/engine.md says how to go back, and what a database cannot prevent.
            """)

    @Option(help: ArgumentHelp("The batch to take over.", valueName: "id")) var batch: String?
    @Flag(help: "Take over every batch of the application that has not ended.") var all = false
    @Flag(help: "Say what would become of each batch, and of how many credits, and change nothing.") var dryRun = false
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "How long the application must not have written to a batch of which it handed something over: a "
                + "dispatcher that lives might go on. Default: \(Adoption.standardQuietSeconds).",
            valueName: "n"), transform: WholeNumber.within(Limits.quietSeconds))
    var quietSeconds: Int64 = Adoption.standardQuietSeconds
    @OptionGroup(title: "Database") var database: DatabaseOptions

    func run() async throws {
        let adoption = Adoption(try scope(), quietSeconds: quietSeconds, isTrial: dryRun)
        let report = try await database.withConnection { connection in
            try await connection.run { try $0.requireWritable() }
            return try await adoption.run(connection)
        }
        AdoptionText(report).show()
        if !report.left.isEmpty { throw ExitCode(FailureKind.breachExitCode) }
    }

    private func scope() throws -> Adoption.Scope {
        switch (batch, all) {
        case (let text?, false):
            guard let id = UUID(uuidString: text) else {
                throw DaybookError.usage("--batch takes a batch's id, a UUID, not \"\(text)\".")
            }
            return .batch(id.uuidString.lowercased())
        case (nil, true): return .all
        default: throw DaybookError.usage("Name one batch with --batch, or take every one with --all.")
        }
    }
}

/// What became of the batches, for a terminal.
struct AdoptionText {
    private let report: AdoptionReport

    init(_ report: AdoptionReport) {
        self.report = report
    }

    func show() {
        guard !report.batches.isEmpty else {
            Terminal.show("nothing to take over: no batch of the application is open")
            return
        }
        table.show()
        Terminal.show("")
        for line in sums { Terminal.show(line) }
        if report.isTrial { Terminal.show("nothing was changed") }
    }

    private var table: TextTable {
        var table = TextTable(
            [
                "batch", "customer", "was", "outcome", "ready", "accepted", "unknown", "succeeded", "failed", "frozen",
                "frozen now", "refunded", "why",
            ], rightAligned: Set(4...11))
        for batch in report.batches {
            let numbers = [
                batch.ready, batch.accepted, batch.unknown, batch.succeeded, batch.failed, batch.frozen,
                batch.frozenNow, batch.refunded,
            ]
            table.add(
                [batch.batchID, batch.account ?? batch.userID, batch.was ?? "", batch.outcome.rawValue]
                    + numbers.map { batch.isTaken ? String($0) : "" }
                    + [[batch.reason, batch.detail].compactMap(\.self).joined(separator: ": ")])
        }
        return table
    }

    private var sums: [String] {
        let taken = report.taken
        func sum(_ number: (AdoptedBatch) -> Int64) -> Int64 { taken.reduce(0) { $0 + number($1) } }
        let settled = taken.count { $0.outcome == .settled }
        var lines = [
            "\(report.isTrial ? "would be taken over" : "taken over"): \(taken.count) batches, \(settled) of them "
                + "settled at once; tasks: \(sum(\.ready)) ready, \(sum(\.accepted)) accepted, \(sum(\.unknown)) "
                + "unknown, \(sum(\.succeeded)) succeeded, \(sum(\.failed)) failed; credits: \(sum(\.frozen)) frozen, "
                + "\(sum(\.frozenNow)) of them now, \(sum(\.refunded)) refunded"
        ]
        let before = report.batches.count { $0.outcome == .engine }
        if before > 0 { lines.append("the engine's before: \(before) batches") }
        let reasons = Dictionary(grouping: report.left) { $0.reason ?? "" }.sorted { $0.key < $1.key }
        if !reasons.isEmpty {
            lines.append(
                "left with the application: \(report.left.count) batches; "
                    + reasons.map { "\($0.value.count) \($0.key)" }.joined(separator: ", "))
        }
        for found in report.unattributed {
            lines.append(
                "unattributed, of \(found.account ?? found.userID): \(found.permanent) credits, \(found.bonus) of bonus"
            )
        }
        return lines
    }
}
