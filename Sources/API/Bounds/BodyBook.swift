import Domain
import NIOCore

/// Why a body is given up before it has come.
enum BodyFault: Error, Sendable, Hashable {
    /// It took longer than a body may.
    case tooSlow
    /// The key's other bodies leave no room for it.
    case keyIsFull
    /// All bodies together leave no room for it.
    case serverIsFull
}

/// The bodies of requests that are not answered yet, and whose they are: a pure value.
///
/// Where there is no room, the one goes that came slowest of those that hold more than a little: who sends at once
/// what they have is not held up by who dribbles. What goes counts until it is gone, and nothing is read meanwhile.
struct BodyBook {
    typealias Connection = ObjectIdentifier

    private struct Body {
        /// A mark of the key that the request shows; nil where it shows none.
        let key: Int?
        let beganAt: Int64
        var bytes = 0
        /// True once all of it has come, or it was told to go: it is not to be given up any more.
        var isSettled = false

        /// Bytes per second, so that one which has just begun is not slow yet.
        func rate(at now: Int64) -> Int64 { (Int64(bytes) + 65_536) * 1000 / (now - beganAt + 1000) }
    }

    private let capacity: Int
    private let capacityOfKey: Int
    private var bodies: [Connection: Body] = [:]
    private var bytes = 0
    /// Bytes of those that were told to go and are not gone.
    private var goingBytes = 0
    private var going: Set<Connection> = []
    private var bytesOfKeys: [Int?: Int] = [:]

    init(capacity: Int, capacityOfKey: Int) {
        self.capacity = capacity
        self.capacityOfKey = capacityOfKey
    }

    /// A request has begun. The time is in milliseconds.
    mutating func begin(_ connection: Connection, key: Int?, at now: Int64) {
        guard bodies[connection] == nil else { return }
        bodies[connection] = Body(key: key, beganAt: now)
    }

    /// True while there is more than there may be: nothing more is to be read then.
    var isFull: Bool { bytes > capacity }

    /// Bytes have come; gives the bodies that have to go for them, which may be the one that they belong to.
    mutating func take(_ count: Int, on connection: Connection, at now: Int64) -> [(Connection, BodyFault)] {
        guard !going.contains(connection), let key = bodies[connection].map(\.key) else { return [] }
        bodies[connection]?.bytes += count
        bytes += count
        bytesOfKeys[key, default: 0] += count
        var gone: [(Connection, BodyFault)] = []
        while bytesOfKeys[key, default: 0] > capacityOfKey, let victim = slowest(at: now, of: { $0.key == key }) {
            giveUp(victim)
            gone.append((victim, .keyIsFull))
        }
        while bytes - goingBytes > capacity, let victim = slowest(at: now, of: { _ in true }) {
            giveUp(victim)
            gone.append((victim, .serverIsFull))
        }
        return gone
    }

    /// All of a body has come: it waits for us now, and is not given up any more.
    mutating func complete(_ connection: Connection) { bodies[connection]?.isSettled = true }

    /// A request is answered, or its connection is gone.
    mutating func end(_ connection: Connection) {
        guard let body = bodies.removeValue(forKey: connection) else { return }
        bytes -= body.bytes
        if going.remove(connection) != nil { goingBytes -= body.bytes } else { forget(body) }
    }

    private mutating func giveUp(_ connection: Connection) {
        guard let body = bodies[connection] else { return }
        bodies[connection]?.isSettled = true
        going.insert(connection)
        goingBytes += body.bytes
        forget(body)
    }

    private mutating func forget(_ body: Body) {
        bytesOfKeys[body.key, default: 0] -= body.bytes
        if bytesOfKeys[body.key] == 0 { bytesOfKeys[body.key] = nil }
    }

    private func slowest(at now: Int64, of isCandidate: (Body) -> Bool) -> Connection? {
        let candidates = bodies.filter { isCandidate($0.value) && !$0.value.isSettled }
        let average = candidates.values.reduce(0) { $0 + $1.bytes } / max(candidates.count, 1)
        return candidates.filter { $0.value.bytes >= average / 2 }
            .min { $0.value.rate(at: now) < $1.value.rate(at: now) }?.key
    }
}

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
