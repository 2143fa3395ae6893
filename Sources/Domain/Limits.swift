/// Every bound of the product, in one place, each with its reason. Those of a format stand with its reader.
public enum Limits {
    /// Characters of an account's slug: it becomes part of file names.
    public static let slugLength = 64
    /// UTF-16 units of a spreadsheet's cell: the file format's own limit.
    public static let cellLength = 32_767
    /// Characters of a name in an imported file. Longer ones are refused, never cut.
    public static let nameLength = 1_000
    /// Characters of a window's reason or an outage's evidence: it is part of a key, and an index entry has room
    /// for that.
    public static let remarkLength = 500
    /// Errors of an imported file that are shown; the rest is counted.
    public static let importErrorsShown = 20
    /// Rows of a table on a page: beyond it the page names the CSV file that has them all.
    public static let pageRows = 200
    /// Entries and batches on the page of a statement: a customer prints them all; beyond it nobody reads on paper.
    public static let statementPageEntries = 20_000
    /// Files of one statement: workbook, page, a table each, and the manifest.
    public static let statementFiles = 64
    /// Bytes of a statement's files that are read at once, and of all files of an archive that is unpacked: one of a
    /// million entries has a third of it, and a forged archive must not eat the memory.
    public static let statementFileBytes = 536_870_912
    /// Bytes of a statement's manifest: one has a few thousand.
    public static let manifestBytes = 1_048_576
    /// Seconds that a command may take to which the head of a chain is given: the run waits for it.
    public static let headCommandSeconds = 60
    /// Rows of tasks on one sheet: a spreadsheet ends at 1,048,576, a round number is easier to explain.
    public static let sheetRows = 1_000_000
    /// Months of the trend: the reported one and the year before it.
    public static let trendMonths = 13
    /// Days after a month's end within which a service credit may be requested.
    public static let creditRequestDays: Int64 = 30
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
    /// Seconds that a provider may ask us to wait: no busy loop, and no day lost to a wrong header.
    public static let retryAfterSeconds: ClosedRange<Int64> = 1...900
    /// Connections to a provider at once: more than any worker's slots, so that nothing queues unseen.
    public static let providerConnections = 512
    /// Bytes of a file that holds a key: the longest that a provider gives out has a fraction of it.
    public static let keyFileBytes = 16_384
    /// Items of one batch, the contract's own limit.
    public static let batchItems = 10_000
    /// Characters (Unicode scalars) of a prompt, the provider's limit.
    public static let promptLength = 2_000
    /// Characters (Unicode scalars) of a request_id. Longer ones are refused, never cut: two that were cut could
    /// become one.
    public static let requestIDLength = 128
    /// Bytes of an item's metadata as compact JSON: it is kept beside the item, not a place for files.
    public static let metadataBytes = 4_096
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
    /// Requests a minute that a key may have.
    public static let ratesPerMinute: ClosedRange<Int64> = 1...1_000_000

    /// The highest price that is told of a purchase, in millionths of a dollar: what numeric(18, 6) holds.
    public static let toldPriceMicros: Int64 = 999_999_999_999_999_999
}
