internal import Domain
public import Postgres
public import Reporting

/// The head of the chain of certificates, as a run leaves it.
public enum CertificateHead {
    /// Reads it, also where the task was cancelled: a run that has done its work says where the chain stands.
    public static func read(_ connection: Connection) async throws -> ChainHead {
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
