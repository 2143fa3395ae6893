import AsyncHTTPClient
public import BatchEngine
import Domain
import NIOCore
import NIOHTTP1

/// Webhooks over HTTP.
///
/// The name of an address is looked up at every attempt, what it leads to is judged, and what was judged is what is
/// connected to; the certificate is still asked for by the name. Call ``shutdown()`` when done.
public final class HTTPWebhookTransport: WebhookTransport {
    /// What may be sent to.
    public struct Rules: Sendable, Hashable {
        /// True takes http:// too: for tests.
        public var allowsPlain: Bool
        /// True takes addresses of one's own network too: for tests.
        public var allowsPrivate: Bool

        public init(allowsPlain: Bool = false, allowsPrivate: Bool = false) {
            self.allowsPlain = allowsPlain
            self.allowsPrivate = allowsPrivate
        }
    }

    /// The addresses of a name and port.
    typealias Resolve = @Sendable (String, Int) async throws -> [SocketAddress]

    private let rules: Rules
    private let lookup: HostLookup
    private let resolve: Resolve

    public convenience init(rules: Rules = Rules()) {
        let lookup = HostLookup()
        self.init(rules: rules, lookup: lookup) { try await lookup.addresses(of: $0, port: $1) }
    }

    init(rules: Rules, lookup: HostLookup = HostLookup(), resolve: @escaping Resolve) {
        self.rules = rules
        self.lookup = lookup
        self.resolve = resolve
    }

    /// No call may be under way or follow.
    public func shutdown() async throws {
        try await lookup.shutdown()
    }

    public func send(_ message: WebhookMessage) async -> WebhookAnswer? {
        let clock = ContinuousClock()
        let begunAt = clock.now
        let attempt = Attempt()
        let limit = WebhookMessage.seconds
        do {
            let (status, retryAfter) = try await withThrowingTaskGroup(of: (Int, Int64?).self) { group in
                group.addTask {
                    try await Task.sleep(for: .seconds(limit))
                    throw DaybookError(.tryAgain, "there was no answer within \(limit) seconds")
                }
                group.addTask { try await self.exchange(message, attempt) }
                defer { group.cancelAll() }
                guard let answer = try await group.next() else { throw CancellationError() }
                return answer
            }
            return WebhookAnswer(
                status: status, milliseconds: (clock.now - begunAt).milliseconds, address: await attempt.address,
                retryAfter: retryAfter)
        } catch {
            if Task.isCancelled { return nil }
            return WebhookAnswer(
                status: nil, milliseconds: (clock.now - begunAt).milliseconds, address: await attempt.address,
                cause: Self.cause(error))
        }
    }

    private func exchange(_ message: WebhookMessage, _ attempt: Attempt) async throws -> (Int, Int64?) {
        let place = try WebhookAddress(message.url, allowsPlain: rules.allowsPlain)
        let found = try await resolve(place.host, place.port)
        guard let address = found.first(where: { rules.allowsPrivate || PublicAddress.contains($0) }),
            let text = address.ipAddress
        else {
            throw DaybookError.badData(
                "\(place.host) leads to \(found.first?.ipAddress ?? "no address"), which is not on the public internet")
        }
        await attempt.connects(to: text)
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow, timeout: .init(connect: .seconds(WebhookMessage.seconds)))
        configuration.httpVersion = .http1Only
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.dnsOverride = [place.host: text]
        // A client for this call alone: what it may connect to is this address.
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        do {
            let answer = try await post(message, client)
            try await client.shutdown()
            return answer
        } catch {
            try? await client.shutdown()
            throw error
        }
    }

    private func post(_ message: WebhookMessage, _ client: HTTPClient) async throws -> (Int, Int64?) {
        var request = HTTPClientRequest(url: message.url)
        request.method = .POST
        for header in message.headers { request.headers.add(name: header.name, value: header.value) }
        request.body = .bytes(message.body, length: .known(Int64(message.body.count)))
        // The head says all that counts: the rest of an answer is not read.
        let response = try await client.execute(request, timeout: .seconds(WebhookMessage.seconds + 1))
        let retryAfter = response.headers.first(name: "retry-after").flatMap { Int64($0) }
        return (Int(response.status.code), retryAfter.map { max(0, $0) })
    }

    private static func cause(_ error: any Error) -> String {
        switch error {
        case let error as DaybookError: error.sentence
        case let defect as WebhookAddress.Defect: "the address \(defect.reason)"
        case let error as HTTPClientError: error.shortDescription
        default: String(describing: error)
        }
    }

    /// What is known of an attempt also where it fails.
    private actor Attempt {
        private(set) var address: String?

        func connects(to address: String) { self.address = address }
    }
}

extension Duration {
    fileprivate var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000 + attoseconds / 1_000_000_000_000_000
    }
}
