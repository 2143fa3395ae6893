import Digests
import Domain
import Foundation

/// SHA-256 of files.
enum FileDigest {
    private static let chunkSize = 1 << 20

    static func of(_ bytes: [UInt8]) -> String { SHA256Digest.hex(bytes) }

    /// Digest and size in bytes of an open file, read piece by piece.
    ///
    /// - Parameter path: What it is called, for the sentence of a failure.
    static func of(_ descriptor: Int32, path: String) throws(DaybookError) -> (sha256: String, size: Int64) {
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
