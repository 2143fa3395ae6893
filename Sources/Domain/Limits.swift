/// Every bound of the product, in one place, each with its reason. Those of a format stand with its reader.
public enum Limits {
    /// Characters of an account's slug: it becomes part of file names.
    public static let slugLength = 64
    /// Lines of a billing address, and characters of each: what fits beside the other party's on paper.
    public static let addressLines = 8
    public static let addressLineLength = 120
    /// Addresses that get a copy of an account's reports: more is a mailing list, which has one.
    public static let mailCopies = 10
    /// UTF-16 units of a spreadsheet's cell: the file format's own limit.
    public static let cellLength = 32_767
    /// Days after an introduction on which it is followed up: earlier is pressing, later is forgotten.
    public static let followUpDays: ClosedRange<Int64> = 3...5
    /// Characters of a name in an imported file. Longer ones are refused, never cut.
    public static let nameLength = 1_000
    /// Characters of a window's reason or an outage's evidence: it is part of a key, and an index entry has room
    /// for that.
    public static let remarkLength = 500
    /// Characters of a target that a window of maintenance names: it stands in the same key.
    public static let windowTargetLength = 100
    /// Bytes of a monitor's export: a month of one target's samples is about one megabyte.
    public static let monitorExportBytes = 256 << 20
    /// Microseconds between the edge of a month and its nearest probe that nobody would ask about.
    public static let probeGapMicroseconds: Int64 = 300_000_000
    /// Errors of an imported file that are shown; the rest is counted.
    public static let importErrorsShown = 20
    /// Rows of a table on a page: beyond it the page names the CSV file that has them all.
    public static let pageRows = 200
    /// Days, customers, batches or outages that explain a broken promise on its card: the worst ones; the tables below
    /// it have them all.
    public static let cardRows = 5
    /// Outages that a page lists: the longest ones; a component that comes and goes has thousands.
    public static let pageOutages = 40
    /// Models that a page draws: those with the most tasks; beyond it nobody looks at each.
    public static let pageModels = 8
    /// Entries and batches on the page of a statement: a customer prints them all; beyond it nobody reads on paper.
    public static let statementPageEntries = 20_000
    /// Files of one statement: workbook, page, a table each, and the manifest.
    public static let statementFiles = 64
    /// Bytes of a statement's files that are read at once, and of all files of an archive that is unpacked: one of a
    /// million entries has a third of it, and a forged archive must not eat the memory.
    public static let statementFileBytes = 536_870_912
    /// Bytes of a statement's manifest: one has a few thousand.
    public static let manifestBytes = 1_048_576
    /// Seconds that a program may take to print a page: one of 40,000 rows takes minutes.
    public static let printSeconds = 900
    /// Characters of an account's name in a journal: longer than any chart of accounts has them.
    public static let journalAccountLength = 200
    /// Bytes of a mapping of accounts: nine lines.
    public static let journalMappingBytes = 65_536
    /// Seconds that a command may take to which the head of a chain is given: the run waits for it.
    public static let headCommandSeconds = 60
    /// Rows of tasks on one sheet: a spreadsheet ends at 1,048,576, a round number is easier to explain.
    public static let sheetRows = 1_000_000
    /// Rows of a sheet up to which they are a table of the spreadsheet's own: it keeps stripes and references of every
    /// row up to date, and with more it is slow to sort and to filter.
    public static let tableRows = 100_000
    /// Connections over which a report reads one snapshot: more would crowd out a server's others.
    public static let reportConnections = 8
    /// Bytes of tasks for which a further connection pays off: below that, making it takes as long as the reading.
    public static let bytesPerReader: Int64 = 64 << 20
    /// Bytes of tasks from which on the server compiles a query that reads them: that takes it a second.
    public static let bytesOfCompiledReading: Int64 = 512 << 20
    /// Months of the trend: the reported one and the year before it.
    public static let trendMonths = 13
    /// Days after a month's end within which a service credit may be requested.
    public static let creditRequestDays: Int64 = 30
    /// Days after a month is final within which it is approved; later it is called late: half of the time in which
    /// customers may ask for a service credit is left then.
    public static let monthDueDays: Int64 = 14
    /// Seconds without a row of the service before a month's end after which its data is said to end early: a weekend
    /// may be quiet.
    public static let monthSilenceSeconds: Int64 = 259_200
    /// Names that a sentence lists before it says how many more there are.
    public static let namesInSentence = 12
    /// Hours after the longest completion limit at which a month is final.
    public static let finalityGraceHours: Int64 = 24
    /// Retention periods that a contract can name, in days.
    public static let retentionDays: [Int64] = [30, 90, 180]
    /// The first and last year of a report.
    public static let years = 2000...2199
    /// Seconds within which a probe must be answered.
    public static let probeTimeoutSeconds = 10
    /// Credits of one booking: the deployment's wallet holds 32-bit integers.
    public static let walletCredits: Int64 = 2_147_483_647
    /// Milliseconds that a process of the engine may do nothing in a transaction: one that was stopped must not hold
    /// a wallet or a gate for longer than it takes to be declared dead.
    public static let idleInTransactionMilliseconds = 2500
    /// Bytes of a provider's id of a task: it becomes part of an index, and a UUID has 36.
    public static let providerTaskIDBytes = 200
    /// Statements that a session keeps parsed: a worker has a dozen, and each takes the server some memory.
    public static let preparedStatements = 64
    /// Answers, or endings, that one statement records: as many as a commit is worth, and few enough that nobody waits
    /// long for their tasks and batches.
    public static let recordedTogether = 500
    /// Bytes of a worker's spool below which it is not cut: some thousand answers, and a read of a millisecond.
    public static let spoolBytes = 262_144
    /// Bytes of a line of a spool: the longest of ours has 340.
    public static let spoolLineBytes = 1_024
    /// Spooled answers that one transaction takes: as long as a chunk of work, and others wait for its tasks as short.
    public static let spoolTransactionAnswers = 100
    /// Files of a spool's folder, and so seconds, by which a worker looks less often at it the more of them there are:
    /// what a killed worker left must not wait for long where those who look are few.
    public static let spoolFilesLooked = 30
    /// Lines, or files, of a spool that one line of the log names; the rest is counted.
    public static let spoolLinesShown = 20
    /// Seconds that a provider may ask us to wait: no busy loop, and no day lost to a wrong header.
    public static let retryAfterSeconds: ClosedRange<Int64> = 1...900
    /// Connections to a provider at once: more than any worker's slots, so that nothing queues unseen.
    public static let providerConnections = 512
    /// Bytes of a file that holds a key: the longest that a provider gives out has a fraction of it.
    public static let keyFileBytes = 16_384
    /// Items of one batch, the contract's own limit.
    public static let batchItems = 10_000
    /// Items of one batch of a pilot: enough to see how it goes.
    public static let pilotItems = 50
    /// Characters (Unicode scalars) of a prompt, the provider's limit.
    public static let promptLength = 2_000
    /// Characters (Unicode scalars) of a request_id. Longer ones are refused, never cut: two that were cut could
    /// become one.
    public static let requestIDLength = 128
    /// Characters (Unicode scalars) of a custom_id. Longer ones are refused, never cut, as a request_id is.
    public static let customIDLength = 128
    /// Bytes of an item's metadata as compact JSON: it is kept beside the item, not a place for files.
    public static let metadataBytes = 4_096
    /// Standing addresses of one customer that are told of all batches.
    public static let webhookEndpoints = 10
    /// Hours for which the secret of before a rotation signs too.
    public static let webhookRotationHours: ClosedRange<Int64> = 0...720
    public static let webhookRotationHoursStandard: Int64 = 24
    /// Deliveries of one page.
    public static let deliveriesPage = (standard: 50, most: 100)
    /// Characters of a webhook's address.
    public static let webhookURLLength = 2_048
    /// Bytes of a request's body: 10,000 prompts of 2,000 characters fit in most scripts, and a few bodies of this
    /// size fit in memory.
    public static let requestBodyBytes = 33_554_432
    /// Problems of a request that its answer lists; the first is in the message.
    public static let problemsShown = 20
    /// Characters of a member's name that a warning repeats: it is the caller's own, and may be of any length.
    public static let memberNameShown = 64
    /// Items of a page of `GET /batches/{id}/items`: unless asked for otherwise, and at most.
    public static let itemsPage = (standard: 50, most: 100)
    /// Batches of a page of `GET /batches`: unless asked for otherwise, and at most.
    public static let batchesPage = (standard: 20, most: 100)
    /// Results of one answer of `GET /batches/{id}/results`: at most, some 700 kB.
    public static let resultsPage = (standard: 500, most: 1_000)
    /// Bytes of what a cursor of results remembers: a bit for each item of the largest batch, and room for larger ones
    /// of an application.
    public static let resultCursorBytes = 4_096
    /// Entries of a page of `GET /credits/ledger`: unless asked for otherwise, and at most.
    public static let ledgerPage = (standard: 50, most: 200)
    /// The largest offset of a page: what lies beyond it is found by its dates.
    public static let pageOffset = 1_000_000
    /// Characters of an API key's name.
    public static let keyNameLength = 100
    /// Characters of a user agent that are kept in the request log; it is for people, so it may be cut.
    public static let userAgentLength = 200
    /// Characters of a key that a deployment keeps in clear: longer ones are not worth a look.
    public static let clearKeyLength = 512
    /// Characters of a key of an application below which its digest could be guessed: 22 of 62 have 131 bits.
    public static let strongKeyLength = 22
    /// Networks that a key may be bound to: each request is compared with all of them.
    public static let keyNetworks = 100
    /// Networks of proxies whose word a server takes for an address, and addresses of a request that it reads.
    public static let trustedProxies = 100
    public static let forwardedAddresses = 32
    /// Seconds for which a server counts the uses of keys before it writes them.
    public static let keyUseSeconds = 60
    /// Requests a minute that a key may have.
    public static let ratesPerMinute: ClosedRange<Int64> = 1...1_000_000

