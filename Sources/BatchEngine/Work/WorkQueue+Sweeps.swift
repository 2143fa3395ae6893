import Postgres

extension WorkQueue {
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

    /// Ends work that waited too long, of one batch; zero once there is none.
    public func endOverdue(limit: Int) throws -> Int64 {
        try rows("SELECT daybook.end_overdue($1::integer) AS ended", [.int(Int64(limit))])[0].int("ended")
    }

    /// Refunds failures of one batch that still runs, or settles it; false once there is none.
    public func flush(ageSeconds: Int64) throws -> Bool {
        try rows("SELECT daybook.flush($1 * interval '1 second') AS did", [.int(ageSeconds)])[0].bool("did")
    }

    /// Takes out one customer's expired bonus; false once there is none.
    public func expireCredit() throws -> Bool {
        try rows("SELECT daybook.expire_credit() AS did", [])[0].bool("did")
    }

    /// The provider did render a task that had been given up.
    public func noteLateSuccess(_ task: AcceptedTask) throws {
        _ = try rows("SELECT daybook.note_late_success($1, $2)::text", [.uuid(task.userID), .uuid(task.taskID)])
    }
}
