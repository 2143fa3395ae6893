/// What the options of the programs may say. Each with its reason.
extension Limits {
    /// Numbers that the database gave out.
    public static let identifiers: ClosedRange<Int64> = 1...Int64.max
    /// Rows that a plan may have.
    public static let plannedRows: ClosedRange<Int64> = 0...Int64.max
    /// Entries of a ledger that are listed at once: more is a report's matter.
    public static let historyEntries: ClosedRange<Int64> = 1...1_000_000
    /// Days after which an archive is destroyed: ten years, after which nobody may ask for it.
    public static let archiveDaysRange: ClosedRange<Int64> = 1...3_650
    /// Days that a class of data is kept.
    public static let retentionDaysRange: ClosedRange<Int64> = 1...mostRetentionDays
    /// Seconds of a purge's pauses: a night is long enough.
    public static let pauseSeconds: ClosedRange<Int64> = 0...86_400
    /// Seconds after which a query is given up: a day.
    public static let statementTimeoutSeconds: ClosedRange<Int> = 0...86_400
    /// Seconds within which a probe is answered: it runs every minute.
    public static let probeTimeouts: ClosedRange<Int> = 1...60
    /// Ports; 0 takes a free one.
    public static let ports: ClosedRange<Int> = 0...65_535
    /// Connections of a service to its database: PostgreSQL takes a hundred unless it was told otherwise.
    public static let databaseConnections: ClosedRange<Int> = 1...200
    /// Submissions, claims and questions of one worker.
    public static let workerParts: ClosedRange<Int> = 1...10_000
    /// Simulated seconds a real second.
    public static let timeScales: ClosedRange<Int64> = 0...100_000
    /// Credits of one booking.
    public static let bookedCredits: ClosedRange<Int64> = 1...walletCredits
    /// Credits of one correction.
    public static let correctedCredits: ClosedRange<Int64> = -walletCredits...walletCredits
    /// Accounts that are suggested for a name that none has: more is a list to look through.
    public static let accountsSuggested = 3
    /// The highest monthly fee in cents: a billion dollars, far above any contract and far below an overflow.
    public static let monthlyFeeCents: ClosedRange<Int64> = 0...100_000_000_000
}
