import Postgres

/// Leave of one worker to end tasks: its row is locked against being declared dead until the transaction ends.
///
/// Only ``WorkQueue/fence(_:)`` makes one. It is of no use to another transaction, and must not leave its own.
public struct WorkerFence {
    fileprivate init() {}
}

/// The life of workers, and what any of them does for all.
extension WorkQueue {
    /// A fresh incarnation: its number never comes back.
    public func register(host: String, processID: Int32) throws -> Int64 {
        try rows("SELECT daybook.register_worker($1, $2::integer) AS id", [.text(host), .int(Int64(processID))])[0]
            .int("id")
    }

    /// Says that the worker lives.
    public func heartbeat(_ worker: Int64) throws {
        _ = try rows("SELECT daybook.heartbeat($1)::text", [.int(worker)])
    }

    /// Locks the worker's row against being declared dead until the transaction ends. Throws ``EngineFault`` `fenced`
    /// where that has happened.
    public func fence(_ worker: Int64) throws -> WorkerFence {
        _ = try rows("SELECT daybook.hold_worker($1)::text", [.int(worker)])
        return WorkerFence()
    }

    /// The worker goes: what it was sending is unknown, what the provider took is for others to poll.
    public func leave(_ worker: Int64) throws {
        _ = try rows("SELECT daybook.leave($1, 'stopped')::text", [.int(worker)])
    }

    /// Declares workers dead that have been silent for so long, and says which.
    public func bury(silenceMilliseconds: Int64) throws -> [Int64] {
        try rows(
            "SELECT daybook.bury($1 * interval '1 millisecond') AS workers", [.int(silenceMilliseconds)])[0]
            .ints("workers")
    }

    /// Refunds failures of one batch that still runs, or settles it; false once there is none.
    public func flush(ageSeconds: Int64) throws -> Bool {
        try rows("SELECT daybook.flush($1 * interval '1 second') AS did", [.int(ageSeconds)])[0].bool("did")
    }

    /// Takes out one customer's expired bonus; false once there is none.
    public func expireCredit() throws -> Bool {
        try rows("SELECT daybook.expire_credit() AS did", [])[0].bool("did")
    }
}
