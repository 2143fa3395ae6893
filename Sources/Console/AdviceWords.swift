public import Domain

/// What to type: the one table of the words of what helps.
extension Advice {
    /// The rest of the sentence that a library began, up to its end.
    var words: String {
        switch self {
        case .migrate: "; run: daybook database migrate"
        case .goOnMigrating: " What is missing is applied by: daybook database migrate"
        case .addEngine: " (daybook database migrate --engine adds it)"
        case .checkDatabase: " Is this the service's own database? See: daybook database check"
        case .grantRoles: "; run: daybook database roles"
        case .nameDatabase: ", or name a database with --database."
        case .nameStore: " name its folder or bucket with --store."
        case .namePrimary: ", by naming it with --database or DATABASE_URL."
        case .nameReadingLogin(let queries):
            "; name a login that only reads with \(Self.connection(of: queries)) (to make one: daybook database roles, "
                + "then CREATE ROLE daybook_reader LOGIN IN ROLE daybook_report)."
        case .awaitReplay:
            ": try again later, report from the primary, or name an earlier --cutoff for a preliminary report."
        case .nameAccount(let similar, let outcome):
            Self.account(similar) + (outcome.map { "; \($0)." } ?? "")
        case .nameLaterMonth: " Name a later month, or leave --from out."
        case .giveOwnSlugs: "; give each account its own, and see: daybook accounts list"
        case .sayWhyHoldsEnd:
            " Name the matter in the column legal_hold, or say why: --release-holds REASON"
        case .sayWhyCorrected: ": give the reason with --because TEXT, in at most \(Limits.remarkLength) characters."
        case .listWindows: "; to see those that are there: daybook availability maintenance list"
        case .importProfile: "; import it with: daybook profiles import FILE"
        case .nameOtherOutput: ", or choose another folder with --output."
        case .fillPlaceholders: ": give each with --set name=value."
        case .makeJournalAccounts: "; to have one to begin with: daybook report journal --example-accounts"
        case .nameIssuer: ": name it with --issuer or DAYBOOK_ISSUER."
        case .overrule(let danger): " If it is meant: --force \(danger.rawValue)"
        case .sayRows(let due):
            " If that is right, as it is on the first run on an old deployment, say the number out loud: "
                + Self.purge(due)
        case .lookAtPlan(let due):
            " as --expect-rows says; nothing was purged. Look at the plan again: daybook retention "
                + "plan\(Self.scope(due)) and, if it is right, purge it: "
                + Self.purge(due)
        case .readWhatWasClosed:
            " What was closed is still there (daybook close list); the archive and its certificate say what was "
                + "replaced."
        case .correctByAdjusting: "; a mistake is corrected with daybook credits adjust"
        case .verifyLedger: ", daybook ledger verify finds it"
        case .nameOtherTables: " End its look with forget-look if it is one's, or give --into another name."
        case .choose(let choice): choice.option
        case .take(let step): step.command
        case .readDebugText: "DAYBOOK_DEBUG=1 shows what it is."
        case .followed(let advice, let rest): advice.words + rest
        }
    }

    /// The options that name the connection by which such queries run.
    private static func connection(of queries: ForeignQueries) -> String {
        switch queries {
        case .customReport: "--report-database or DAYBOOK_REPORT_DATABASE_URL"
        case .slaDefinitions: "--database"
        }
    }

    private static func account(_ similar: [String]?) -> String {
        guard let similar else { return ": none is imported; run: daybook accounts import FILE" }
        guard !similar.isEmpty else { return "; see: daybook accounts list" }
        return "; did you mean \(similar.joined(separator: " or "))? See: daybook accounts list"
    }

    /// The options that decide what is due.
    private static func scope(_ due: PurgeGuard.Due) -> String {
        " --as-of \(due.asOf)" + (due.account.map { " --account \($0)" } ?? "")
    }

    /// The purge that was typed, with all its options, and with what it is to say of its plan.
    private static func purge(_ due: PurgeGuard.Due) -> String {
        var command = TypedCommand(CommandLine.arguments)
        guard command.names(["retention", "purge"]) else {
            return "daybook retention purge\(scope(due)) --yes --expect-rows \(due.rows), with your other options"
        }
        command.set("--as-of", to: due.asOf.description)
        command.set("--yes")
        command.set("--expect-rows", to: String(due.rows))
        return command.text
    }
}

extension Advice.Choice {
    fileprivate var option: String {
        switch self {
        case .archiveFolder: "--archive"
        case .archiveKey: "--key-file"
        case .certificateFolder: "--certificates"
        case .lookTables: "--into"
        }
    }
}

extension Advice.Step {
    /// The command as it is typed.
    fileprivate var command: String {
        switch self {
        case .grantRoles: "daybook database roles"
        case .check: "daybook database check"
        case .makePartitions: "daybook database partitions"
        case .resumePurge: "daybook retention purge --resume"
        case .expireArchives: "daybook retention expire-archives"
        case .writeOffArchive(let run): "daybook retention expire-archives --lost \(run)"
        case .endLook(let look): "daybook retention forget-look \(look)"
        case .verifyRetention: "daybook retention verify"
        case .listRecord: "daybook retention list"
        case .listHolds: "daybook retention hold list"
        case .extractCertificates: "daybook retention certificate"
        case .closeMonth: "daybook close month MONTH"
        case .tryAdoption: "daybookd adopt --all --dry-run"
        }
    }
}

extension Remark {
    /// The whole sentence.
    public var words: String { sentence + (advice?.words ?? "") }
}

extension DaybookError {
    /// The same with its whole sentence.
    var inWords: DaybookError {
        advice.map { DaybookError(kind, sentence + $0.words, debugText: debugText) } ?? self
    }
}
