internal import Domain
internal import Foundation
public import Postgres
public import Reporting

/// Destroys the archives whose time is over, and certifies that.
public struct ArchiveExpiry: Sendable {
    private let templates: TemplateSet
    private let certificates: String
    private let programVersion: String
    private let host: String

    public init(templates: TemplateSet, certificates: String, programVersion: String, host: String) {
        self.templates = templates
        self.certificates = certificates
        self.programVersion = programVersion
        self.host = host
    }

    /// Destroys what is due for it and gives the numbers of the runs. An interrupted call is completed by the next.
    public func run(_ connection: Connection) async throws -> (runs: [Int64], files: [String]) {
        let due = try await connection.transaction { session in
            try RetentionSession.prepare(session)
            try RetentionSession.requireTables(session)
            // Said before it is done: whoever verifies meanwhile misses nothing that is being destroyed.
            return try session.query(
                """
                UPDATE daybook.purge_run SET archive_state = 'expiring'
                WHERE (archive_state = 'kept' AND state = 'finished' AND archive_expires_at <= clock_timestamp())
                    OR archive_state = 'expiring'
                RETURNING run_id, archive_folder
                """
            ).map { (run: try $0.int("run_id"), folder: try $0.text("archive_folder")) }
        }.sorted { $0.run < $1.run }
        for (run, folder) in due {
            let path = ArchiveFolder.path(in: folder, run: run)
            if FileManager.default.fileExists(atPath: path) {
                do {
                    try FileManager.default.removeItem(atPath: path)
                    try ArchiveFolder.synchronise(folder)
                } catch {
                    throw DaybookError.output("The archive \(path) cannot be removed; nothing was certified about it.")
                }
            }
            try await connection.transaction { session in
                try RetentionSession.prepare(session)
                let isOurs = try session.execute(
                    """
                    UPDATE daybook.purge_run SET archive_state = 'destroyed'
                    WHERE run_id = $1 AND archive_state = 'expiring'
                    """, [.int(run)])
                guard isOurs == 1 else { return }
                _ = try Certifying.issue(
                    "archive_expiry", run: run, programVersion, host, folder: certificates, session)
            }
        }
        let shelf = CertificateShelf(templates)
        return (due.map(\.run), try await connection.run { try shelf.publishMissing($0) })
    }
}
