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
