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
}

extension WorkQueue {
    /// The channel on which who makes work ready says so.
    static let readyChannel = "daybook_ready"
    /// The channel on which who receives callbacks says what to ask for: ids of the provider, a line each.
    static let askChannel = "daybook_ask"

    /// Says that the worker lives, and looks what there is to do: one statement, in a transaction of its own. The
    /// session should not wait for the disk. Throws ``EngineFault`` `fenced` where the worker was declared dead.
    func look(_ worker: Int64, silenceMilliseconds: Int64) throws -> Outlook {
        let rows: [Row]
        do {
            rows = try session.queryAlone(
                "SELECT ready, ready_in_ms, chores FROM daybook.look($1, $2, $3)",
                [.int(worker), .int(silenceMilliseconds), .int(Self.flushSeconds)])
        } catch let error as PostgresError {
            throw EngineFault(error) ?? error
        }
        return Outlook(
            ready: try rows[0].texts("ready").compactMap(VideoModel.init(rawValue:)),
            readyInMilliseconds: try rows[0].optionalInt("ready_in_ms"),
            chores: Set(try rows[0].texts("chores").compactMap(Outlook.Chore.init(rawValue:))))
    }
}
