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
