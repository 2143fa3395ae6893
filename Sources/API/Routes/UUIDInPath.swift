import Foundation

/// Ids in addresses.
enum UUIDInPath {
    /// The id in PostgreSQL's own form; nil for anything that is no UUID with hyphens.
    static func parse(_ text: String) -> String? {
        UUID(uuidString: text).map { $0.uuidString.lowercased() }
    }
}
