import Foundation

/// A folder for what is worked out and never shown, as a preview works it out.
enum PreviewFolder {
    /// Lets the body work with the path of one, and removes it with all that is in it.
    static func with<Result>(_ body: (String) async throws -> Result) async rethrows -> Result {
        let folder = NSTemporaryDirectory() + "/daybook-preview-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        return try await body(folder)
    }
}
