internal import Codecs
internal import Domain
internal import Foundation
internal import Postgres

/// `manifest.json` of an archive: what its files hold, so that `psql` alone can put them back.
struct ArchiveManifest: Codable, Sendable {
    struct Segment: Codable, Sendable {
        let segment: Int64
        let dataClass: String
        let relation: String
        let fileName: String
        let columns: [String]
        let rows: Int64
        let sizeBytes: Int64
        let sha256: String
        let csvSha256: String
    }

    let run: Int64
    let asOf: String
    let cipher: String?
    let format: String
    let segments: [Segment]

    /// Reads what was recorded of a run.
    init(_ run: PurgeRun, _ session: Session) throws {
        self.run = run.id
        asOf = run.terms.asOf.description
        cipher = run.isEncrypted ? "AES-256-GCM" : nil
        format = "CSV as PostgreSQL's COPY writes it, without a header, compressed by gzip"
        segments = try Self.segments(run.id, session)
    }

    static func segments(_ run: Int64, _ session: Session) throws -> [Segment] {
        let rows = try session.query(
            """
            SELECT segment, data_class, relation, file_name, column_names, row_count, size_bytes, sha256, csv_sha256
            FROM daybook.purge_segment WHERE run_id = $1 ORDER BY segment
            """, [.int(run)])
        return try rows.map { row in
            Segment(
                segment: try row.int("segment"), dataClass: try row.text("data_class"),
                relation: try row.text("relation"), fileName: try row.text("file_name"),
                columns: try row.texts("column_names"), rows: try row.int("row_count"),
                sizeBytes: try row.int("size_bytes"), sha256: try row.text("sha256"),
                csvSha256: try row.text("csv_sha256"))
        }
    }

    /// Writes the manifest and gives its digest.
    func write(to folder: ArchiveFolder) throws -> String {
        let bytes = try CanonicalJSON.encode(self)
        try ArchiveFolder.write(bytes, to: folder.manifest)
        return SHA256Digest.hex(bytes)
    }

    /// Reads a manifest and the digest of its bytes.
    static func read(_ path: String) throws -> (manifest: ArchiveManifest, sha256: String) {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw DaybookError.usage("There is no manifest \(path).")
        }
        do {
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            let manifest = try decoder.decode(ArchiveManifest.self, from: data)
            // Its files lie beside it: a name is never a path.
            guard manifest.segments.allSatisfy({ !$0.fileName.utf8.contains(0x2F) && !$0.fileName.utf8.contains(0) })
            else { throw DaybookError.badData("It names a path.") }
            return (manifest, SHA256Digest.hex(Array(data)))
        } catch {
            throw DaybookError.badData("\(path) is not the manifest of an archive.")
        }
    }
}
