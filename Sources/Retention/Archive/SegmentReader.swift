internal import Codecs
internal import Domain
internal import Foundation

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
