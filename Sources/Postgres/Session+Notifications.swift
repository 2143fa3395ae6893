internal import CLibPQ
internal import Glibc

extension Session {
    /// What somebody told a channel by `NOTIFY`.
    public struct Notification: Sendable, Hashable {
        public let channel: String
        public let payload: String
    }

    /// Waits for notifications of the channels that this session listens to, at most so long, and gives all that came.
    ///
    /// It ends early when the work is cancelled, which the next call says. Throws ``PostgresError`` where the
    /// connection is lost: it is noticed at once.
    public func notifications(withinMilliseconds milliseconds: Int) throws -> [Notification] {
        let connection = try ready()
        let deadline = ContinuousClock.now + .milliseconds(milliseconds)
        // A descriptor below zero is not watched; then a cancellation is looked for now and then.
        let alarm = canceller.alarmDescriptor()
        while true {
            guard PQconsumeInput(connection) == 1, !isLost else { throw failureOfConnection("LISTEN") }
            var heard: [Notification] = []
            while let notification = PQnotifies(connection) {
                heard.append(
                    Notification(
                        channel: String(cString: notification.pointee.relname),
                        payload: String(cString: notification.pointee.extra)))
                PQfreemem(notification)
            }
            let left = (deadline - ContinuousClock.now) / .milliseconds(1)
            guard heard.isEmpty, left > 0, !canceller.isAsked else { return heard }
            var descriptors = [PQsocket(connection), alarm ?? -1].map {
                pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
            }
            let slice = alarm == nil ? min(left, Self.sliceMilliseconds) : min(left, Self.longestSliceMilliseconds)
            _ = poll(&descriptors, 2, Int32(slice.rounded(.up)))
        }
    }

    /// How often a wait for notifications looks whether it was cancelled, where nothing wakes it.
    private static let sliceMilliseconds: Double = 250
    private static let longestSliceMilliseconds: Double = 60_000

    /// Runs one statement in a transaction of its own, in one message: for one that is run often.
    ///
    /// Names are looked up as the login has it: all of them have to be there with their schema.
    public func queryAlone(_ sql: String, _ parameters: [Value] = []) throws -> [Row] {
        let connection = try ready()
        do {
            let result = try result(of: send(sql, parameters, on: connection), connection, sql)
            let columns = ColumnList(result.columns)
            return (0..<PQntuples(result.pointer)).map { Row(copying: result.pointer, row: $0, columns: columns) }
        } catch {
            throw explained(error)
        }
    }
}