    /// Seconds after its model's deadline at which a submission is given up of which nobody knows whether the provider
    /// took it: the engine's migrations say the same.
    public static let unknownMarginSeconds: Int64 = 600
    /// Seconds for which what is due may wait, a deadline or a refund, before it is called overdue: workers look
    /// several times a second, and refund what failed within minutes.
    public static let exposureGraceSeconds: Int64 = 300
    /// Seconds for which work may wait while its gate is open before it is called late: a worker takes it at once.
    public static let readyLateSeconds: Int64 = 300
    /// Seconds since its sign of life after which a worker is not counted as alive; each gives one a second.
    public static let workerSilenceSeconds: Int64 = 30
    /// Milliseconds for which `/metrics` says what it said before: it is asked for every few seconds, by several.
    public static let metricsMilliseconds: Int64 = 5_000
    /// Days for which late successes are listed: longer than it takes until the provider's bill is there.
    public static let lateSuccessDays: Int64 = 92

    /// Lines of a provider's bill: it is held in memory while it is compared, some 200 bytes each, and a month of the
    /// largest service has a tenth of them.
    public static let billLines = 1_000_000
    /// Millionths of a dollar of one line of a bill: a million dollars for a video, and the sum of all lines fits.
    public static let billedMicros: ClosedRange<Int64> = 0...1_000_000_000_000
    /// Rows of a comparison that are shown on a terminal: beyond it nobody reads them there.
    public static let matchRowsShown = 1_000

