import Foundation
import Postgres
import Schema
import TestSupport

/// A server of a test's own, because roles are the whole server's, with an owner of databases who is no superuser.
struct RoleServer: Sendable {
    static let owner = "books_owner"
    let cluster: TestCluster

    /// Runs the body with a server, which is stopped afterwards.
    static func run(
        port: Int, hbaLines: [String] = [], _ body: (RoleServer) async throws -> Void
    ) async throws {
        let server = RoleServer(cluster: try TestCluster(port: port, hbaLines: hbaLines))
        try await execute("CREATE ROLE \(owner) LOGIN CREATEROLE", in: server.cluster.settings())
        try await body(server)
        try server.cluster.stop()
    }

    /// A new database, which belongs to the owner.
    func database() async throws -> ConnectionSettings {
        let database = try await TestDatabase.create(in: cluster)
        try await execute("ALTER DATABASE \(database.name) OWNER TO \(Self.owner)", in: cluster.settings())
        return database.settings
    }

    /// The sample deployment, whose tables are the application's, in a database of the owner.
    func sample() async throws -> ConnectionSettings {
        let settings = try await database()
        let folder = try ScratchFolder()
        let script = try folder.write(try Deployment.sampleScript(), to: "sample.sql")
        try await Deployment.load(file: script, into: Self.login(settings, Self.owner))
        return settings
    }

    /// The same database, by another login.
    static func login(_ settings: ConnectionSettings, _ role: String) -> ConnectionSettings {
        var settings = settings
        settings.options["user"] = role
        return settings
    }

    /// Runs `daybook` on a database as a role, the superuser where none is named.
    static func daybook(
        _ arguments: [String], _ settings: ConnectionSettings, as role: String? = nil
    ) async throws -> ProgramRun {
        let settings = role.map { login(settings, $0) } ?? settings
        return try await ProgramRun(arguments + ["--database", Deployment.conninfo(settings)])
    }

    /// Runs `daybook` as the owner; it has to succeed.
    static func asOwner(_ arguments: [String], _ settings: ConnectionSettings) async throws {
        try await ProgramRun.expectingSuccess(
            arguments + ["--database", Deployment.conninfo(login(settings, owner))])
    }

    /// Rows of a query as text, a row a line.
    static func lines(_ query: String, _ settings: ConnectionSettings) async throws -> [String] {
        let connection = try await Connection.open(settings)
        let lines = try await connection.run { session in
            try session.query(query).map { row in
                try row.columns.indices.map { try row.string($0) ?? "" }.joined(separator: " | ")
            }
        }
        await connection.close()
        return lines
    }

    /// Runs a script as a role, and gives the message of the refusal; nil where it was not refused.
    static func refusal(of sql: String, as role: String, _ settings: ConnectionSettings) async throws -> String? {
        do {
            try await execute(sql, in: login(settings, role))
            return nil
        } catch let error as PostgresError {
            return "\(error.sqlState?.rawValue ?? "") \(error.message ?? "")"
        }
    }
}
