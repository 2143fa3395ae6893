private import CZlib

/// Deflate (RFC 1951) over as many pieces as there are, in one direction: as gzip's format, or bare.
public final class Compressor {
    /// Bytes that are not of the format.
    public struct Damage: Error {}

    /// What stands around the compressed bytes.
    public enum Format: Sendable {
        case gzip
        /// Nothing, as in a member of a ZIP archive.
        case bare
    }

    /// Quick: an archive is written while rows are locked. Level 1 keeps a tenth of an access log, level 6 a twelfth.
    private static let quick: Int32 = 1
    private static let chunk = 1 << 16

    private var stream = z_stream()
    private let deflates: Bool
    private var buffer = [UInt8](repeating: 0, count: Compressor.chunk)
    public private(set) var hasEnded = false
    /// True once bytes were taken in.
    public var hasBegun: Bool { stream.total_in > 0 }
    /// Bytes of the last piece that came after the end.
    public var bytesLeft: Int { Int(stream.avail_in) }

    private init(_ format: Format, deflates: Bool) {
        self.deflates = deflates
        let isBare: Int32 = format == .bare ? 1 : 0
        let status =
            deflates
            ? daybook_deflate_begin(&stream, isBare == 1 ? Z_DEFAULT_COMPRESSION : Self.quick, isBare)
            : daybook_inflate_begin(&stream, isBare)
        precondition(status == Z_OK, "zlib could not begin")
    }

    deinit {
        if deflates { deflateEnd(&stream) } else { inflateEnd(&stream) }
    }

    public static func compressing(_ format: Format = .gzip) -> Compressor { Compressor(format, deflates: true) }
    public static func decompressing(_ format: Format = .gzip) -> Compressor { Compressor(format, deflates: false) }

    /// The next piece; `isLast` ends a compression. Throws for bytes that are not of the format, and where more than
    /// `atMost` bytes would come of them.
    public func update(
        _ bytes: UnsafeRawBufferPointer, isLast: Bool = false, atMost limit: Int = .max
    ) throws(Damage) -> [UInt8] {
        var output: [UInt8] = []
        stream.next_in = UnsafeMutablePointer(mutating: bytes.baseAddress?.assumingMemoryBound(to: Bytef.self))
        stream.avail_in = uInt(bytes.count)
        var isFull = true
        while isFull && !hasEnded {
            let status = step(isLast: isLast)
            guard status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR else { throw Damage() }
            let count = Self.chunk - Int(stream.avail_out)
            guard count <= limit - output.count else { throw Damage() }
            output.append(contentsOf: buffer.prefix(count))
            hasEnded = status == Z_STREAM_END
            isFull = stream.avail_out == 0
        }
        return output
    }

    private func step(isLast: Bool) -> Int32 {
        let deflates = deflates
        return buffer.withUnsafeMutableBufferPointer { buffer in
            stream.next_out = buffer.baseAddress
            stream.avail_out = uInt(Self.chunk)
            return deflates ? deflate(&stream, isLast ? Z_FINISH : Z_NO_FLUSH) : inflate(&stream, Z_NO_FLUSH)
        }
    }
}

/// The bare stream of one array of bytes, and the checksum that a ZIP archive keeps beside it.
public enum Deflate {
    public static func compress(_ bytes: [UInt8]) -> [UInt8] {
        guard let stream = try? bytes.withUnsafeBytes({ try Compressor.compressing(.bare).update($0, isLast: true) })
        else { preconditionFailure("zlib could not compress") }
        return stream
    }

    /// The bytes of a stream; nil unless it is whole, with nothing after it, and gives exactly so many.
    public static func expand(_ stream: [UInt8], size: Int) -> [UInt8]? {
        let compressor = Compressor.decompressing(.bare)
        let bytes = try? stream.withUnsafeBytes { try compressor.update($0, atMost: size) }
        return compressor.hasEnded && compressor.bytesLeft == 0 && bytes?.count == size ? bytes : nil
    }

    /// CRC-32 as ZIP and gzip have it.
    public static func checksum(_ bytes: [UInt8]) -> UInt32 {
        bytes.withUnsafeBytes { UInt32(crc32_z(0, $0.baseAddress?.assumingMemoryBound(to: Bytef.self), $0.count)) }
    }
}
