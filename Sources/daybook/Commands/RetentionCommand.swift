import ArgumentParser

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
