/// Who gets which connection of a pool: the decisions alone, without any waiting or connecting.
///
/// A connection that comes back goes to whoever has waited longest. While somebody waits nothing is idle, so that
/// nobody overtakes. `Connection` is a parameter so that this can be tested without a server.
struct PoolQueue<Connection> {
    /// What somebody who asks is told.
    enum Answer {
        /// Take this one.
        case take(Connection)
        /// There is room: open one.
        case open
        /// Wait in line, under the number that was given.
        case wait
        /// The line is full.
        case refuse
        /// The pool is closed.
        case closed
    }

    /// What follows when a place becomes free.
    enum Step {
        /// The connection goes to the one who waits under this number.
        case hand(Connection, to: UInt64)
        /// The one who waits under this number may open one.
        case open(for: UInt64)
        /// The connection is to be closed.
        case close(Connection)
        case nothing
    }

    private let maxConnections: Int
    private let maxWaiting: Int
    /// The latest used at the end: it is the least likely to have been lost.
    private var idle: [Connection] = []
    /// Connections that are lent, or being opened.
    private(set) var lentCount = 0
    /// Those who wait, in order; those who gave up are taken out.
    private var waiting: [UInt64] = []
    private(set) var isClosed = false

    init(maxConnections: Int, maxWaiting: Int) {
        precondition(maxConnections > 0 && maxWaiting >= 0, "a pool has at least one connection")
        self.maxConnections = maxConnections
        self.maxWaiting = maxWaiting
    }

    /// Somebody asks for a connection.
    mutating func ask(_ number: UInt64) -> Answer {
        guard !isClosed else { return .closed }
        if let connection = idle.popLast() {
            lentCount += 1
            return .take(connection)
        }
        if lentCount < maxConnections {
            lentCount += 1
            return .open
        }
        guard waiting.count < maxWaiting else { return .refuse }
        waiting.append(number)
        return .wait
    }

    /// A connection comes back; nil where it was lost, or could not be opened.
    mutating func giveBack(_ connection: Connection?) -> Step {
        precondition(lentCount > 0, "a connection that was not lent came back")
        if !isClosed && !waiting.isEmpty {
            let next = waiting.removeFirst()
            guard let connection else { return .open(for: next) }
            return .hand(connection, to: next)
        }
        lentCount -= 1
        guard let connection else { return .nothing }
        if isClosed { return .close(connection) }
        idle.append(connection)
        return .nothing
    }

    /// Somebody waits no longer; false if they were handed a connection already.
    mutating func leave(_ number: UInt64) -> Bool {
        guard let index = waiting.firstIndex(of: number) else { return false }
        waiting.remove(at: index)
        return true
    }

    /// Closes the pool: gives the idle connections to close, and those who waited in vain.
    mutating func close() -> (idle: [Connection], waiting: [UInt64]) {
        isClosed = true
        defer {
            idle = []
            waiting = []
        }
        return (idle, waiting)
    }
}
