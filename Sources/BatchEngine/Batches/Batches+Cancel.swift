import Postgres

extension Batches {
    /// Cancels what was not handed over, and gives its credit back as one tranche. Cancelling again changes nothing.
    ///
    /// Run it in a transaction.
    public func cancel(_ batchID: String) throws -> CancelOutcome {
        guard let before = try summary(batchID) else { return .notFound }
        if before.status == .cancelled { return .cancelled(before) }
        let refunded = try session.query(
            "SELECT daybook.cancel($1, $2)", [.uuid(userID), .uuid(batchID)])[0].optionalInt(0)
        guard let after = try summary(batchID) else { return .notFound }
        if refunded != nil { return .cancelled(after) }
        let owner = try session.query(
            "SELECT owner FROM daybook.batch WHERE user_id = $1 AND batch_id = $2", [.uuid(userID), .uuid(batchID)])
        let isOurs = try owner.first.map { try $0.text("owner") == "engine" } ?? false
        return isOurs || after.completedAt != nil ? .finished(after) : .notOurs
    }
}
