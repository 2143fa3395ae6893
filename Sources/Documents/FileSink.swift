import Codecs
public import Domain
import Foundation

/// A file that is being written: buffered, digested on the way, on disk before it counts.
public final class FileSink {
    private static let bufferSize = 1 << 18

    private let path: String
    private var descriptor: Int32
    private var buffer: [UInt8] = []
    private let digest = SHA256Digest()
    private var size: Int64 = 0
    private let synchronises: Bool
    private let isFixed: Bool

    /// Creates a file in a folder. Throws `output` if it cannot, or if there is one of that name.
    ///
    /// Who says `synchronises: false` waits for the disk himself.
    ///
    /// - Parameter isFixed: True where the file has to lie there: no error advises another folder.
    public init(
        in folder: Folder, name: String, mode: OutputMode = .ownerOnly, synchronises: Bool = true,
        isFixed: Bool = false
    ) throws(DaybookError) {
        path = folder.path + "/" + name
        self.synchronises = synchronises
        self.isFixed = isFixed
        descriptor = folder.createFile(name, permissions: mode.file)
        guard descriptor >= 0 else { throw failure }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    /// Lets the body append to the buffer, and writes the buffer once it is full.
    public func append<E: Error>(_ body: (inout [UInt8]) throws(E) -> Void) throws {
        try body(&buffer)
        if buffer.count >= Self.bufferSize { try flush() }
    }

    /// Appends bytes.
    public func write(_ bytes: [UInt8]) throws(DaybookError) {
        buffer.append(contentsOf: bytes)
        if buffer.count >= Self.bufferSize { try flush() }
    }

    /// Why the last call of the system failed.
    private var failure: DaybookError { OutputError.cannotWrite(path, errno, isFixed: isFixed) }

    private func flush() throws(DaybookError) {
        digest.update(buffer)
        size += Int64(buffer.count)
        var offset = 0
        while offset < buffer.count {
            let count = buffer.withUnsafeBytes { bytes in
                Foundation.write(descriptor, bytes.baseAddress.map { $0 + offset }, bytes.count - offset)
            }
            guard count >= 0 || errno == EINTR else { throw failure }
            offset += max(count, 0)
        }
        buffer.removeAll(keepingCapacity: true)
    }

    /// Writes what is left, waits for the disk, and gives the file's digest and size in bytes.
    public func finish() throws(DaybookError) -> (sha256: String, size: Int64) {
        try flush()
        guard !synchronises || fsync(descriptor) == 0 else { throw failure }
        guard close(descriptor) == 0 else {
            descriptor = -1
            throw failure
        }
        descriptor = -1
        return (digest.finish(), size)
    }
}

/// SHA-256 of files.
package enum FileDigest {
    private static let chunkSize = 1 << 20

    package static func of(_ bytes: [UInt8]) -> String { SHA256Digest.hex(bytes) }

    /// Digest and size in bytes of an open file, read piece by piece.
    ///
    /// - Parameter path: What it is called, for the sentence of a failure.
    package static func of(_ descriptor: Int32, path: String) throws(DaybookError) -> (sha256: String, size: Int64) {
        let digest = SHA256Digest()
        var buffer = [UInt8](repeating: 0, count: chunkSize)
        var size: Int64 = 0
        while true {
            let count = read(descriptor, &buffer, chunkSize)
            guard count >= 0 else { throw OutputError.cannotWrite(path, errno) }
            guard count > 0 else { return (digest.finish(), size) }
            buffer.withUnsafeBytes { digest.update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
            size += Int64(count)
        }
    }
}
