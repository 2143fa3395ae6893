import Foundation
public import Postgres

/// The sample deployment, loaded once; every test gets a copy of its own.
public actor SampleDatabase {
    public static let shared = SampleDatabase()

    private var template: Task<TestDatabase, any Error>?

    /// A fresh copy, which the test drops.
    public func copy() async throws -> TestDatabase {
        let loading =
            template
            ?? Task {
                let database = try await TestDatabase.create()
                try await Deployment.loadSample(into: database.settings)
                return database
            }
        template = loading
        let original = try await loading.value
        return try await TestDatabase.create(copyOf: original)
    }
}

/// Runs the body with a copy of the sample deployment, which is dropped afterwards.
public nonisolated(nonsending) func withSample<Result>(
    _ body: (ConnectionSettings) async throws -> Result
) async throws -> Result {
    let database = try await SampleDatabase.shared.copy()
    do {
        let result = try await body(database.settings)
        try await database.drop()
        return result
    } catch {
        try? await database.drop()
        throw error
    }
}

/// Runs a script in a database.
public func execute(_ sql: String, in settings: ConnectionSettings) async throws {
    let connection = try await Connection.open(settings)
    do {
        try await connection.run { try $0.executeScript(sql) }
        await connection.close()
    } catch {
        await connection.close()
        throw error
    }
}

/// A database that has the whole system, and customers with credit.
public actor EngineDatabase {
    public static let shared = EngineDatabase()

    private var template: Task<TestDatabase, any Error>?

    /// A fresh copy, which the test drops.
    public func copy() async throws -> TestDatabase {
        let loading =
            template
            ?? Task {
                let database = try await TestDatabase.create()
                let conninfo = Deployment.conninfo(database.settings)
                try await ProgramRun.expectingSuccess(["database", "migrate", "--database", conninfo])
                return database
            }
        template = loading
        return try await TestDatabase.create(copyOf: try await loading.value)
    }
}

/// Runs the body with a database of the whole system, which is dropped afterwards.
public nonisolated(nonsending) func withEngine<Result>(
    _ body: (ConnectionSettings) async throws -> Result
) async throws -> Result {
    let database = try await EngineDatabase.shared.copy()
    do {
        let result = try await body(database.settings)
        try await database.drop()
        return result
    } catch {
        try? await database.drop()
        throw error
    }
}

/// Customers of tests.
public enum TestCustomer {
    /// A new customer with purchased and with bonus credit, by their user id.
    public static func create(
        in settings: ConnectionSettings, purchased: Int64 = 0, bonus: Int64 = 0
    ) async throws -> String {
        let userID = UUID().uuidString.lowercased()
        let connection = try await Connection.open(settings)
        try await connection.transaction { session in
            try session.execute("INSERT INTO public.users (id) VALUES ($1)", [.uuid(userID)])
            for (kind, credits) in [("purchased", purchased), ("bonus", bonus)] where credits > 0 {
                _ = try session.query(
                    "SELECT daybook.open_lot($1, $2, $3, 0, NULL, $4, $4, $5, 'a test', 'a test')",
                    [
                        .uuid(userID), .text(kind), .int(credits),
                        .text(kind == "bonus" ? "grant" : "purchase"), .text("\(kind)-\(userID)"),
                    ])
            }
        }
        await connection.close()
        return userID
    }
}
