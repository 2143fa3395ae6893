import BatchEngine
import Domain
import Formats
import Hummingbird
import Logging
import Postgres

/// `/callbacks/{customer}/{nonce}`: where the provider reports progress.
///
/// The nonce is the secret, and the body is a hint: all it can do is to name an id for a submission. Whether there is
/// such a task, and how it stands, a worker asks of the provider itself; at once where the callback tells of an end.
/// The answer is always the same, so that nobody learns which nonces exist.
struct CallbackRoutes: Sendable {
    private static let nonceBytes = 16

    let desk: CallbackDesk
    let readCallback: APIServer.ReadCallback

    func add(to router: Router<APIContext>) {
        router.path("callbacks/:customer/:nonce", [.post: receive])
    }

    @Sendable private func receive(_ request: Request, _ context: APIContext) async throws -> Response {
        let answer = Response(["ok": true])
        let parameters = context.parameters
        guard let customer = parameters.get("customer").flatMap(UUIDInPath.parse),
            let nonce = parameters.get("nonce").flatMap({ Hexadecimal.bytes($0) }), nonce.count == Self.nonceBytes
        else { return answer }
        guard let buffer = try? await request.body.collect(upTo: Limits.callbackBytes) else { return answer }
        guard let (providerTaskID, claimsEnd) = readCallback(Array(buffer.readableBytesView)),
            providerTaskID.utf8.count <= Limits.providerTaskIDBytes
        else { return answer }
        let heard = try await desk.receive(
            WorkQueue.Callback(
                userID: customer, nonce: nonce, providerTaskID: providerTaskID, claimsEnd: claimsEnd))
        switch heard {
        case .kept: context.logger.notice("A callback named an id that its submission does not have; it is asked for")
        case .tooMany:
            context.logger.warning(
                "A callback named one more id than are kept for a submission",
                metadata: ["callback.provider-task": "\(providerTaskID)"])
        case nil: break
        }
        return answer
    }
}

/// Takes callbacks to the database, however many there are, on one connection: those that come while it is asked wait,
/// and are looked up together. One that was looked up lately is not looked up again.
actor CallbackDesk {
    private typealias Waiter = (
        callback: WorkQueue.Callback, continuation: CheckedContinuation<WorkQueue.Heard?, any Error>
    )

    private let pool: ConnectionPool
    private var recent = Recent<WorkQueue.Callback, Bool>(capacity: Limits.rememberedCallbacks)
    private var waiting: [Waiter] = []
    private var isWorking = false

    init(_ pool: ConnectionPool) {
        self.pool = pool
    }

    /// What became of a callback, nil where it was no news.
    ///
    /// Throws ``APIError`` where too many wait already, and what the database throws.
    func receive(_ callback: WorkQueue.Callback) async throws -> WorkQueue.Heard? {
        guard recent.find(callback) == nil else { return nil }
        guard waiting.count < Limits.callbacksWaiting else {
            var error = APIError(.serviceUnavailable, "Too many callbacks are waiting; send this one again.")
            error.retryAfterSeconds = 2
            throw error
        }
        return try await withCheckedThrowingContinuation { continuation in
            waiting.append((callback, continuation))
            guard !isWorking else { return }
            isWorking = true
            Task { await work() }
        }
    }

    private func work() async {
        while !waiting.isEmpty {
            let turn = Array(waiting.prefix(Limits.callbacksTogether))
            waiting.removeFirst(turn.count)
            let callbacks = Set(turn.map(\.callback))
            do {
                var news = try await pool.run { try WorkQueue($0).hear(callbacks) }
                for callback in callbacks { recent.note(callback, true) }
                // Of several that say the same, one told it.
                for waiter in turn { waiter.continuation.resume(returning: news.removeValue(forKey: waiter.callback)) }
            } catch {
                for waiter in turn { waiter.continuation.resume(throwing: error) }
            }
        }
        isWorking = false
    }
}
