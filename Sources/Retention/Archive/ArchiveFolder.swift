internal import Codecs
import Documents
internal import Domain
import Formats
internal import Foundation
internal import Postgres

/// The folder of one run's archive.
struct ArchiveFolder: Sendable {
    let path: String

    init(place: ArchivePlace, run: Int64) {
        path = Self.path(in: place.folder, run: run)
    }

    init(path: String) {
        self.path = path
    }

    static func path(in folder: String, run: Int64) -> String { "\(folder)/run-\(padded(run, 6))" }

    static func padded(_ number: Int64, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(width - digits.count, 0)) + digits
    }

    var manifest: String { path + "/manifest.json" }

    func file(_ name: String) -> String { path + "/" + name }

    static func segmentName(_ number: Int64, _ dataClass: String, isEncrypted: Bool) -> String {
        "\(padded(number, 6))-\(dataClass).csv.gz" + (isEncrypted ? ".enc" : "")
    }

    /// Makes the folder. Throws `output` where it cannot be made or written.
    func make() throws(DaybookError) {
        do {
            _ = try Folder(making: path, mode: .ownerOnly)
        } catch {
            throw .output("The archive folder \(path) cannot be made; \(Self.elsewhere)", Self.there)
        }
        guard access(path, W_OK) == 0 else {
            throw .output("The archive folder \(path) cannot be written; \(Self.elsewhere)", Self.there)
        }
        try Self.synchronise(Folder.parts(of: path).folder)
    }

    /// Makes the folder of a run that begins. Throws `output` where there is one already: another database counts its
    /// runs from 1 too, and its archive is not ours to write to.
    func makeNew() throws(DaybookError) {
        guard mkdir(path, 0o700) == 0 else {
            throw .output(
                errno == EEXIST
                    ? "The archive folder \(path) is there already, of another database or of a copy of this one; "
                        + "nothing was purged. Name another place with "
                    : "The archive folder \(path) cannot be made; \(Self.elsewhere)", Self.there)
        }
        try make()
    }

    private static let elsewhere = "nothing was purged. Name another with "
    private static let there = Advice.choose(.archiveFolder).then(".")

    /// Throws `configuration` where a file that was recorded is not here, or the key is another than the files'.
    func requireWhole(_ recorded: Set<String>, key: [UInt8]?) throws {
        for name in recorded.sorted() where !FileManager.default.fileExists(atPath: file(name)) {
            throw DaybookError.configuration(
                "The archived file \(file(name)) is not here; nothing was purged. Continue the purge where it was "
                    + "begun.")
        }
        if key != nil, let first = recorded.min() { try SegmentReader(path: file(first), key: key).read { _ in } }
    }

    /// Removes segments that no transaction recorded: what they hold is still in its table.
    func removeUnrecorded(_ recorded: Set<String>) {
        let (above, own) = Folder.parts(of: path)
        guard let folder = try? Folder(above).ownFolder(own) else { return }
        for name in folder.names() ?? [] where ArchiveRemoval.isSegment(name) && !recorded.contains(name) {
            folder.removeFile(name)
        }
    }

    /// Runs a COPY into the next segment and records it. The file goes away again if anything fails before the COMMIT.
    func archive(
        _ sql: String, columns: [String], dataClass: String, relation: String, run: PurgeRun, key: [UInt8]?,
        _ session: Session
    ) throws -> Int64 {
        let next = try session.query(
            "SELECT coalesce(max(segment), 0) + 1 AS number FROM daybook.purge_segment WHERE run_id = $1",
            [.int(run.id)])[0].int("number")
        let name = Self.segmentName(next, dataClass, isEncrypted: run.isEncrypted)
        let writer = SegmentWriter(path: file(name), key: key)
        do {
            let rows = try session.copyOut("COPY (\(sql)) TO STDOUT (FORMAT csv)") { try writer.write($0) }
            guard !writer.isEmpty else { return 0 }
            let finished = try writer.finish()
            _ = try session.execute(
                """
                INSERT INTO daybook.purge_segment (run_id, segment, data_class, relation, file_name, column_names,
                    row_count, size_bytes, sha256, csv_sha256)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
                """,
                [
                    .int(run.id), .int(next), .text(dataClass), .text(relation), .text(name), .texts(columns),
                    .int(Int64(rows)), .int(finished.sizeBytes), .text(finished.sha256), .text(finished.csvSHA256),
                ])
            return Int64(rows)
        } catch {
            writer.discard()
            throw error
        }
    }

    /// Waits until the folder's entries are on disk.
    static func synchronise(_ path: String) throws(DaybookError) { try Folder(path, isFixed: true).synchronise() }

    /// Writes a file so that it appears whole, and waits for the disk.
    static func write(_ bytes: [UInt8], to path: String, mode: OutputMode = .ownerOnly) throws {
        let (above, name) = Folder.parts(of: path)
        let hidden = ".daybook-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        let folder = try Folder(above, isFixed: true)
        do {
            let sink = try FileSink(in: folder, name: hidden, mode: mode)
            try sink.write(bytes)
            _ = try sink.finish()
            try folder.rename(hidden, to: name)
        } catch {
            folder.removeFile(hidden)
            throw DaybookError.output("Cannot write \(path): free some space, or name another folder.")
        }
        try folder.synchronise()
    }
}

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