    /// The highest price that is told of a purchase, in millionths of a dollar: what numeric(18, 6) holds.
    public static let toldPriceMicros: Int64 = 999_999_999_999_999_999
}

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
    /// Days of the use of keys that are shown: ten years.
    public static let usageDays: ClosedRange<Int64> = 1...3_650
    /// Ports; 0 takes a free one.
    public static let ports: ClosedRange<Int> = 0...65_535
    /// Connections of a service to its database: PostgreSQL takes a hundred unless it was told otherwise.
    public static let databaseConnections: ClosedRange<Int> = 1...200
    /// Submissions, claims and questions of one worker.
    public static let workerParts: ClosedRange<Int> = 1...10_000
    /// Seconds for which an application must not have written to a batch that is taken over: a day at most.
    public static let quietSeconds: ClosedRange<Int64> = 0...86_400
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

/// The bounds of retention and purges.
extension Limits {
    /// Days that are kept where no account's policy speaks.
    public static let defaultRetentionDays: Int64 = 180
    /// The shortest retention that a purge applies without being told to: the shortest that a contract can name.
    public static let leastRetentionDays: Int64 = 30
    /// The longest retention of one class: a hundred years, so that dates stay dates.
    public static let mostRetentionDays: Int64 = 36_500
    /// Seconds without a probe after which a prober is said to be silent: it runs every minute, and may be restarted.
    public static let proberSilenceSeconds: Int64 = 600
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

/// The bounds of the server that faces everybody. What an operator may want otherwise is an option of `daybookd serve`.
extension Limits {
    /// Connections of clients at once: each costs a descriptor and some 30 KiB. Beyond it those that do nothing go.
    public static let serverConnections = 1_000
    /// What an operator may choose for it.
    public static let serverConnectionsRange = 16...100_000
    /// Descriptors that the server keeps for itself: the database, the log, the provider.
    public static let serverFiles = 256
    /// Seconds from the head of a request to the end of its body: the largest comes through at 2.5 Mbit/s, and who
    /// dribbles does not stay.
    public static let bodySeconds = 120
    /// What an operator may choose for it.
    public static let bodySecondsRange = 1...3_600
    /// Seconds that a client may take to read an answer, or the next piece of a video.
    public static let answerSeconds = 120
    /// Seconds for which a connection that is to be closed is still read, so that the answer before arrives.
    public static let lingerSeconds = 2
    /// Seconds after which a connection on which nothing happens is closed: longer than proxies keep theirs idle.
    public static let idleSeconds = 60
    /// Bytes of all bodies that have not been answered: one of the largest, and some of the usual ones beside it. With
    /// 200 connections the server then takes less than 64 MB more than without.
    public static let bodiesBytes = 34_603_008
    /// Milliseconds after which a body that waits for room asks again.
    public static let fullMilliseconds = 10
    /// Bytes that are read from a connection at once.
    public static let receiveBufferBytes = 8_192
    /// Bytes of all bodies of one key that have not been answered: one of the largest.
    public static let bodiesBytesOfKey = requestBodyBytes
    /// Megabytes (1,048,576 bytes) that an operator may choose for either.
    public static let bodiesMegabytesRange = 1...65_536
    /// Bytes of one piece of a body: small ones for who sends little, and alike, so that memory is used again.
    public static let bodyPieceBytes = 4_096
    /// Bytes of a callback's body; real ones have a few hundred.
    public static let callbackBytes = 65_536
    /// Calls a minute and address that show no key, and are not answered from memory anyway: for people who try, and
    /// a log that stays readable.
    public static let keylessPerMinute: Int64 = 300
    /// What an operator may choose for it: one a millisecond is no bound any more.
    public static let keylessPerMinuteRange = 1...60_000
    /// Wrong keys of an address that cost nothing: people mistype.
    public static let freeWrongKeys: Int64 = 5
    /// Milliseconds that the first wrong key beyond those costs the next; it doubles with each.
    public static let wrongKeyMilliseconds: Int64 = 100
    /// Milliseconds that a key which nobody has shown yet waits at most: its owner, behind the same address as who
    /// guesses, is let in all the same.
    public static let wrongKeyMostMilliseconds: Int64 = 2_000
    /// Seconds after which an address has half of its wrong keys.
    public static let wrongKeyHalfLifeSeconds: Int64 = 60
    /// Addresses, or keys, of which the server remembers anything: some 100 bytes each.
    public static let rememberedCallers = 20_000
    /// Milliseconds for which `/readyz` says what it said before: a balancer asks once a second or less.
    public static let readinessMilliseconds: Int64 = 1_000
    /// Callbacks that are remembered, so that a repeated one costs nothing; some 300 bytes each.
    public static let rememberedCallbacks = 8_192
    /// Callbacks that wait to be looked up together, by one connection; more are turned away.
    public static let callbacksWaiting = 4_096
    /// Callbacks of one look.
    public static let callbacksTogether = 500
    /// Hours for which a shared link holds, and the most.
    public static let shareHours: Int64 = 168
    public static let shareHoursRange: ClosedRange<Int64> = 1...8_760
    /// Sites on which one video may be shown.
    public static let embedDomains = 100
}
