internal import Domain
public import Postgres

/// The monthly partitions of the access log and of the ledger, on a database that Daybook made.
public struct MonthlyPartitions: Sendable {
    public init() {}

    /// Makes what is missing, month by month, and gives the names; with it what waits in the default partition.
    ///
    /// Throws ``StoppedRun`` where it ends after it has made some.
    public func ensure(
        _ connection: Connection
    ) async throws -> (made: [String], waiting: [AccessLogPartitions.Waiting]) {
        let connection = try await connection.direct(for: "The making of partitions")
        let before = try await connection.run { try Self.names($0) }
        do {
            let (accesses, ledger) = (AccessLogPartitions(), LedgerPartitions())
            let made = try await accesses.ensure(connection.connection) + ledger.ensure(connection.connection)
            return (made, try await accesses.waiting(connection.connection))
        } catch {
            throw await Self.ending(error, before, connection)
        }
    }

    private static func ending(
        _ error: any Error, _ before: [String], _ connection: DirectConnection
    ) async -> any Error {
        let isInterruption = RunEnding.isInterruption(error)
        guard let after = try? await Aftermath.ask(connection, { try names($0) }) else {
            return StoppedRun(
                isInterruption ? .interruption : .failure(error),
                standing: "Which partitions were made could not be asked; the missing ones are made by: daybook "
                    + "database partitions")
        }
        let made = after.filter { !before.contains($0) }
        let what = made.isEmpty ? "No partition was made" : "Made before that: " + made.joined(separator: ", ")
        return StoppedRun(
            isInterruption ? .interruption : .failure(Aftermath.settled(error)),
            standing: what + ". Those that are missing are made by: daybook database partitions")
    }

    private static func names(_ session: Session) throws -> [String] {
        try session.query(
            """
            SELECT c.relname::text AS name FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
            WHERE i.inhparent IN (to_regclass('public.video_external_access_log'), to_regclass('public.credit_ledger'))
            ORDER BY c.relname COLLATE "C"
            """
        ).map { try $0.text("name") }
    }
}
