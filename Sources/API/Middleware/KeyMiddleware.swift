import BatchEngine
import HTTPTypes
import Hummingbird
import Postgres
import Synchronization

/// Lets in who shows a key that is known and within its limit, and says in every answer what is left of that.
struct KeyMiddleware: RouterMiddleware {
    typealias Context = APIContext

    let pool: ConnectionPool
    let doorkeeper: Doorkeeper
    let traffic: Traffic
    let uses: KeyUses
    /// True where who shows no key at all is let through too, as nobody.
    var letsStrangersPass = false

    func handle(
        _ request: Request, context: APIContext, next: (Request, APIContext) async throws -> Response
    ) async throws -> Response {
        guard let key = Self.key(of: request) else {
            if letsStrangersPass { return try await next(request, context) }
            throw APIError(.missingAPIKey, "Send your API key in the header x-api-key.")
        }
        try await doorkeeper.pause(before: key, at: context.countedAddress)
        let admission = try await pool.run { try Keys($0).admit(key, from: context.remoteAddress) }
        switch admission {
        case .unknownKey, .foreignAddress: doorkeeper.showedWrongKey(key, at: context.countedAddress)
        case .inactiveCustomer, .expired, .tooMany, .admitted:
            doorkeeper.showedKnownKey(key)
            traffic.showedKnownKey(context.connection)
        }
        switch admission {
        case .unknownKey: throw APIError(.invalidAPIKey, "This API key is not valid, or no longer.")
        case .foreignAddress(let caller):
            throw note(
                APIError(.addressNotAllowed, "This API key may not be used from your address."), caller, request,
                context)
        case .expired(let caller):
            throw note(
                APIError(.apiKeyExpired, "This API key has expired; ask for a new one."), caller, request, context)
        case .inactiveCustomer: throw APIError(.accountInactive, "This account is not active.")
        case .tooMany(let caller, let allowance):
            var error = APIError(
                .rateLimitExceeded, "This key may make \(allowance.perMinute) requests a minute; wait a little.")
            error.retryAfterSeconds = max(allowance.waitSeconds, 1)
            return answer(note(error, caller, request, context), request, context, allowance)
        case .admitted(let caller, let allowance):
            var context = context
            context.caller = caller
            context.findings.found(caller)
            var response: Response
            do {
                response = try await next(request, context)
                Self.add(allowance, to: &response)
            } catch {
                response = answer(APIError(error, request, context.logger), request, context, allowance)
            }
            note(caller, Int(response.status.code), isAdmitted: true, request, context)
            return response
        }
    }

    /// Notes that a key which is known was not let in.
    private func note(
        _ error: APIError, _ caller: Caller, _ request: Request, _ context: APIContext
    ) -> APIError {
        context.findings.found(caller)
        note(caller, error.code.status.code, isAdmitted: false, request, context)
        return error
    }

    private func note(
        _ caller: Caller, _ status: Int, isAdmitted: Bool, _ request: Request, _ context: APIContext
    ) {
        let endpoint = "\(request.method.rawValue) \(context.endpointPath ?? "")"
        uses.note(caller, endpoint, status, isAdmitted: isAdmitted, from: context.remoteAddress, at: context.beganAt)
    }

    private func answer(
        _ error: APIError, _ request: Request, _ context: APIContext, _ allowance: Allowance
    ) -> Response {
        context.findings.errorCode = error.code.rawValue
        var response = Response(error, to: request)
        Self.add(allowance, to: &response)
        return response
    }

    /// The header fields of draft-ietf-httpapi-ratelimit-headers.
    private static func add(_ allowance: Allowance, to response: inout Response) {
        response.headers[.rateLimitPolicy] = "\"key\";q=\(allowance.perMinute);w=60"
        response.headers[.rateLimit] = "\"key\";r=\(allowance.remaining);t=\(allowance.waitSeconds)"
    }

    static func key(of request: Request) -> String? {
        if let key = request.headers[.apiKey], !key.isEmpty { return key }
        guard let header = request.headers[.authorization] else { return nil }
        let words = header.split(separator: " ", omittingEmptySubsequences: true)
        guard words.count == 2, words[0].lowercased() == "bearer" else { return nil }
        return String(words[1])
    }
}

/// The rules for strangers, shared by all requests.
final class Doorkeeper: Sendable {
    private let strangers: Mutex<Strangers>

    init(_ bounds: ServerBounds) {
        strangers = Mutex(Strangers(keylessPerMinute: bounds.keylessPerMinute))
    }

    /// Waits where a key that nobody has shown yet comes from an address that has guessed.
    func pause(before key: String, at address: String) async throws {
        let milliseconds = strangers.withLock { $0.pause(before: key, at: address, now: Traffic.now) }
        if milliseconds > 0 { try await Task.sleep(for: .milliseconds(milliseconds)) }
    }

    func showedKnownKey(_ key: String) {
        strangers.withLock { $0.showedKnownKey(key) }
    }

    func showedWrongKey(_ key: String, at address: String) {
        strangers.withLock { $0.showedWrongKey(key, at: address, now: Traffic.now) }
    }

    /// Counts a call without a key. Throws ``APIError`` where it is one too many.
    func countKeylessCall(at address: String) throws {
        guard let wait = strangers.withLock({ $0.countKeylessCall(at: address, now: Traffic.now) }) else { return }
        var error = APIError(
            .rateLimitExceeded, "Too many calls without an API key came from your address; send it in x-api-key.")
        error.retryAfterSeconds = min((wait + 999) / 1000 + 1, 60)
        throw error
    }
}

extension HTTPField.Name {
    static let apiKey = known("x-api-key")
    static let idempotencyKey = known("idempotency-key")
    static let requestID = known("x-request-id")
    static let rateLimit = known("ratelimit")
    static let rateLimitPolicy = known("ratelimit-policy")
    static let nextCursor = known("x-next-cursor")
    static let resultsComplete = known("x-results-complete")

    static func known(_ name: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(name) else { preconditionFailure("\(name) is a valid name of a header") }
        return name
    }
}
