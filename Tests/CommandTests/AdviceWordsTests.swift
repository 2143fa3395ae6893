import Console
import Domain
import Postgres
import TestSupport
import Testing

/// What a library advises is printed as a command or an option that the programs have.
@Suite struct AdviceWordsTests {
    private static let day = CalendarDate(daysSinceEpoch: 20_762)
    private static let names = AccountNames([.init(userID: "1", slug: "customer1", name: "One")])

    private static func purge(
        _ account: String?, _ expectedRows: Int64?, _ forced: Set<PurgeGuard.Danger> = []
    ) -> DaybookError? {
        PurgeGuard(
            asOf: day, account: account, today: day, clockSkewSeconds: 0, shortestDays: 3,
            shares: [.init(dataClass: .accessLog, due: 6, total: 10)]
        ).refusal(forced: forced, expectedRows: expectedRows)
    }

    /// Who refuses, and the whole sentence that is read.
    private static let sentences: [(any Error, String)] = [
        (names.unknown("x"), "There is no account \"x\"; see: daybook accounts list"),
        (
            names.unknown("customer"),
            "There is no account \"customer\"; did you mean customer1? See: daybook accounts list"
        ),
        (
            AccountNames([]).unknown("x"),
            "There is no account \"x\": none is imported; run: daybook accounts import FILE"
        ),
        (
            names.unknown("x", also: "or owner", outcome: "nothing was held"),
            "There is no account or owner \"x\"; see: daybook accounts list; nothing was held."
        ),
        (
            purge(nil, nil) ?? .usage(""),
            "A policy of 3 days is shorter than 30 days. Nothing was purged. If it is meant: --force short-policy"
        ),
        (
            purge("one", nil, [.shortPolicy]) ?? .usage(""),
            "The plan would take 6 of 10 rows of access_log, more than half; nothing was purged. If that is right, as "
                + "it is on the first run on an old deployment, say the number out loud: daybook retention purge "
                + "--as-of 2026-11-05 --account one --yes --expect-rows 6, with your other options"
        ),
        (
            purge(nil, 7, [.shortPolicy]) ?? .usage(""),
            "The plan has 6 rows to go, not 7 as --expect-rows says; nothing was purged. Look at the plan again: "
                + "daybook retention plan --as-of 2026-11-05 and, if it is right, purge it: daybook retention purge "
                + "--as-of 2026-11-05 --yes --expect-rows 6, with your other options"
        ),
        (
            PostgresError(.standby, "Run this on the primary"),
            "Run this on the primary, by naming it with --database or DATABASE_URL."
        ),
        (
            StoppedRun(.failure(DaybookError.usage("No", .migrate)), standing: "One is applied.", .goOnMigrating),
            "No; run: daybook database migrate One is applied. What is missing is applied by: daybook database migrate"
        ),
        (
            DaybookError.usage("Name another with ", .choose(.archiveFolder).then(".")),
            "Name another with --archive."
        ),
        (
            DaybookError(.configuration, "It may not; run: ", .take(.grantRoles)).followed(
                by: " The purge stopped there.", debugText: ""),
            "It may not; run: daybook database roles The purge stopped there."
        ),
        (
            DaybookError.badData("A trigger failed.").followed(by: " The purge stopped there.", debugText: ""),
            "A trigger failed. The purge stopped there."
        ),
        (
            StoppedRun(
                .failure(DaybookError.usage("No.")),
                Remark(
                    "Rows are put back, or not: if so, `",
                    .take(.verifyRetention).then("` counts certificate 1."))),
            "No. Rows are put back, or not: if so, `daybook retention verify` counts certificate 1."
        ),
    ]

