import Domain
import Postgres

/// Copies of videos, in sets as all that a worker records. The functions are those of migration 62.
extension WorkQueue {
    /// What a copy needs, as the database has it.
    struct CopyRecord: Sendable, Hashable {
        let taskID: String
        let url: String
        let attempts: Int64
        let secondsLeft: Int64

        fileprivate init(_ row: Row) throws {
            taskID = try row.uuid("task_id")
            url = try row.optionalText("source_url") ?? ""
            attempts = try row.int("attempts")
            secondsLeft = try row.int("seconds_left")
        }
    }

    /// A copy that has ended: with a video that lies in the store, or with the failure that its task ends with.
    struct EndedCopy: Sendable, Hashable {
        let task: AcceptedTask
        let ending: TaskEnding
        /// Nil where it was given up.
        let video: StoredVideo?
    }

    /// The videos of these tasks were found, at the addresses of their endings: gives what is to be copied of them.
    func beginCopies(_ found: [FoundEnding], by worker: Int64) throws -> [CopyRecord] {
        try rowsAtOnce(
            "SELECT * FROM daybook.begin_copies($1, $2, $3, $4, $5, $6)",
            [
                .int(worker), .uuids(found.map(\.task.userID)), .uuids(found.map(\.task.taskID)),
                .texts(found.map(\.task.providerTaskID)), .texts(found.map { $0.ending.videoURL ?? "" }),
                .int(Limits.copySeconds),
            ]
        ).map(CopyRecord.init)
    }

    /// What was being copied of these tasks.
    func copies(of tasks: [AcceptedTask]) throws -> [CopyRecord] {
        guard !tasks.isEmpty else { return [] }
        return try rows(
            "SELECT * FROM daybook.copies_under_way($1, $2)",
            [.uuids(tasks.map(\.userID)), .uuids(tasks.map(\.taskID))]
        ).map(CopyRecord.init)
    }

    /// A try failed; the next one looks under the copy's address.
    func noteFailure(of copy: VideoCopy, _ remark: String, by worker: Int64) throws {
        _ = try rowsAtOnce(
            "SELECT daybook.note_copy_failure($1, $2, $3, $4, $5, $6)::text",
            [
                .int(worker), .uuid(copy.task.userID), .uuid(copy.task.taskID), .text(copy.task.providerTaskID),
                .text(copy.url), .text(remark),
            ])
    }

    /// Ends the tasks of copies that have ended, and settles the batches whose last ones they were.
    func end(_ copies: [EndedCopy], by worker: Int64) throws -> Set<String> {
        let ended = try rowsAtOnce(
            "SELECT daybook.end_copied($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) AS task_id",
            [
                .int(worker), .uuids(copies.map(\.task.userID)), .uuids(copies.map(\.task.batchID)),
                .uuids(copies.map(\.task.taskID)),
            ] + Self.columns(copies.map(\.ending)) + [
                .texts(copies.map(\.task.providerTaskID)),
                .array(copies.map { $0.video.map { .bytes($0.digest) } ?? .null }, of: .bytea),
                .array(copies.map { $0.video.map { .int($0.sizeBytes) } ?? .null }, of: .int8),
                .array(copies.map { $0.video.map { .text($0.contentType) } ?? .null }, of: .text),
            ])
        return try Set(ended.map { try $0.uuid("task_id") })
    }
}
