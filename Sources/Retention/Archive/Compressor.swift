private import CZlib
internal import Domain

/// gzip over as many pieces as there are, in one direction.
final class Compressor {
    /// Quick: an archive is written while rows are locked. Level 1 keeps a tenth of an access log, level 6 a twelfth.
    private static let level: Int32 = 1
    private static let chunk = 1 << 16

    private var stream = z_stream()
    private let deflates: Bool
    private var buffer = [UInt8](repeating: 0, count: Compressor.chunk)
    private(set) var hasEnded = false
    /// True once bytes were taken in.
    var hasBegun: Bool { stream.total_in > 0 }

    private init(deflates: Bool) {
        self.deflates = deflates
        let status =
            deflates ? daybook_deflate_begin(&stream, Self.level) : daybook_inflate_begin(&stream)
        precondition(status == Z_OK, "zlib could not begin")
    }

    deinit {
        if deflates { deflateEnd(&stream) } else { inflateEnd(&stream) }
    }

    static func compressing() -> Compressor { Compressor(deflates: true) }
    static func decompressing() -> Compressor { Compressor(deflates: false) }

    /// The next piece; `isLast` ends a compression. Throws `badData` for bytes that are not gzip's.
    func update(_ bytes: UnsafeRawBufferPointer, isLast: Bool = false) throws(DaybookError) -> [UInt8] {
        var output: [UInt8] = []
        stream.next_in = UnsafeMutablePointer(mutating: bytes.baseAddress?.assumingMemoryBound(to: Bytef.self))
        stream.avail_in = uInt(bytes.count)
        var isFull = true
        while isFull && !hasEnded {
            let status = step(isLast: isLast)
            guard status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR else {
                throw .badData("An archived file is damaged: it is not gzip's format.")
            }
            output.append(contentsOf: buffer.prefix(Self.chunk - Int(stream.avail_out)))
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
