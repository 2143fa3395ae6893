internal import Domain
public import Postgres
public import Reporting

/// The head of the chain of certificates, as a run leaves it.
public enum CertificateHead {
    /// Reads it after a run that has done its work, also where the task was cancelled.
    ///
    /// Throws ``StoppedRun``.
    ///
    /// - Parameter standing: What the run did, in a whole sentence.
    public static func read(_ connection: Connection, after standing: String) async throws -> ChainHead {
        do {
            return try await read(connection)
        } catch {
            throw StoppedRun(.failure(error), standing: standing)
        }
    }

    static func read(_ connection: Connection) async throws -> ChainHead {
        try await Uninterrupted.reading(connection) { session in
            let row = try session.query(
                """
                SELECT coalesce((SELECT c.sha256 FROM daybook.retention_certificate AS c
                        ORDER BY c.sequence DESC LIMIT 1), $1) AS sha256,
                    (SELECT pg_catalog.count(*) FROM daybook.retention_certificate) AS number,
                    pg_catalog.clock_timestamp() AS now
                """, [.text(ChainHead.none)])[0]
            return ChainHead(
                kind: .certificate, digest: try row.text("sha256"), sequence: try row.int("number"),
                readAt: try row.instant("now"))
        }
    }
}
