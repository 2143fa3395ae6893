import Domain
import Postgres

/// What a worker sees when it gives its sign of life: what there is to do, without doing any of it.
struct Outlook: Sendable, Hashable {
    /// What the sweeps are for.
    enum Chore: String, Sendable, Hashable, CaseIterable {
        /// Workers that are silent, or whose rows are old.
        case bury
        /// Accepted tasks that nobody polls.
        case adopt
        /// Work that waited too long.
        case overdue
        /// Failures to give back, and batches that nothing keeps open.
        case flush
        /// Bonus that has expired.
        case expire
        /// Ids that somebody named.
        case hints
    }

    /// Models of which something can be claimed now, as far as the list of turns and the gate say.
    var ready: [VideoModel] = []
    /// Engine milliseconds until somebody's next turn, nil where nobody waits for one.
    var readyInMilliseconds: Int64?
    var chores: Set<Chore> = []
    /// Workers that live.
    var live: Int64 = 1

    /// True where there is nothing to do, now or soon.
    var isQuiet: Bool { ready.isEmpty && readyInMilliseconds == nil && chores.isEmpty }
}

/// When a worker looks what there is to do, and when it only gives its sign of life.
///
/// Where there is something it looks every time. Where there is not, a few of all look at each instant: who is told
/// of new work looks at once.
struct Looks {
    /// Of all workers, those that look at once.
    private static let together: Int64 = 4
    /// Signs of life from one look to the next on the average, at most: what nobody is told of is seen by then.
    private static let longest: Int64 = 5

    /// Signs of life before the next look.
    private var rests: Int64 = 0

    /// True where it is time to look; counts a sign of life.
    mutating func isDue() -> Bool {
        guard rests > 0 else { return true }
        rests -= 1
        return false
    }

    mutating func saw(_ outlook: Outlook, using random: inout some RandomNumberGenerator) {
        let period = min(max(outlook.live / Self.together, 1), Self.longest)
        rests = outlook.isQuiet ? Int64.random(in: 0...2 * (period - 1), using: &random) : 0
    }

    /// There is something to do.
    mutating func hear() { rests = 0 }
}

extension WorkQueue {
    /// The channel on which who makes work ready says so.
    static let readyChannel = "daybook_ready"
    /// The channel on which who receives callbacks says what to ask for: ids of the provider, a line each.
    static let askChannel = "daybook_ask"

    /// Says that the worker lives, and looks what there is to do: one statement, in a transaction of its own. The
    /// session should not wait for the disk. Throws ``EngineFault`` `fenced` where the worker was declared dead.
    func look(_ worker: Int64, silenceMilliseconds: Int64) throws -> Outlook {
        let rows = try rowsAtOnce(
            "SELECT ready, ready_in_ms, chores, live FROM daybook.look($1, $2, $3)",
            [.int(worker), .int(silenceMilliseconds), .int(Self.flushSeconds)])
        return Outlook(
            ready: try rows[0].texts("ready").compactMap(VideoModel.init(rawValue:)),
            readyInMilliseconds: try rows[0].optionalInt("ready_in_ms"),
            chores: Set(try rows[0].texts("chores").compactMap(Outlook.Chore.init(rawValue:))),
            live: try rows[0].int("live"))
    }
}
