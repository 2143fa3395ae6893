import ArgumentParser
import Documents
import Domain
import Foundation
import Reporting
import Retention

/// `daybook retention plan`
struct PlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Say what a purge would take, and what it would keep. Changes nothing.",
        discussion: """
            Prints a row an account and class of data, and writes the same as plan.csv with --output. due: to go now; \
            held: would go but for a hold; kept: not due, or redacted already; undated: without an instant, never due.
            """)

    @OptionGroup(title: "Plan") var plan: PlanOptions
    @Option(name: .shortAndLong, help: ArgumentHelp("Write plan.csv to this folder.", valueName: "dir"))
    var output: String?
    @OptionGroup var permissions: ModeOption
    @OptionGroup(title: "Database") var database: DatabaseOptions

    func validate() throws { try permissions.require(output: output) }

    func run() async throws {
        let reader = PlanReader(asOf: plan.asOf, account: plan.account, rests: !plan.noRests)
        let made = try await database.withConnection { try await reader.run($0) }
        PlanDisplay.show(made)
        guard let output else { return }
        let staging = try StagingFolder(output: output, mode: permissions.mode)
        let sink = try staging.sink("plan.csv")
        try sink.write(made.csv)
        _ = try sink.finish()
        try staging.publish("plan.csv")
        Terminal.show("\n\(output)/plan.csv")
    }
}

/// A plan on a terminal.
enum PlanDisplay {
    static func show(_ plan: RetentionPlan) {
        let limit = plan.erasing == nil ? plan.account.map { ", \($0) alone" } : nil
        Terminal.show(plan.table.title + (limit ?? ""))
        var table = TextTable(columns: [
            "account", "data", .number("days"), "cutoff", "action", .number("due"), .number("held"), .number("kept"),
            .number("undated"), "newest due",
        ])
        for line in plan.lines {
            table.add([
                line.account.isEmpty ? "(none)" : line.account, line.dataClass.rawValue, String(line.retentionDays),
                String(line.cutoff.description.prefix(16)), line.dataClass.action.rawValue, String(line.dueRows),
                String(line.heldRows), String(line.keptRows), String(line.undatedRows),
                line.newestDue.map { String($0.description.prefix(16)) } ?? "",
            ])
        }
        table.show()
        Terminal.show("")
        Terminal.show(
            plan.dueRows == 0
                ? "Nothing is due; \(plan.heldRows) rows are held."
                : "\(plan.dueRows) rows would go, \(plan.heldRows) are held; about \(plan.estimatedSeconds) s"
                    + (plan.measuredRowsPerSecond == nil ? " (not measured here yet)." : "."))
        for partition in plan.wholePartitions { Terminal.show("Dropped whole: \(partition)") }
        for note in plan.advice { Terminal.show("Note: \(note.words)") }
        for obstacle in plan.obstacles { Terminal.show("Obstacle: \(obstacle.sentence)") }
    }
}

/// `daybook retention …`
struct RetentionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retention", abstract: "What is kept how long: plans, purges, holds, certificates.",
        subcommands: [
            PlanCommand.self, PurgeCommand.self, EraseCommand.self, VerifyRetentionCommand.self, RestoreCommand.self,
            ForgetLookCommand.self, ExpireArchivesCommand.self, CarryForwardCommand.self, HoldCommand.self,
            PolicyCommand.self, ListRetentionCommand.self, CertificateCommand.self, ShowRetentionCommand.self,
        ])
}
