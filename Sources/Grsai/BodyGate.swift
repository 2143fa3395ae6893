import NIOCore
import Synchronization

/// The body of one submission, behind a gate that is either opened, once, or sealed for ever.
///
/// The HTTP client asks for the body after a connection stands and the head is sent. Whoever finds a call failed seals
/// the gate: if that succeeds, no byte of the body has left and none ever will, so the provider cannot have taken the
/// task, whatever the error was. If the gate was open already, nobody knows.
final class BodyGate: AsyncSequence, Sendable {
    typealias Element = ByteBuffer

    private enum State { case closed, opened, sealed }

    private let body: ByteBuffer
    private let state = Mutex(State.closed)

    init(body: ByteBuffer) {
        self.body = body
    }

    /// True if the body was not given out and never will be.
    func seal() -> Bool {
        state.withLock { state in
            if state == .closed { state = .sealed }
            return state == .sealed
        }
    }

    /// The body, the first time and unless the gate is sealed.
    private func open() throws -> ByteBuffer {
        try state.withLock { state in
            guard state == .closed else { throw Refused() }
            state = .opened
            return body
        }
    }

    func makeAsyncIterator() -> Iterator {
        Iterator(gate: self)
    }

    /// A second reading, or one after the seal: the call is over or must not be repeated.
    struct Refused: Error {}

    struct Iterator: AsyncIteratorProtocol {
        fileprivate let gate: BodyGate
        private var done = false

        fileprivate init(gate: BodyGate) {
            self.gate = gate
        }

        mutating func next() async throws -> ByteBuffer? {
            guard !done else { return nil }
            done = true
            return try gate.open()
        }
    }
}