    @Test func `sentences end with the advice, whoever refuses`() {
        for (error, sentence) in Self.sentences { #expect(Failure.failure(of: error)?.sentence == sentence) }
    }

    @Test func `a line among others has the advice as well, and any other error as it says itself`() {
        #expect(Failure.words(of: DaybookError.badData("No", .checkDatabase)).hasSuffix("daybook database check"))
        #expect(Failure.words(of: PostgresError(.standby, "No")) == "No, by naming it with --database or DATABASE_URL.")
        #expect(Failure.words(of: CancellationError()) == "CancellationError()")
        #expect(Remark("Well").words == "Well" && Remark("Well", .grantRoles).words.hasPrefix("Well; run: "))
    }

    @Test(arguments: Advice.all)
    func `every command and option of an advice is one of the program's`(advice: Advice) async throws {
        let words = Remark("", advice).words
        for command in words.matches(of: /daybook ([a-z-]+) ([a-z-]+)/).map({ [String($0.1), String($0.2)] }) {
            #expect(try await Self.help(of: command).contains("USAGE: daybook \(command.joined(separator: " "))"))
        }
        let options = words.matches(of: /--[a-z-]+/).map { String($0.0) }
        let commands = Self.commands(advice)
        #expect(options.isEmpty || !commands.isEmpty, "whose are \(options)?")
        for command in commands {
            let help = try await Self.help(of: command)
            for option in options { #expect(help.contains(option), "\(command) has no \(option)") }
            if case .overrule(let danger) = advice { #expect(help.contains(danger.rawValue)) }
        }
    }

    @Test(arguments: Advice.Step.all)
    func `a command that is taken next stands there whole, as it is typed`(step: Advice.Step) async throws {
        let words = Remark("", .take(step)).words.split(separator: " ").map(String.init)
        let named = Array(words.prefix { !$0.hasPrefix("--") && $0 != $0.uppercased() })
        let help = try await Self.help(of: named.first == "daybook" ? Array(named.dropFirst()) : named)
        #expect(help.contains("USAGE: " + named.joined(separator: " ")))
        for option in words where option.hasPrefix("--") { #expect(help.contains(option), "\(words): \(help)") }
    }

    /// What commands say of themselves, each asked once; those of the other program begin with its name.
    private actor Helps {
        private var asked: [[String]: Task<String, any Error>] = [:]

        func help(of command: [String]) async throws -> String {
            let isOther = command.first == "daybookd"
            let task =
                asked[command]
                ?? Task {
                    try await ProgramRun.expectingSuccess(
                        command.dropFirst(isOther ? 1 : 0) + ["--help"],
                        program: isOther ? RunningProgram.path("daybookd") : ProgramRun.daybook)
                }
            asked[command] = task
            return try await task.value
        }
    }

    private static let helps = Helps()

    private static func help(of command: [String]) async throws -> String { try await helps.help(of: command) }

    /// Commands that give the advice or follow it, and have its options; none where it names none.
    private static func commands(_ advice: Advice) -> [[String]] {
        switch advice {
        case .migrate, .goOnMigrating, .addEngine: [["database", "migrate"]]
        case .nameDatabase, .namePrimary: [["database", "check"]]
        case .nameStore: [["daybookd", "work"], ["daybookd", "serve"]]
        case .nameReadingLogin(.customReport): [["report", "run"]]
        case .nameReadingLogin(.slaDefinitions), .awaitReplay, .nameOtherOutput: [["report", "sla"]]
        case .nameLaterMonth, .sayWhyHoldsEnd: [["accounts", "import"]]
        case .sayWhyCorrected: [["availability", "maintenance", "import"]]
        case .fillPlaceholders: [["letter", "write"]]
        case .makeJournalAccounts: [["report", "journal"]]
        case .nameIssuer: [["report", "focus"], ["report", "statement"]]
        case .overrule, .sayRows, .lookAtPlan: [["retention", "purge"]]
        case .nameOtherTables: [["retention", "restore"]]
        case .choose(let choice): commands(choice).map { ["retention", $0] }
        case .take(.resumePurge): [["retention", "purge"]]
        case .take(.tryAdoption): [["daybookd", "adopt"]]
        case .take(.writeOffArchive): [["retention", "expire-archives"]]
        case .followed(let advice, _): commands(advice)
        case .checkDatabase, .grantRoles, .nameAccount, .giveOwnSlugs, .importProfile, .listWindows,
            .readWhatWasClosed, .correctByAdjusting, .verifyLedger, .take, .readDebugText:
            []
        }
    }

    /// All commands of the retention in which somebody is told to choose so.
    private static func commands(_ choice: Advice.Choice) -> [String] {
        switch choice {
        case .archiveFolder: ["purge", "erase", "carry-forward"]
        case .archiveKey: ["purge", "erase", "carry-forward", "restore"]
        case .certificateFolder:
            ["purge", "erase", "carry-forward", "restore", "forget-look", "expire-archives"]
        case .lookTables: ["restore"]
        }
    }
}
