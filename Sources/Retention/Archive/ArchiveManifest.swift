internal import Codecs
import Documents
internal import Domain
import Formats
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
            let manifest = try CanonicalJSON.decode(ArchiveManifest.self, from: data)
            // Its files lie beside it: a name is never a path.
            guard manifest.segments.allSatisfy({ !$0.fileName.utf8.contains(0x2F) && !$0.fileName.utf8.contains(0) })
            else { throw DaybookError.badData("It names a path.") }
            return (manifest, SHA256Digest.hex(Array(data)))
        } catch {
            throw DaybookError.badData("\(path) is not the manifest of an archive.")
        }
    }
}

/// One piece of an archive while it is written: CSV, compressed, encrypted where there is a key, digested, on disk
/// before its rows are gone.
final class SegmentWriter {
    /// What was written.
    struct Finished: Sendable {
        let sizeBytes: Int64
        let sha256: String
        let csvSHA256: String
    }

    /// What every encrypted file begins with; the nonce follows.
    static let mark: [UInt8] = Array("DAYBOOK1".utf8)

    private let path: String
    private let key: [UInt8]?
    /// Nil until the first byte: a transaction that takes nothing leaves no file.
    private var sink: FileSink?
    private var cipher: AuthenticatedCipher?
    private let compressor = Compressor.compressing()
    private let csvDigest = SHA256Digest()
    /// Rows that are not compressed yet: a row at a time would cost more than the compression itself, and many at once
    /// would keep others from the processor.
    private var pending: [UInt8] = []
    private static let pendingBytes = 1 << 13

    init(path: String, key: [UInt8]?) {
        self.path = path
        self.key = key
    }

    var isEmpty: Bool { sink == nil }

    func write(_ bytes: UnsafeRawBufferPointer) throws {
        _ = try openSink()
        pending.append(contentsOf: bytes)
        if pending.count >= Self.pendingBytes { try flush(isLast: false) }
    }

    private func flush(isLast: Bool) throws {
        let sink = try openSink()
        csvDigest.update(pending)
        let compressed = try pending.withUnsafeBytes { bytes throws(Compressor.Damage) in
            try compressor.update(bytes, isLast: isLast)
        }
        pending.removeAll(keepingCapacity: true)
        try put(compressed, to: sink)
    }

    /// Waits for the disk: the file, and its name in the folder.
    func finish() throws -> Finished {
        let sink = try openSink()
        try flush(isLast: true)
        if let cipher { try sink.write(cipher.seal()) }
        let file = try sink.finish()
        try ArchiveFolder.synchronise(parts.folder)
        return Finished(sizeBytes: file.size, sha256: file.sha256, csvSHA256: csvDigest.finish())
    }

    /// Removes what was written.
    func discard() {
        guard sink != nil else { return }
        _ = try? Folder(parts.folder).removeFile(parts.name)
    }

    private var parts: (folder: String, name: String) { Folder.parts(of: path) }

    private func openSink() throws -> FileSink {
        if let sink { return sink }
        let opened = try FileSink(in: try Folder(parts.folder, isFixed: true), name: parts.name, isFixed: true)
        if let key {
            var generator = SystemRandomNumberGenerator()
            let nonce = (0..<AuthenticatedCipher.nonceLength).map { _ in UInt8.random(in: 0...255, using: &generator) }
            cipher = .sealing(key: key, nonce: nonce)
            try opened.write(Self.mark + nonce)
        }
        sink = opened
        return opened
    }

    private func put(_ bytes: [UInt8], to sink: FileSink) throws {
        guard !bytes.isEmpty else { return }
        try sink.write(cipher?.update(bytes) ?? bytes)
    }
}

/// Reads a piece of an archive back.
struct SegmentReader {
    private static let chunk = 1 << 18

    let path: String
    let key: [UInt8]?

    /// SHA-256 of the file as it lies there; nil if it cannot be read.
    var sha256: String? {
        guard let file = FileHandle(forReadingAtPath: path) else { return nil }
        defer { try? file.close() }
        let digest = SHA256Digest()
        while let data = try? file.read(upToCount: Self.chunk), !data.isEmpty { digest.update(Array(data)) }
        return digest.finish()
    }

    /// Hands over the CSV piece by piece. Throws `badData` for a file that is not what was written, `configuration`
    /// where a key is missing or is not the right one.
    func read(_ body: ([UInt8]) throws -> Void) throws {
        guard let file = FileHandle(forReadingAtPath: path), let size = try? file.seekToEnd() else {
            throw DaybookError.badData("The archived file \(path) cannot be read.")
        }
        defer { try? file.close() }
        try file.seek(toOffset: 0)
        let head = SegmentWriter.mark.count + AuthenticatedCipher.nonceLength
        let start = Array(try file.read(upToCount: head) ?? Data())
        let isEncrypted = start.starts(with: SegmentWriter.mark)
        var cipher: AuthenticatedCipher?
        var rest = Int(size)
        if isEncrypted {
            guard let key else {
                throw DaybookError.configuration("\(path) is encrypted; name the file of its key with --key-file.")
            }
            cipher = .opening(key: key, nonce: Array(start[SegmentWriter.mark.count...]))
            rest -= head + AuthenticatedCipher.tagLength
        } else {
            try file.seek(toOffset: 0)
        }
        guard rest >= 0 else { throw DaybookError.badData("\(path) is cut short.") }
        let compressor = Compressor.decompressing()
        while rest > 0 {
            guard let data = try file.read(upToCount: min(Self.chunk, rest)), !data.isEmpty else { break }
            rest -= data.count
            let plain = cipher?.update(Array(data)) ?? Array(data)
            // A wrong key gives noise: say so, and not that the file is damaged.
            guard cipher == nil || plain.count < 2 || compressor.hasBegun || plain.starts(with: [0x1F, 0x8B]) else {
                throw DaybookError.configuration("The key does not fit \(path).")
            }
            let csv: [UInt8]
            do {
                csv = try plain.withUnsafeBytes { bytes throws(Compressor.Damage) in try compressor.update(bytes) }
            } catch {
                throw DaybookError.badData("An archived file is damaged: it is not gzip's format.")
            }
            if !csv.isEmpty { try body(csv) }
        }
        if let cipher {
            let tag = Array(try file.read(upToCount: AuthenticatedCipher.tagLength) ?? Data())
            guard tag.count == AuthenticatedCipher.tagLength, cipher.isAuthentic(tag: tag) else {
                throw DaybookError.badData("\(path) was altered, or the key does not fit it.")
            }
        }
        guard compressor.hasEnded else { throw DaybookError.badData("\(path) is cut short.") }
    }
}
