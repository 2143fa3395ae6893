import BatchEngine
import Domain
import Formats
import Hummingbird
import NIOCore

/// The body of a request.
enum RequestBody {
    /// The whole body, up to a bound; what is announced as larger is not read at all.
    static func bytes(of request: Request) async throws -> [UInt8] {
        let tooLarge = APIError(
            .payloadTooLarge,
            "A body may have \(Limits.requestBodyBytes) bytes; divide the batch into several.")
        let announced = request.headers[.contentLength].flatMap(Int.init) ?? 0
        guard announced <= Limits.requestBodyBytes else { throw tooLarge }
        var body = BodyPieces()
        for try await buffer in request.body {
            guard body.count + buffer.readableBytes <= Limits.requestBodyBytes else { throw tooLarge }
            body.append(buffer)
        }
        return body.joined()
    }
}

/// Reads the members of a small body, strictly: what is there must make sense, and what nobody knows is named.
struct BodyReader {
    private let body: JSON
    private let unknown: [String]

    /// Throws ``InvalidRequest`` for anything but an object.
    init(_ body: JSON, known: Set<String>) throws {
        guard case .object(let members) = body else { throw InvalidRequest("", "must be a JSON object") }
        self.body = body
        unknown = members.map(\.name).filter { !known.contains($0) }
    }

    /// An answer, with a warning for each member that was passed over.
    func answer(_ answer: JSON) -> JSON {
        guard !unknown.isEmpty, case .object(let members) = answer else { return answer }
        let warnings = unknown.prefix(Limits.problemsShown).map { WireFormat.problem(.init(unknownMember: $0, of: "")) }
        return .object(members + [JSON.Member("warnings", .array(warnings))])
    }

    /// An address of a webhook; nil where it is null or empty.
    func webhookURL(_ name: String, _ rules: RequestRules, isRequired: Bool) throws -> String? {
        switch body[name] {
        case nil where isRequired: throw InvalidRequest(name, "is missing")
        case nil, .null?: return nil
        case .string(let text)? where text.isEmpty: return nil
        case .string(let text)?:
            if let reason = rules.reason(againstWebhook: text) { throw InvalidRequest(name, reason) }
            return text
        case let other?: throw InvalidRequest(name, "must be a text, not \(other.kindName)")
        }
    }

    func text(_ name: String) throws -> String? {
        switch body[name] {
        case nil, .null?: return nil
        case .string(let text)?: return text
        case let other?: throw InvalidRequest(name, "must be a text, not \(other.kindName)")
        }
    }

    func id(_ name: String) throws -> String? {
        guard let text = try text(name) else { return nil }
        guard let id = UUIDInPath.parse(text) else { throw InvalidRequest(name, "must be an id") }
        return id
    }

    func instant(_ name: String) throws -> Instant? {
        guard let text = try text(name) else { return nil }
        guard let instant = Instant(text) ?? Instant(text + "T00:00:00Z") else {
            throw InvalidRequest(name, "must be an instant like 2026-10-01T00:00:00Z, or a date")
        }
        return instant
    }

    func flag(_ name: String) throws -> Bool? {
        switch body[name] {
        case nil, .null?: return nil
        case .bool(let flag)?: return flag
        case let other?: throw InvalidRequest(name, "must be true or false, not \(other.kindName)")
        }
    }

    /// Names of hosts, in lower case.
    func hosts(_ name: String, atMost limit: Int) throws -> [String]? {
        switch body[name] {
        case nil, .null?: return nil
        case .array(let elements)?:
            guard elements.count <= limit else { throw InvalidRequest(name, "may have \(limit) hosts") }
            return try elements.map { element in
                guard case .string(let text) = element, Self.isHost(text) else {
                    throw InvalidRequest(name, "must have hosts alone, like www.example.com")
                }
                return text.lowercased()
            }
        case let other?: throw InvalidRequest(name, "must be a list, not \(other.kindName)")
        }
    }

    private static func isHost(_ text: String) -> Bool {
        (1...253).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20) || byte == 0x2D || byte == 0x2E
            }
    }

    func number(_ name: String, within range: ClosedRange<Int64>) throws -> Int64? {
        switch body[name] {
        case nil, .null?: return nil
        case .number(let text)?:
            if let number = Int64(text), range.contains(number) { return number }
            throw InvalidRequest(name, "must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        case let other?: throw InvalidRequest(name, "must be a number, not \(other.kindName)")
        }
    }
}
