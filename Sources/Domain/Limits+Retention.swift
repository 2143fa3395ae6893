/// The bounds of retention and purges.
extension Limits {
    /// Days that are kept where no account's policy speaks.
    public static let defaultRetentionDays: Int64 = 180
    /// The shortest retention that a purge applies without being told to: the shortest that a contract can name.
    public static let leastRetentionDays: Int64 = 30
    /// The longest retention of one class: a hundred years, so that dates stay dates.
    public static let mostRetentionDays: Int64 = 36_500
    /// Days that availability probes are kept: more than the 13 months of a trend.
    public static let probeRetentionDays: Int64 = 400
    /// Seconds between the host's clock and the database's beyond which one of the two is wrong.
    public static let clockSkewSeconds: Int64 = 300
    /// Pages of a purge's first transaction: about 5,000 rows of an access log, well under the target time.
    public static let purgeFirstPages: Int64 = 64
    /// Most pages of one transaction: 64 MiB of a table.
    public static let purgeMostPages: Int64 = 8_192
    /// A transaction slower than this must shrink: nobody should wait longer for a row. One that takes less than half
    /// of it may grow.
    public static let purgeSlowMilliseconds: Int64 = 100
    /// While others are at work on the server, a purge rests for a millisecond after about so many rows, which are a
    /// tenth of a millisecond of work: less than the slice of time for which a busy process keeps a processor.
    public static let purgeRestRows: Int64 = 20
    /// The same of rows that are only counted.
    public static let countRestRows: Int64 = 150
    /// Seconds for which a purge remembers that it saw others at work.
    public static let purgeSharedSeconds: Int64 = 2
    /// How long a purge waits for a lock before it lets others pass.
    public static let purgeLockMilliseconds = 500
    /// How long one statement of a purge may take before it is tried with fewer pages.
    public static let purgeStatementMilliseconds = 5_000
    /// How often in a row a purge is turned away by locks or limits before it stops, to be resumed.
    public static let purgeAttempts = 20
    /// Passes over a table: rows that were updated meanwhile may have moved behind the first.
    public static let purgePasses: Int64 = 3
    /// Seconds of a replica's replay lag at which a purge pauses.
    public static let purgeLagSeconds: Int64 = 10
    /// Seconds of the oldest snapshot at which a purge pauses: what it deletes could not be cleaned up anyway.
    public static let purgeSnapshotSeconds: Int64 = 600
    /// Seconds between two looks at whether to pause.
    public static let purgeLookSeconds: Int64 = 2
    /// Seconds of pausing after which a purge stops, to be resumed.
    public static let purgePauseSeconds: Int64 = 1_800
    /// Days after which an archive is destroyed: it is an undo window, not a second store.
    public static let archiveDays: Int64 = 30
    /// Rows a second that a plan's estimate assumes where no purge was measured yet.
    public static let assumedRowsPerSecond: Int64 = 50_000
    /// How long a purge looks, before it begins, for rows that one constraint may not let go: the trial can do without.
    public static let constraintMilliseconds: Int64 = 30_000
    /// How far what hangs on a month is followed, from view to view: nobody stacks more, and an end is an end.
    public static let dependentDepth: Int64 = 50
    /// Months that the access log's partitions are ahead.
    public static let partitionMonths = 4
    /// Years that ledger rows are kept before their months may be carried forward.
    public static let financialYears: Int64 = 10
    /// What the years may be: five is less than tax law asks for anywhere that we know of, a hundred keeps dates dates.
    public static let financialYearsRange: ClosedRange<Int64> = 5...100
    /// How often a month's replacement waits for a lock before it gives way, half a second each time.
    public static let carryAttempts = 20
    /// Seconds for which work whose connection was lost waits for the server to end its session: only then is it known
    /// what was committed.
    public static let aftermathSeconds = 5
    /// Seconds for which a server that does not answer is asked again what became of such work.
    public static let aftermathUnreachableSeconds = 2
    /// Bytes of a name that PostgreSQL keeps.
    public static let identifierBytes = 63
    /// Days after which a look into an archive is over, where nobody says when.
    public static let lookDays: Int64 = 7
    /// Most days of a look: the shortest retentions but one; what is needed for longer is put back under a hold.
    public static let mostLookDays: Int64 = 90
    /// The largest extract of certificates that is read: 64 MiB are the faces of more than sixty thousand.
    public static let extractBytes = 64 << 20
}
