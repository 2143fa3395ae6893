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
            return try session.query(
                "SELECT name FROM daybook.divide_ledger($1::bigint::integer) AS name ORDER BY name",
                [.int(Int64(Limits.partitionMonths))]
            ).map { try $0.text("name") }
        }
    }
}
