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

    // Outputs and letters.
    case nameOtherOutput
    case fillPlaceholders

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
            .importProfile, .nameOtherOutput, .fillPlaceholders,
        ] + PurgeGuard.Danger.allCases.map(Advice.overrule) + [
            .sayRows(due), .lookAtPlan(due), .readWhatWasClosed, .correctByAdjusting, .verifyLedger,
        ]
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
