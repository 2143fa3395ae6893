/// A file of SQL that a report is counted by.
public struct QueryFile: Sendable, Hashable {
    /// Its path below the report's folder, `sources/task.sql`.
    public let path: String
    public let text: String
    /// SHA-256 of the file's bytes, in hexadecimal digits.
    public let sha256: String

    public init(path: String, text: String, sha256: String) {
        self.path = path
        self.text = text
        self.sha256 = sha256
    }
}
