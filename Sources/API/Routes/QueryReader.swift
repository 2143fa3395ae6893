import BatchEngine
import Domain
import Foundation
import Hummingbird

/// Reads the parameters of an address, strictly: what is there must make sense.
struct QueryReader {
    private let request: Request

    init(_ request: Request) {
        self.request = request
    }

    /// Nil for a parameter that is missing or empty.
    func text(_ name: String) -> String? {
        guard let text = request.uri.queryParameters[Substring(name)], !text.isEmpty else { return nil }
        return String(text)
    }

    /// One of some words.
    func choice<Choice: RawRepresentable>(_ name: String, _ choices: [Choice]) throws -> Choice?
    where Choice.RawValue == String {
        guard let text = text(name) else { return nil }
        guard let choice = Choice(rawValue: text) else {
            throw InvalidRequest(name, "must be one of \(choices.map(\.rawValue).joined(separator: ", "))")
        }
        return choice
    }

    /// How many elements a page has; more than the most is the most.
    func limit(_ bounds: (standard: Int, most: Int)) throws -> Int64 {
        guard let text = text("limit") else { return Int64(bounds.standard) }
        guard let limit = Int64(text), limit >= 1 else { throw InvalidRequest("limit", "must be a number from 1 on") }
        return min(limit, Int64(bounds.most))
    }

    /// How many elements come before the page; beside a cursor none can.
    func offset() throws -> Int64 {
        guard let text = text("offset") else { return 0 }
        guard self.text("cursor") == nil else { throw InvalidRequest("offset", "has no place beside a cursor") }
        guard let offset = Int64(text), (0...Int64(Limits.pageOffset)).contains(offset) else {
            throw InvalidRequest("offset", "must be a number from 0 to \(Limits.pageOffset)")
        }
        return offset
    }

    /// An instant, or a date, which is its first instant in UTC.
    func instant(_ name: String) throws -> Instant? {
        guard let text = text(name) else { return nil }
        // In an address a plus is a blank.
        let written = text.replacing(" ", with: text.contains("T") ? "+" : " ")
        guard let instant = Instant(written) ?? Instant(text + "T00:00:00Z") else {
            throw InvalidRequest(name, "must be an instant like 2026-10-01T00:00:00Z, or a date")
        }
        return instant
    }

    /// An id.
    func id(_ name: String) throws -> String? {
        guard let text = text(name) else { return nil }
        guard let id = UUIDInPath.parse(text) else { throw InvalidRequest(name, "must be an id") }
        return id
    }
}

/// Ids in addresses.
enum UUIDInPath {
    /// The id in PostgreSQL's own form; nil for anything that is no UUID with hyphens.
    static func parse(_ text: String) -> String? {
        UUID(uuidString: text).map { $0.uuidString.lowercased() }
    }
}
