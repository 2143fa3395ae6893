/// What helps where something is refused or found, with the facts of it.
///
/// A library names it beside what it found, and knows no command and no option. What is to be typed, with the rest of
/// the sentence around it, is made by the programs: one table in `Console` has all the words.
public enum Advice: Sendable, Hashable {
    // What a database needs.
    case migrate
    /// A migration ended before its last step.
    case goOnMigrating
    /// The books are there, and the engine is not.
    case addEngine
    case checkDatabase
    case grantRoles

    // Which database, and as whom.
    case nameDatabase
    /// The videos of the database are in a store, which is to be named.
    case nameStore
    /// The server is a standby.
    case namePrimary
    /// A login that only reads, for queries that somebody else wrote.
    case nameReadingLogin(ForeignQueries)
    /// A standby is behind what a report would count.
    case awaitReplay

    // Accounts and their terms.
    /// An account is to be named as it is called.
    ///
    /// `similar` has the slugs that may be meant, and is nil where no account is imported; `outcome` says what became
    /// of the call, where that is not plain.
    case nameAccount(similar: [String]?, outcome: String?)
    /// The terms of an account can only change from a month on that is not over.
    case nameLaterMonth
    /// A slug has just been given to somebody else.
    case giveOwnSlugs
    /// A hold would end with the matter that the file no longer names.
    case sayWhyHoldsEnd
    case importProfile

    // Windows of maintenance.
    /// A correction is made with its reason.
    case sayWhyCorrected
    case listWindows

    // Outputs and letters.
    case nameOtherOutput
    case fillPlaceholders
    case makeJournalAccounts
    case nameIssuer

    // Purges.
    /// A danger that a person may overrule.
    case overrule(PurgeGuard.Danger)
    /// The number of rows to go is to be said out loud.
    case sayRows(PurgeGuard.Due)
    /// The number that was said is not the plan's.
    case lookAtPlan(PurgeGuard.Due)

    // The books.
    /// What was closed is kept where it cannot be made again.
    case readWhatWasClosed
    /// A booking is never altered.
    case correctByAdjusting
    /// Bookings past the engine leave the wallet and the ledger apart.
    case verifyLedger

    /// A table that a look into an archive would make is there.
    case nameOtherTables

    // In the middle of a sentence, which says with it what to do.
    /// What somebody chooses with a call of a command.
    case choose(Choice)
    /// A command that goes on, mends or shows more.
    case take(Step)
    /// What it is that stands in the way is in the text for debugging.
    case readDebugText
    /// The rest of the sentence, and others after it.
    indirect case followed(Advice, by: String)

    /// The same with the rest of the sentence.
    public func then(_ rest: String) -> Advice { .followed(self, by: rest) }

    /// A place, or something else that a call names.
    public enum Choice: Sendable, Hashable, CaseIterable {
        case archiveFolder, archiveKey
        case certificateFolder
        /// Tables of their own for the rows of an archive.
        case lookTables
    }

    /// What somebody does next, with the facts of it.
    public enum Step: Sendable, Hashable {
        // What makes a database ready.
        case grantRoles, check, makePartitions
        // What goes on with a run that ended before its end.
        case resumePurge, expireArchives
        /// Nobody finds the archive of this purge.
        case writeOffArchive(of: Int64)
        /// The tables of this look are to go.
        case endLook(Int64)
        // What shows more.
        case verifyRetention, listRecord, listHolds, extractCertificates
        case closeMonth
        /// What a takeover of the application's batches would do.
        case tryAdoption

        /// One of each.
        public static let all: [Step] = [
            .grantRoles, .check, .makePartitions, .resumePurge, .expireArchives, .writeOffArchive(of: 1), .endLook(1),
            .verifyRetention, .listRecord, .listHolds, .extractCertificates, .closeMonth, .tryAdoption,
        ]
    }

    /// Queries of a report that do not come with the program.
    public enum ForeignQueries: Sendable, Hashable {
        /// A custom report, which has a connection of its own.
        case customReport
        /// The SLA report by other definitions than the shipped ones.
        case slaDefinitions
    }

    /// One of each, for who checks that what they name is there.
    public static let all: [Advice] = {
        let due = PurgeGuard.Due(asOf: CalendarDate(daysSinceEpoch: 0), account: "slug", rows: 1)
        return [
            .migrate, .goOnMigrating, .addEngine, .checkDatabase, .grantRoles, .nameDatabase, .namePrimary,
            .nameReadingLogin(.customReport), .nameReadingLogin(.slaDefinitions), .awaitReplay,
            .nameAccount(similar: nil, outcome: nil), .nameAccount(similar: [], outcome: "nothing was done"),
            .nameAccount(similar: ["one", "two"], outcome: nil), .nameLaterMonth, .giveOwnSlugs, .sayWhyHoldsEnd,
            .importProfile, .sayWhyCorrected, .listWindows, .nameOtherOutput, .fillPlaceholders,
        ] + PurgeGuard.Danger.allCases.map(Advice.overrule) + [
            .sayRows(due), .lookAtPlan(due), .readWhatWasClosed, .correctByAdjusting, .verifyLedger, .nameOtherTables,
            .readDebugText,
            .take(.check).then("."),
        ] + Choice.allCases.map(Advice.choose) + Step.all.map(Advice.take)
    }()
}

/// Something that was found: a sentence, whole or up to where the advice goes on.
public struct Remark: Sendable, Hashable {
    public let sentence: String
    public let advice: Advice?

    public init(_ sentence: String, _ advice: Advice? = nil) {
        self.sentence = sentence
        self.advice = advice
    }
}
