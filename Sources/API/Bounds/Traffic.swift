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
