import Domain
import Logging
import NIOCore
import Synchronization

/// All connections of the server, and the bodies on them: keeps the books, and sends away whom they name.
final class Traffic: Sendable {
    private struct State {
        var connections: ConnectionBook
        var bodies: BodyBook
        var channels: [ObjectIdentifier: any Channel] = [:]
        var warnedAt: Int64?
    }

    private let state: Mutex<State>
    private let logger: Logger

    init(_ bounds: ServerBounds, connections: Int, logger: Logger) {
        state = Mutex(
            State(
                connections: ConnectionBook(capacity: connections),
                bodies: BodyBook(capacity: bounds.bodiesBytes, capacityOfKey: bounds.bodiesBytesOfKey)))
        self.logger = logger
    }

    /// Milliseconds of a clock that only rises.
    static var now: Int64 { Int64(NIODeadline.now().uptimeNanoseconds / 1_000_000) }

    /// A connection was accepted. Whoever has to go for it is closed; that may be the new one.
    func open(_ channel: any Channel) {
        let now = Self.now
        let id = ObjectIdentifier(channel)
        let (gone, warns) = state.withLock { state in
            state.channels[id] = channel
            let gone = state.connections.open(id, at: now).flatMap { state.channels[$0] }
            let warns = gone != nil && now - (state.warnedAt ?? Int64.min / 2) > 60_000
            if warns { state.warnedAt = now }
            return (gone, warns)
        }
        channel.closeFuture.whenComplete { _ in self.close(id) }
        if warns { logger.warning("All places for connections are taken; the least wanted ones are closed") }
        // On its own turn: the new channel is not set up yet.
        if let gone { gone.eventLoop.execute { gone.close(promise: nil) } }
    }

    private func close(_ id: ObjectIdentifier) {
        state.withLock { state in
            state.channels[id] = nil
            state.connections.close(id)
            state.bodies.end(id)
        }
    }

    /// Closes up to so many connections that nobody needs.
    func makeRoom(_ count: Int) {
        let gone = state.withLock { state in
            (0..<count).compactMap { _ in state.connections.giveUpOne().flatMap { state.channels[$0] } }
        }
        for channel in gone { channel.close(promise: nil) }
    }

    func showedKnownKey(_ id: ObjectIdentifier) {
        state.withLock { $0.connections.showedKnownKey(id, at: Self.now) }
    }

    func begin(_ id: ObjectIdentifier, key: Int?) {
        state.withLock { state in
            state.connections.begin(id, at: Self.now)
            state.bodies.begin(id, key: key, at: Self.now)
        }
    }

    /// Bytes of a body have come. Whoever has to go for them hears it as an event of their channel.
    func take(_ count: Int, _ id: ObjectIdentifier) {
        let gone = state.withLock { state in
            state.bodies.take(count, on: id, at: Self.now).compactMap { id, fault in
                state.channels[id].map { ($0, fault) }
            }
        }
        for (channel, fault) in gone { channel.pipeline.fireUserInboundEventTriggered(fault) }
    }

    /// True while bodies are to wait.
    var isFull: Bool { state.withLock { $0.bodies.isFull } }

    func complete(_ id: ObjectIdentifier) {
        state.withLock { state in
            state.connections.complete(id, at: Self.now)
            state.bodies.complete(id)
        }
    }

    /// The answer has begun: nothing of the body is kept.
    func answer(_ id: ObjectIdentifier) {
        state.withLock { $0.bodies.end(id) }
    }

    /// The answer has been written, and all of the request has been read.
    func rest(_ id: ObjectIdentifier) {
        state.withLock { $0.connections.rest(id, at: Self.now) }
    }
}

/// The places of connections, and who gives theirs up where there is none: a pure value.
///
/// First goes who has not shown a key that is known, the oldest first; then who has, and asks for nothing; then who is
/// sending a request. What waits for us stays.
struct ConnectionBook {
    typealias Connection = ObjectIdentifier

    private enum Phase { case idle, sending, waiting }

    private struct Place {
        var phase = Phase.idle
        var isKnown = false
        /// When the connection was opened; of a known one, when its phase began. In milliseconds.
        var since: Int64

        var rank: Int? {
            guard isKnown else { return 0 }
            switch phase {
            case .idle: return 1
            case .sending: return 2
            case .waiting: return nil
            }
        }
    }

    private let capacity: Int
    private var places: [Connection: Place] = [:]

    init(capacity: Int) {
        self.capacity = capacity
    }

    /// Takes a place; gives the connection that has to go for it, which may be the new one itself.
    mutating func open(_ connection: Connection, at now: Int64) -> Connection? {
        var gone: Connection?
        if places.count >= capacity {
            gone = leastWanted
            guard let gone else { return connection }
            places[gone] = nil
        }
        places[connection] = Place(since: now)
        return gone
    }

    mutating func close(_ connection: Connection) { places[connection] = nil }

    /// The connection that goes first, out of its place; nil where all wait for us.
    mutating func giveUpOne() -> Connection? {
        guard let gone = leastWanted else { return nil }
        places[gone] = nil
        return gone
    }

    /// The connection's request was let in by its key.
    mutating func showedKnownKey(_ connection: Connection, at now: Int64) {
        guard let place = places[connection], !place.isKnown else { return }
        places[connection]?.isKnown = true
        places[connection]?.since = now
    }

    mutating func begin(_ connection: Connection, at now: Int64) { change(connection, .sending, now) }
    mutating func complete(_ connection: Connection, at now: Int64) { change(connection, .waiting, now) }
    mutating func rest(_ connection: Connection, at now: Int64) { change(connection, .idle, now) }

    private mutating func change(_ connection: Connection, _ phase: Phase, _ now: Int64) {
        guard let place = places[connection] else { return }
        places[connection]?.phase = phase
        if place.isKnown { places[connection]?.since = now }
    }

    private var leastWanted: Connection? {
        places.compactMap { connection, place in place.rank.map { (connection, $0, place.since) } }
            .min { ($0.1, $0.2) < ($1.1, $1.2) }?.0
    }
}
