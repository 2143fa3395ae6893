import BatchEngine
import Domain
import Formats
import Hummingbird
import Logging

/// `/callbacks/{customer}/{nonce}`: where the provider reports progress.
///
/// The nonce is the secret, and the body is a hint: all it can do is to tell the id of a submission whose answer was
/// lost. How the task stands is then asked of the provider itself. The answer is always the same, so that nobody
/// learns which nonces exist.
struct CallbackRoutes: Sendable {
    private static let nonceBytes = 16

    let desk: CallbackDesk
    let readCallback: @Sendable ([UInt8]) -> String?

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
        guard let providerTaskID = readCallback(Array(buffer.readableBytesView)),
            providerTaskID.utf8.count <= Limits.providerTaskIDBytes
        else { return answer }
        let isNews = try await desk.receive(
            WorkQueue.Callback(userID: customer, nonce: nonce, providerTaskID: providerTaskID))
        if isNews { context.logger.notice("A callback told of a submission whose answer had not come") }
        return answer
    }
}
