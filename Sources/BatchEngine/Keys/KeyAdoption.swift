import Domain
public import Postgres

/// Takes over the keys that an application keeps in clear: each goes on working by its digest, and its text is gone.
public struct KeyAdoption {
    /// What became of a key.
    public enum Outcome: Sendable, Hashable {
        case adopted
        /// It was switched off before: it is kept as one that was revoked.
        case adoptedRevoked
        /// The application's table does not take what would stand in the key's place.
        case refused(String)
    }

    /// A key of the application.
    public struct Line: Sendable, Hashable {
        public let keyID: String
        public let userID: String
        public let account: String?
        public let prefix: String
        public let name: String
        /// True where the key is so short that its digest could be guessed.
        public let isWeak: Bool
        public let outcome: Outcome
    }

    private let isTrial: Bool

    public init(isTrial: Bool) {
        self.isTrial = isTrial
    }

    /// Each key in a transaction of its own, so that one that cannot be taken keeps no other; a trial undoes each.
    public func run(_ connection: Connection) async throws -> [Line] {
        let keys = try await connection.transaction(.snapshot) { session in
            try EngineSchema.require(session)
            return try session.query(
                """
                SELECT e.id, e.user_id, a.slug, e.api_key::text AS api_key, coalesce(e.name::text, '') AS name,
                    e.is_active
                FROM public.enterprise_api_keys AS e LEFT JOIN daybook.account AS a ON a.user_id = e.user_id
                WHERE NOT EXISTS (
                    SELECT FROM daybook.api_key AS k WHERE k.user_id = e.user_id AND k.key_id = e.id)
                ORDER BY e.user_id, e.created_at, e.id
                """)
        }
        var lines: [Line] = []
        for row in keys {
            if let line = try await adopt(row, connection) { lines.append(line) }
        }
        return lines.inNaturalOrder { $0.account ?? "" }
    }

    /// Nil where somebody else took it meanwhile.
    private func adopt(_ row: Row, _ connection: Connection) async throws -> Line? {
        let (keyID, userID) = (try row.uuid("id"), try row.uuid("user_id"))
        let (text, isActive) = (try row.text("api_key"), try row.bool("is_active"))
        let prefix = Self.prefix(of: text)
        var outcome: Outcome = isActive ? .adopted : .adoptedRevoked
        do {
            let isTaken = try await connection.transaction { [isTrial] session in
                let isTaken = try session.query(
                    "SELECT daybook.adopt_key($1, $2, $3, $4, $5::integer)",
                    [
                        .uuid(userID), .uuid(keyID), .text(prefix), .bytes(APIKey.digest(of: text)),
                        Value(Limits.batchItems),
                    ])[0].bool(0)
                if isTrial { throw Trial(isTaken: isTaken) }
                return isTaken
            }
            guard isTaken else { return nil }
        } catch let trial as Trial {
            guard trial.isTaken else { return nil }
        } catch let error as PostgresError where ["22", "23"].contains(error.sqlState?.category) {
            // Never the server's detail, which has the row.
            outcome = .refused(error.constraint.map { "its constraint \($0)" } ?? "its column api_key")
        }
        return Line(
            keyID: keyID, userID: userID, account: try row.optionalText("slug"), prefix: prefix,
            name: try row.text("name"), isWeak: text.count < Limits.strongKeyLength, outcome: outcome)
    }

    /// The beginning by which people tell keys apart: never more than a quarter of it.
    static func prefix(of text: String) -> String { String(text.prefix(min(6, text.count / 4))) }

    /// Ends the transaction of a trial.
    private struct Trial: Error {
        let isTaken: Bool
    }
}
