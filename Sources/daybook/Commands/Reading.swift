import Domain
import Postgres
import Schema

/// What the commands that list something read.
enum Reading {
    static func accounts(_ database: DatabaseOptions) async throws -> [Account] {
        try await books(database) { try $0.accounts() }
    }

    static func account(_ slug: String, _ database: DatabaseOptions) async throws -> Account {
        try Account.named(slug, among: try await accounts(database))
    }

    static func profiles(_ database: DatabaseOptions) async throws -> [String: String] {
        try await books(database) { try $0.latestProfiles() }
    }

    /// Rows of a query as text, with empty text for null.
    static func texts(_ database: DatabaseOptions, _ sql: String) async throws -> [[String]] {
        try await database.withConnection { connection in
            try await connection.transaction(.snapshot) { session in
                let known = try session.query("SELECT to_regclass('daybook.migration') IS NOT NULL AS exists")
                guard try known[0].bool("exists") else {
                    throw DaybookError.configuration(
                        "This database has no schema daybook; run: daybook database migrate")
                }
                return try session.query(sql).map { row in try row.columns.indices.map { try row.string($0) ?? "" } }
            }
        }
    }

    private static func books<Value: Sendable>(
        _ database: DatabaseOptions, _ body: @escaping @Sendable (Books) throws -> Value
    ) async throws -> Value {
        try await database.withConnection { connection in
            try await connection.transaction(.snapshot) { session in
                try body(Books(session: session, catalog: Catalog(session)))
            }
        }
    }
}
