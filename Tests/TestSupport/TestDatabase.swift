import Foundation
public import Postgres

/// A fresh database of one test's own.
public struct TestDatabase: Sendable {
    /// Its name, which no other database has.
    public let name: String
    /// How to reach it.
    public let settings: ConnectionSettings
    private let cluster: TestCluster

    /// Makes a database, empty or as a copy of another one to which nobody is connected.
    public static func create(
        in cluster: TestCluster? = nil, copyOf original: TestDatabase? = nil
    ) async throws -> TestDatabase {
        let cluster = try cluster ?? TestCluster.shared
        let name = "test_" + UUID().uuidString.lowercased().filter { $0 != "-" }
        let template = original.map { " TEMPLATE \($0.name)" } ?? ""
        try await execute("CREATE DATABASE \(name)\(template)", in: cluster.settings())
        return TestDatabase(name: name, settings: cluster.settings(database: name), cluster: cluster)
    }

    /// Removes the database and ends who is still connected to it.
    public func drop() async throws {
        try await execute("DROP DATABASE IF EXISTS \(name) WITH (FORCE)", in: cluster.settings())
    }

    /// Runs the body with the database, and drops it, however the body ended.
    public nonisolated(nonsending) func lend<Result>(
        _ body: (ConnectionSettings) async throws -> Result
    ) async throws -> Result {
        do {
            let result = try await body(settings)
            try await drop()
            return result
        } catch {
            try? await drop()
            throw error
        }
    }
}

/// Runs the body with a fresh database, which is dropped afterwards.
public nonisolated(nonsending) func withDatabase<Result>(
    _ body: (ConnectionSettings) async throws -> Result
) async throws -> Result {
    try await TestDatabase.create().lend(body)
}

/// Runs the body with a connection to a fresh database.
public nonisolated(nonsending) func withConnection<Result>(
    _ body: (Connection) async throws -> Result
) async throws -> Result {
    try await withDatabase { settings in
        let connection = try await Connection.open(settings)
        do {
            let result = try await body(connection)
            await connection.close()
            return result
        } catch {
            await connection.close()
            throw error
        }
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

/// Runs the body as a login of its own, which may read every table and nothing else, and removes it afterwards.
///
/// `rights` is a script of the superuser's, in the same database, in which `LOGIN` stands for the login's name.
@discardableResult
public nonisolated(nonsending) func withLogin<Result>(
    _ settings: ConnectionSettings, attributes: String = "BYPASSRLS",
    rights: String = "GRANT pg_read_all_data TO LOGIN",
    _ body: (ConnectionSettings) async throws -> Result
) async throws -> Result {
    let name = "login_" + UUID().uuidString.lowercased().filter { $0 != "-" }
    try await execute(
        "CREATE ROLE \(name) LOGIN \(attributes); " + rights.replacing("LOGIN", with: name), in: settings)
    var login = settings
    login.options["user"] = name
    let removal = "DROP OWNED BY \(name) CASCADE; DROP ROLE \(name)"
    do {
        let result = try await body(login)
        try await execute(removal, in: settings)
        return result
    } catch {
        try? await execute(removal, in: settings)
        throw error
    }
}
