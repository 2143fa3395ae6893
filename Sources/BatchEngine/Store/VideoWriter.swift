import Codecs
import Formats
import Foundation

/// One copy under way: a file under a name of its own until it is whole, and its digest as it grows.
///
/// Unchecked: the one task that copies calls one method after the other.
final class VideoWriter: @unchecked Sendable {
    private let folder: String
    private let unfinished: String
    private let descriptor: Int32
    private let digest = SHA256Digest()
    private(set) var sizeBytes: Int64 = 0
    private var isFinished = false

    /// Throws ``VideoFault``.
    init(in folder: String) throws {
        self.folder = folder
        unfinished = "\(folder)/\(UUID().uuidString.lowercased())\(VideoFolder.unfinished)"
        descriptor = open(unfinished, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw VideoFolder.fault(folder) }
    }

    deinit {
        close(descriptor)
        if !isFinished { unlink(unfinished) }
    }

    /// Throws ``VideoFault`` where the disk refuses it, or where it would be too large.
    func append(_ bytes: [UInt8], atMost limit: Int64) throws {
        guard sizeBytes + Int64(bytes.count) <= limit else { throw VideoFault.tooLarge }
        try bytes.withUnsafeBytes { buffer in
            digest.update(buffer)
            var rest = buffer[...]
            while !rest.isEmpty {
                let written = UnsafeRawBufferPointer(rebasing: rest).withMemoryRebound(to: UInt8.self) {
                    write(descriptor, $0.baseAddress, $0.count)
                }
                if written < 0, errno == EINTR { continue }
                guard written > 0 else { throw VideoFolder.fault(folder) }
                rest = rest.dropFirst(written)
            }
        }
        sizeBytes += Int64(bytes.count)
    }

    /// Makes it a file of the store, which survives a failure of power. Call it once. Throws ``VideoFault``.
    func finish(_ contentType: String) throws -> StoredVideo {
        let bytes = digest.finishBytes()
        guard fsync(descriptor) == 0, rename(unfinished, "\(folder)/\(Hexadecimal.text(bytes))") == 0 else {
            throw VideoFolder.fault(folder)
        }
        isFinished = true
        guard VideoFolder.synchronise(folder) else { throw VideoFolder.fault(folder) }
        return StoredVideo(digest: bytes, sizeBytes: sizeBytes, contentType: contentType)
    }
}
