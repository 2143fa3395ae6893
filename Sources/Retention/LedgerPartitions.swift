internal import Domain
public import Postgres
internal import Schema

/// Monthly partitions of a ledger that Daybook made. A deployment's table is never converted.
public struct LedgerPartitions: Sendable {
    public init() {}

    /// Makes the partitions of this month, of the months ahead, and of rows that wait in the default one, where they
    /// are missing, and gives their names.
    ///
    /// Nothing happens on a deployment. Throws `tryAgain` if the table is in use for longer than the lock timeout; an
    /// insert meanwhile goes to the default partition.
    public func ensure(_ connection: Connection) async throws -> [String] {
        let connection = try await connection.direct(for: "The making of partitions")
        return try await connection.transaction(
            TransactionOptions(lockTimeoutMilliseconds: Limits.purgeStatementMilliseconds)
        ) { session -> [String] in
            try RetentionSession.prepare(session)
            guard try Migrator.madeService(session) else { return [] }
            let known = try session.query(
                "SELECT to_regprocedure('daybook.divide_ledger(integer)') IS NOT NULL AS is_known")
            guard try known[0].bool("is_known") else { return [] }
            return try Self.divide(ahead: Limits.partitionMonths, session)
        }
    }

    /// Makes them in the session's transaction; each takes after the ledger, as PostgreSQL does not let it by itself.
    static func divide(ahead: Int, _ session: Session) throws -> [String] {
        let before = try waiting(session)
        let names = try session.query(
            "SELECT name FROM daybook.divide_ledger($1::bigint::integer) AS name ORDER BY name", [.int(Int64(ahead))]
        ).map { try $0.text("name") }
        // Where rows waited in it the default partition is another one now.
        let isReplaced = try waiting(session) != before
        let new = (names + (isReplaced ? ["credit_ledger_default"] : [])).map { "public." + $0 }
        for name in new { try PartitionLikeness.give(name, of: parent, beside: new, session) }
        return names
    }

    static let parent = "public.credit_ledger"

    private static func waiting(_ session: Session) throws -> Int64 {
        try session.query("SELECT coalesce(to_regclass($1)::oid::bigint, 0) AS id", [.text(parent + "_default")])[0]
            .int("id")
    }
}
