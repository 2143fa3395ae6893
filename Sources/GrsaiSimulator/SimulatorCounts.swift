/// What the simulator counted since its start, as `GET /admin/stats` shows it.
struct SimulatorCounts: Encodable, Sendable, Hashable {
    /// Requests to have a video rendered, of every fate.
    var submissions = 0
    /// Tasks that were taken, whether or not the client was told.
    var accepted = 0
    /// By the knob that struck (or `unauthorized`, `invalid`, `no_credits`), submissions that were not taken.
    var refused: [String: Int] = [:]
    /// By the knob that struck, tasks that were taken and whose client was not told properly.
    var untold: [String: Int] = [:]
    var polls = 0
    var pollsNotFound = 0
    var callbacksSent = 0
    var callbacksDelivered = 0
    var filesServed = 0
    var filesMissing = 0
    /// Taken before the start, from the journal.
    var earlier = 0
    /// Taken tasks beyond the first of their nonce, those of the journal included.
    var duplicates = 0
    /// Taken tasks that nobody has polled since the start.
    var neverPolled = 0
    var creditsLeft: Int64 = -1
    var simulatedSeconds: Int64 = 0

    enum CodingKeys: String, CodingKey {
        case submissions, accepted, refused, untold, polls, earlier, duplicates
        case pollsNotFound = "polls_not_found"
        case callbacksSent = "callbacks_sent"
        case callbacksDelivered = "callbacks_delivered"
        case filesServed = "files_served"
        case filesMissing = "files_missing"
        case neverPolled = "never_polled"
        case creditsLeft = "credits_left"
        case simulatedSeconds = "simulated_seconds"
    }
}
