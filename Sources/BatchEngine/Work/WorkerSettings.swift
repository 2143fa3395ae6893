public import Domain

/// How a worker works.
public struct WorkerSettings: Sendable {
    /// Submissions under way at once, in this worker.
    public var slots: Int
    /// Tasks of one customer that are claimed before it is the next one's turn.
    public var chunk: Int
    /// Questions to the provider under way at once.
    public var polls: Int
    /// Where the provider reports progress: an address of ours, to which customer and nonce are appended.
    public var callbackBase: String?
    /// The folder for answers that the database does not know yet.
    public var spoolFolder: String
    /// Milliseconds between two signs of life.
    public var heartbeatMilliseconds: Int64
    /// Milliseconds of silence after which a worker is declared dead.
    public var silenceMilliseconds: Int64
    /// Milliseconds between two looks for ready work, and between two sweeps.
    public var idleMilliseconds: Int64
    /// Seconds that submissions under way are waited for when the worker is asked to stop.
    public var drainSeconds: Int64

    /// Throws `configuration` where a number makes no sense.
    public init(
        slots: Int = 32, chunk: Int = 8, polls: Int = 32, callbackBase: String? = nil, spoolFolder: String,
        heartbeatMilliseconds: Int64 = 1000, silenceMilliseconds: Int64 = 3500, idleMilliseconds: Int64 = 250,
        drainSeconds: Int64 = 65
    ) throws(DaybookError) {
        guard (1...10_000).contains(slots), (1...10_000).contains(chunk), (1...10_000).contains(polls) else {
            throw .configuration("Slots, chunk and polls of a worker lie between 1 and 10000.")
        }
        guard heartbeatMilliseconds > 0, idleMilliseconds > 0, silenceMilliseconds >= 3 * heartbeatMilliseconds else {
            throw .configuration("A worker is declared dead after at least three heartbeats of silence.")
        }
        self.slots = slots
        self.chunk = chunk
        self.polls = polls
        self.callbackBase = callbackBase
        self.spoolFolder = spoolFolder
        self.heartbeatMilliseconds = heartbeatMilliseconds
        self.silenceMilliseconds = silenceMilliseconds
        self.idleMilliseconds = idleMilliseconds
        self.drainSeconds = drainSeconds
    }
}
