import AsyncHTTPClient
public import BatchEngine
import Domain
import Foundation
import NIOCore
import NIOHTTP1

/// Grsai over HTTP.
///
/// A submission is sent once, over a connection of its own: no retry, no redirect, and no kept connection that the
/// other side may be closing just then. Polls share connections. Call ``shutdown()`` when done.
public final class GrsaiClient: Provider {
    /// Bytes of an answer that are read; real ones have a few hundred.
    static let answerBytes = 1_048_576

    private let settings: GrsaiSettings
    private let submissions: HTTPClient
    private let polls: HTTPClient

    public init(settings: GrsaiSettings) {
        self.settings = settings
        submissions = HTTPClient(
            eventLoopGroupProvider: .singleton, configuration: Self.configuration(settings, usesPerConnection: 1))
        polls = HTTPClient(
            eventLoopGroupProvider: .singleton, configuration: Self.configuration(settings, usesPerConnection: nil))
    }

    /// Ends the connections. No call may be under way or follow.
    public func shutdown() async throws {
        try await submissions.shutdown()
        try await polls.shutdown()
    }

    public func submit(_ request: ProviderRequest) async -> SubmissionAnswer {
        let remark = Remark(hiding: [settings.key, request.prompt])
        guard let body = try? Self.encode(SubmissionBody(request)) else {
            return .refused(.init(kind: .task, remark: "The task cannot be written as JSON."))
        }
        let gate = BodyGate(body: body)
        do {
            let received = try await exchange(
                submissions, SubmissionBody.path(of: request.model),
                body: .stream(gate, length: .known(Int64(body.readableBytes))), seconds: settings.submissionSeconds)
            return SubmissionReading(remark: remark).answer(received)
        } catch {
            let cause = remark.clean(Self.cause(error))
            guard gate.seal() else { return .unknown(remark: "The line to Grsai broke: \(cause).") }
            return .refused(.init(kind: .temporary, remark: "Grsai could not be reached: \(cause)."))
        }
    }

    public func status(of providerTaskID: String) async -> ProviderStatus {
        let remark = Remark(hiding: [settings.key])
        do {
            let body = try Self.encode(["id": providerTaskID])
            let received = try await exchange(
                polls, "/v1/draw/result", body: .bytes(body), seconds: settings.pollSeconds)
            return StatusReading(remark: remark).status(of: providerTaskID, received)
        } catch {
            return .unreadable(remark: "Grsai could not be asked: \(remark.clean(Self.cause(error))).")
        }
    }

    /// The credits that the account has left at Grsai, in Grsai's own unit.
    ///
    /// - Throws: `DaybookError` of kind `configuration` for a key that is refused, of kind `tryAgain` otherwise.
    public func credits() async throws -> Int64 {
        let remark = Remark(hiding: [settings.key])
        let received: ReceivedAnswer
        do {
            let body = try Self.encode(["apiKey": settings.key])
            received = try await exchange(
                polls, "/client/openapi/getAPIKeyCredits", body: .bytes(body), seconds: settings.pollSeconds)
        } catch {
            throw DaybookError(.tryAgain, "Grsai could not be asked: \(remark.clean(Self.cause(error))).")
        }
        if received.status == 401 || received.status == 403 {
            throw DaybookError.configuration("Grsai refuses the key: check the provider's key.")
        }
        let answer = LooseValue.parse(received.body)
        guard received.status == 200, answer?["code"]?.integer == 0, let left = answer?["data"]?["credits"]?.integer
        else {
            throw DaybookError(.tryAgain, "Grsai's answer about its credits (HTTP \(received.status)) cannot be read.")
        }
        return left
    }

    // MARK: - HTTP

    private static func configuration(_ settings: GrsaiSettings, usesPerConnection: Int?) -> HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow,
            timeout: .init(connect: .seconds(settings.connectSeconds)))
        configuration.httpVersion = .http1Only
        configuration.maximumUsesPerConnection = usesPerConnection
        // Slots and gates bound the calls; a queue in here would only eat their time.
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = Limits.providerConnections
        // A failure to connect is an answer, and the engine's to act on.
        configuration.connectionPool.retryConnectionEstablishment = false
        return configuration
    }

    /// One request, one answer, all of it within the time.
    private func exchange(
        _ client: HTTPClient, _ path: String, body: HTTPClientRequest.Body, seconds: Int64
    ) async throws -> ReceivedAnswer {
        var request = HTTPClientRequest(url: settings.baseURL + path)
        request.method = .POST
        request.headers.add(name: "Authorization", value: "Bearer " + settings.key)
        request.headers.add(name: "Content-Type", value: "application/json")
        request.headers.add(name: "Accept", value: "application/json")
        request.headers.add(name: "User-Agent", value: "daybook")
        request.body = body
        let prepared = request
        return try await withThrowingTaskGroup(of: ReceivedAnswer.self) { group in
            // The client's own deadline ends with the head of an answer; this one covers the body too.
            group.addTask {
                try await Task.sleep(for: .seconds(seconds))
                throw TimedOut(seconds: seconds)
            }
            group.addTask {
                let response = try await client.execute(prepared, timeout: .seconds(seconds + 1))
                let bytes = try await response.body.collect(upTo: Self.answerBytes)
                try Task.checkCancellation()
                return ReceivedAnswer(
                    status: Int(response.status.code), retryAfter: response.headers.first(name: "Retry-After"),
                    body: Array(bytes.readableBytesView))
            }
            defer { group.cancelAll() }
            guard let received = try await group.next() else { throw CancellationError() }
            return received
        }
    }

    private static func encode(_ value: some Encodable) throws -> ByteBuffer {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return ByteBuffer(bytes: try encoder.encode(value))
    }

    private static func cause(_ error: any Error) -> String {
        switch error {
        case let timedOut as TimedOut: "no answer within \(timedOut.seconds) s"
        case let client as HTTPClientError: client.shortDescription
        case is CancellationError: "the call was ended"
        default: String(describing: error)
        }
    }

    private struct TimedOut: Error {
        let seconds: Int64
    }
}
