private import CZlib

/// Reads gzip's format (RFC 1952) piece by piece, as the program of that name does: members one after another are one
/// content, and zeros after the last one, which fill up the block of a tape, are nothing. Anything else after it, and
/// an end before its own, is damage.
///
/// What comes of a piece is handed out in pieces of at most 64 KiB, however much it is.
public final class Decompressor {
    /// Bytes that are not of the format, or not all of them.
    public struct Damage: Error {}

    private enum Place {
        /// At the beginning, where a member has to follow.
        case start
        case member
        /// After a member: another one may follow, or zeros.
        case between
        case zeros
    }

    private static let chunk = 1 << 16

    private var stream = z_stream()
    private var place = Place.start
    private var buffer = [UInt8](repeating: 0, count: Decompressor.chunk)

    public init() {
        let status = daybook_inflate_begin(&stream, 0)
        precondition(status == Z_OK, "zlib could not begin")
    }

    deinit { inflateEnd(&stream) }

    /// Takes the next bytes. Throws ``Damage``, after what came before it, and whatever `body` throws.
    public func read(_ bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        var rest = bytes[...]
        while let first = rest.first {
            switch place {
            case .start:
                place = .member
            case .between where first == 0:
                place = .zeros
            case .between:
                inflateReset(&stream)
                place = .member
            case .zeros:
                guard rest.allSatisfy({ $0 == 0 }) else { throw Damage() }
                return
            case .member:
                rest = rest.dropFirst(try expand(UnsafeRawBufferPointer(rebasing: rest), body))
            }
        }
    }

    /// Ends the reading. Throws ``Damage`` where the content does not end here, or nothing came.
    public func finish() throws(Damage) {
        switch place {
        case .between, .zeros: return
        case .start, .member: throw Damage()
        }
    }

    /// Takes bytes of a member, at most to its end, and says how many those were.
    private func expand(
        _ bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> Int {
        stream.next_in = UnsafeMutablePointer(mutating: bytes.baseAddress?.assumingMemoryBound(to: Bytef.self))
        stream.avail_in = uInt(bytes.count)
        var status = Z_OK
        repeat {
            status = buffer.withUnsafeMutableBufferPointer { buffer in
                stream.next_out = buffer.baseAddress
                stream.avail_out = uInt(Self.chunk)
                return inflate(&stream, Z_NO_FLUSH)
            }
            let count = Self.chunk - Int(stream.avail_out)
            if count > 0 { try buffer.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[..<count])) } }
            guard status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR else { throw Damage() }
        } while status == Z_OK && (stream.avail_in > 0 || stream.avail_out == 0)
        if status == Z_STREAM_END { place = .between }
        return bytes.count - Int(stream.avail_in)
    }
}
