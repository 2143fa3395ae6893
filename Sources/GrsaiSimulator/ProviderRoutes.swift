import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import ServiceLifecycle

/// The provider's own addresses.
struct ProviderRoutes: Sendable {
    let provider: SimulatedProvider

    /// Bytes of a request that are read: a prompt and three images as base64 fit.
    static let requestBytes = 33_554_432

    func add(to router: Router<SimulatorContext>) {
        router.post("v1/video/sora-video") { try await submit($0, $1, forSora: true) }
        router.post("v1/video/veo") { try await submit($0, $1, forSora: false) }
        router.post("v1/draw/result", use: result)
        // What an older client polls.
        router.post("v1/video/result", use: result)
        router.post("client/openapi/getAPIKeyCredits") { request, _ in
            try await provider.credits(authorization: request.headers[.authorization]).response
        }
        router.get("files/:name") { request, context in
            guard let video = await provider.video(named: context.parameters.get("name") ?? "") else {
                throw HTTPError(.notFound)
            }
            return video.response(to: request, context)
        }
    }

    private func submit(_ request: Request, _ context: SimulatorContext, forSora: Bool) async throws -> Response {
        var request = request
        let form = try await Self.decode(SubmissionForm.self, &request)
        let reaction = try await provider.submit(
            form, forSora: forSora, authorization: request.headers[.authorization])
        switch reaction {
        case .answer(let answer): return answer.response
        case .stream(let taskID): return stream(taskID)
        case .drop: break
        case .hang(let seconds):
            let body = request.body
            // Ends when the client gives up, when the simulator is asked to end, or after the time.
            try? await cancelWhenGracefulShutdown {
                try await body.consumeWithCancellationOnInboundClose { _ in
                    try await Task.sleep(for: .seconds(seconds))
                }
            }
        }
        await context.breakLine()
        return Response(status: .serviceUnavailable)
    }

    @Sendable private func result(_ request: Request, _ context: SimulatorContext) async throws -> Response {
        var request = request
        let asked = try await Self.decode([String: String].self, &request)
        return try await provider.result(of: asked?["id"], authorization: request.headers[.authorization]).response
    }

    /// Server-sent events until the task's end, or the client's.
    private func stream(_ taskID: String) -> Response {
        let body = ResponseBody { writer in
            while let step = await provider.step(of: taskID) {
                let object = try CannedAnswer.bytes(step.object)
                try await writer.write(ByteBuffer(bytes: Array("data: ".utf8) + object + Array("\n\n".utf8)))
                guard !step.isLast else { break }
                try await cancelWhenGracefulShutdown {
                    try await Task.sleep(for: .microseconds(step.pauseMicroseconds))
                }
            }
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: [.contentType: "text/event-stream"], body: body)
    }

    /// The body as a value, or nil where it is none.
    static func decode<Value: Decodable>(_ type: Value.Type, _ request: inout Request) async throws -> Value? {
        let body = try await request.collectBody(upTo: requestBytes)
        return try? JSONDecoder().decode(type, from: Data(body.readableBytesView))
    }
}

/// A request's context that can break its own line.
struct SimulatorContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    private let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }

    /// Closes the line without an answer.
    func breakLine() async {
        try? await channel.close()
    }
}

/// What a client sends to have a video rendered.
struct SubmissionForm: Decodable, Sendable {
    let model: String?
    let prompt: String?
    let aspectRatio: String?
    let duration: Int64?
    let size: String?
    let urls: [String]?
    let webHook: String?
    let shutProgress: Bool?

    /// The model, where everything is as the provider documents it.
    ///
    /// - Parameter forSora: which of the two addresses was called.
    func model(forSora: Bool) -> SimulatedModel? {
        guard let model = SimulatedModel(rawValue: model ?? (forSora ? "sora-2" : "")), model.isSora == forSora,
            let prompt, !prompt.isEmpty,
            ["16:9", "9:16"].contains(aspectRatio ?? "9:16"),
            (urls ?? []).count <= 3
        else { return nil }
        guard forSora else { return model }
        return [10, 15].contains(duration ?? 10) && ["small", "large"].contains(size ?? "small") ? model : nil
    }

    /// The callback address; nil for none.
    var callbackURL: String? { webHook == "-1" ? nil : webHook }

    /// The end of a callback address behind its last separator, which our clients make a submission's nonce.
    static func nonce(of callbackURL: String) -> String? {
        let end = callbackURL.split { "/=?&#".contains($0) }.last.map(String.init)
        return end?.isEmpty == false ? end : nil
    }
}
