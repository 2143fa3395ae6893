import Digests

/// One step of the schema: its number, its name and its SQL.
public struct Migration: Sendable {
    public let version: Int64
    public let name: String
    public let sql: String

    /// SHA-256 of the SQL: a migration that was applied may never be edited afterwards.
    public var sha256: String { SHA256Digest.hex(sql) }

    public init(version: Int64, name: String, sql: String) {
        self.version = version
        self.name = name
        self.sql = sql
    }

    /// Every migration of this program, in order.
    public static let all: [Migration] = [
        Migration(
            version: 1, name: "books", sql: String(decoding: PackageResources._01_books_sql, as: UTF8.self))
    ]
}
