import Codecs
import Formats
import Foundation

/// A video on its way into a store: a file that nobody is shown, and its digest as it grows.
///
/// Unchecked: the one task that copies calls one method after the other.
public final class VideoWriter: @unchecked Sendable {
    private let folder: String
    /// Its name until it is one of the store's; nil where it has none, and is gone with the process.
    private var unfinished: String?
    private let descriptor: Int32
    private var digest = SHA256Digest()
    private var whole: [UInt8]?
    public private(set) var sizeBytes: Int64 = 0
    /// True once the disk has refused something: what is in the file is unknown from then on.
    public private(set) var isSpoilt = false

    /// A file with a name that ends in ``VideoFolder/unfinished``, or one without a name. Throws ``VideoFault``.
    public init(in folder: String, isNamed: Bool) throws {
        self.folder = folder
        let path = "\(folder)/\(UUID().uuidString.lowercased())\(VideoFolder.unfinished)"
        descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw VideoFolder.fault(folder) }
        if isNamed { unfinished = path } else { unlink(path) }
    }

    deinit {
        close(descriptor)
        if let unfinished { unlink(unfinished) }
    }

    /// Throws ``VideoFault`` where the disk refuses it, or where it would be too large.
    public func append(_ bytes: [UInt8], atMost limit: Int64) throws {
        guard sizeBytes + Int64(bytes.count) <= limit else { throw VideoFault.tooLarge }
        try bytes.withUnsafeBytes { buffer in
            digest.update(buffer)
            var rest = buffer[...]
            while !rest.isEmpty {
                let written = UnsafeRawBufferPointer(rebasing: rest).withMemoryRebound(to: UInt8.self) {
                    write(descriptor, $0.baseAddress, $0.count)
                }
                if written < 0, errno == EINTR { continue }
                guard written > 0 else { throw spoilt() }
                rest = rest.dropFirst(written)
            }
        }
        sizeBytes += Int64(bytes.count)
    }

    /// Throws away what was written. Throws ``VideoFault``.
    public func restart() throws {
        guard ftruncate(descriptor, 0) == 0, lseek(descriptor, 0, SEEK_SET) == 0 else { throw spoilt() }
        digest = SHA256Digest()
        whole = nil
        sizeBytes = 0
    }

    /// The 32 bytes of the SHA-256 of all that was written. Nothing is appended from then on.
    public func digestBytes() -> [UInt8] {
        let bytes = whole ?? digest.finishBytes()
        whole = bytes
        return bytes
    }

    /// At most so many bytes from a place on; nothing at the end. Throws ``VideoFault``.
    public func read(_ count: Int, at place: Int64) throws -> [UInt8] {
        var failure: VideoFault?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            let taken = pread(descriptor, buffer.baseAddress, count, off_t(place))
            if taken < 0 { failure = spoilt() }
            filled = max(taken, 0)
        }
        if let failure { throw failure }
        return bytes
    }

    /// Makes it a file of its folder under its digest, which survives a failure of power. Throws ``VideoFault``.
    func finish(_ contentType: String) throws -> StoredVideo {
        let bytes = digestBytes()
        guard let named = unfinished, fsync(descriptor) == 0,
            rename(named, "\(folder)/\(Hexadecimal.text(bytes))") == 0
        else { throw spoilt() }
        unfinished = nil
        guard VideoFolder.synchronise(folder) else { throw spoilt() }
        return StoredVideo(digest: bytes, sizeBytes: sizeBytes, contentType: contentType)
    }

    /// What a disk has refused once it may have forgotten, and say nothing of it the next time.
    private func spoilt() -> VideoFault {
        isSpoilt = true
        return VideoFolder.fault(folder)
    }
}
