public import Domain

/// Why statements, closes and the ledger's own questions are refused where a command helps. These are the facts:
/// whoever knows the commands says what to type.
public enum LedgerRefusal: Error, Sendable {
    /// There is nobody to make a statement for.
    case noAccounts
    /// A table of ours is not in the database.
    case missingTable(String)
    case acceptanceWithoutReason
    case reopeningWithoutReason
    case notClosed(Month)
    case closedAlready(Month)
    /// Two revisions of one account's month are in force.
    case closedTwice(Month, revisions: [Int64])
    /// The last close before the month is not what was closed: nothing is chained to it.
    case forgedClose(Month, slug: String)
    /// Statements that were kept are not what was closed: the first, by its own sentence, and whose others are so.
    case forgedStatements(DaybookError, others: [String], isOfEverybody: Bool)
    /// Statements that would be closed are not those that were looked at.
    case otherStatements(Month, slugs: [String])
    /// Nothing was offered to a customer for the month; for which ones something was.
    case noServiceCredit(Month, slug: String, offered: [Month])
    /// A step of a customer's service credit contradicts what was offered or done.
    case serviceCredit(ServiceCreditRefusal, Month, slug: String)
    case mayNotRecordServiceCredits(role: String)
    /// A task without a batch that no ledger entry names.
    case taskWithoutEntry(String)
    /// A price, on a line of a file, for credit that closed months have drawn on.
    case priceOfDrawnCredit(file: String, line: Int, entry: Int64, months: [String])
}
