internal import Digests
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
    ///
    /// - Parameter tell: Told of certificates whose folder cannot be reached from here.
    public func run(
        _ connection: Connection, tell: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws -> (runs: [Int64], files: [String]) {
        let shelf = CertificateShelf(templates)
        // First what an earlier call could not write any more.
        var files = try await connection.transaction { session in
            try RetentionSession.prepare(session)
            try RetentionSession.requireTables(session)
            return try shelf.publishMissing(session, tell: tell)
        }
        let due = try await connection.transaction { session in
            try RetentionSession.prepare(session)
            try CertificateShelf.requirePlace(in: certificates, session)
            return try session.query(
                """
                SELECT run_id, archive_folder, archive_state = 'expiring' AS was_begun, manifest_sha256
                FROM daybook.purge_run
                WHERE (archive_state = 'kept' AND state = 'finished' AND archive_expires_at <= clock_timestamp())
                    OR archive_state = 'expiring'
                ORDER BY run_id
                """
            ).map { row in
                Expired(
                    run: try row.int("run_id"), folder: try row.text("archive_folder"),
                    wasBegun: try row.bool("was_begun"), manifestDigest: try row.optionalText("manifest_sha256"))
            }
        }
        var issued: [Certifying.Issued] = []
        for expired in due {
            try expired.requireThere()
            let run = expired.run
            try await connection.transaction { session in
                // Said before it is done: whoever verifies meanwhile misses nothing that is being destroyed.
                _ = try session.execute(
                    """
                    UPDATE daybook.purge_run SET archive_state = 'expiring'
                    WHERE run_id = $1 AND archive_state = 'kept'
                    """, [.int(run)])
            }
            try expired.remove()
            issued += try await connection.transaction { session in
                try RetentionSession.prepare(session)
                let isOurs = try session.execute(
                    """
                    UPDATE daybook.purge_run SET archive_state = 'destroyed'
                    WHERE run_id = $1 AND archive_state = 'expiring'
                    """, [.int(run)])
                guard isOurs == 1 else { return [] }
                return [
                    try Certifying.issue(
                        "archive_expiry", run: run, programVersion, host, folder: certificates, session)
                ]
            }
        }
        files += try await connection.run { try shelf.publishMissing($0, tell: tell) }
        try shelf.requireThere(issued, in: certificates, of: "Archives were destroyed")
        return (due.map(\.run), files)
    }

    /// An archive whose time is over.
    private struct Expired: Sendable {
        let run: Int64
        let folder: String
        /// True where an earlier call began to remove it.
        let wasBegun: Bool
        let manifestDigest: String?

        private var path: String { ArchiveFolder.path(in: folder, run: run) }

        /// Throws `output` unless it is certain that what lies here is this archive: one that cannot be seen from here
        /// is not destroyed.
        func requireThere() throws {
            let manifest = FileManager.default.contents(atPath: ArchiveFolder(path: path).manifest)
            if let manifest, SHA256Digest.hex(Array(manifest)) == manifestDigest { return }
            // The manifest may have gone first.
            if wasBegun, manifest == nil, access(folder, R_OK | X_OK) == 0 { return }
            throw DaybookError.output(
                "The archive of purge \(run) is not in \(path), or cannot be read there; nothing was destroyed or "
                    + "certified about it. Run this where the archive is, as a user who may remove it.")
        }

        func remove() throws {
            guard FileManager.default.fileExists(atPath: path) else { return }
            do {
                try FileManager.default.removeItem(atPath: path)
                try ArchiveFolder.synchronise(folder)
            } catch {
                throw DaybookError.output("The archive \(path) cannot be removed; nothing was certified about it.")
            }
        }
    }
}
