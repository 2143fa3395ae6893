import Postgres

extension WorkQueue {
    /// What a callback says: a submission, by its nonce, and the provider's id of it.
    public struct Callback: Sendable, Hashable {
        public let userID: String
        public let nonce: [UInt8]
        public let providerTaskID: String

        public init(userID: String, nonce: [UInt8], providerTaskID: String) {
            self.userID = userID
            self.nonce = nonce
            self.providerTaskID = providerTaskID
        }
    }

    /// Takes in callbacks, whoever sent them: one question for all, and a transaction of its own for each that tells
    /// of a submission whose answer is wanted. Gives those that were news. Run it outside of a transaction.
    public func hear(_ callbacks: Set<Callback>) throws -> Set<Callback> {
        let list = Array(callbacks)
        let wanted = try rows(
            """
            SELECT c.number FROM unnest($1::uuid[], $2::bytea[]) WITH ORDINALITY AS c (user_id, nonce, number)
            JOIN daybook.submission AS s ON s.user_id = c.user_id AND s.nonce = c.nonce
            WHERE s.outcome IN ('intent', 'unknown') OR (s.outcome = 'abandoned' AND s.provider_task_id IS NULL)
            ORDER BY c.number
            """, [.uuids(list.map(\.userID)), .array(list.map { .bytes($0.nonce) }, of: .bytea)])
        var news: Set<Callback> = []
        for row in wanted {
            let callback = list[Int(try row.int("number")) - 1]
            let isNews = try session.transaction {
                try accept(callback.userID, callback.nonce, as: callback.providerTaskID, by: nil)
            }
            if isNews { news.insert(callback) }
        }
        return news
    }
}
