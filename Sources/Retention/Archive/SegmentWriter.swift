internal import Codecs
internal import Domain
internal import Foundation
internal import Reporting

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
