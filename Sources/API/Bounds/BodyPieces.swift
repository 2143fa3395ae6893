import Domain
import NIOCore

/// A body as it comes. Memory is taken for what has come, never for what was announced, and in pieces of one size.
struct BodyPieces {
    private var pieces: [[UInt8]] = []
    /// Bytes that fit into the last piece.
    private var room = 0
    /// Bytes that have come.
    private(set) var count = 0

    mutating func append(_ buffer: ByteBuffer) {
        buffer.withUnsafeReadableBytes { bytes in
            var rest = bytes
            while !rest.isEmpty {
                if room == 0 {
                    pieces.append([])
                    pieces[pieces.count - 1].reserveCapacity(Limits.bodyPieceBytes)
                    room = Limits.bodyPieceBytes
                }
                let taken = UnsafeRawBufferPointer(rebasing: rest.prefix(room))
                pieces[pieces.count - 1].append(contentsOf: taken)
                room -= taken.count
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(taken.count))
            }
        }
        count += buffer.readableBytes
    }

    /// All of it.
    func joined() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        for piece in pieces { bytes.append(contentsOf: piece) }
        return bytes
    }
}
