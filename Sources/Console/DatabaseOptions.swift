public import ArgumentParser
import Domain
import Foundation
public import Postgres
import Synchronization

/// Which database a command works on.
public struct DatabaseOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A PostgreSQL URL or connection string. Default: DATABASE_URL, libpq's environment, a private server.",
            valueName: "url"))
    public var database: String?

    @Option(
        name: .customLong("private-database"),
        help: ArgumentHelp(
            "The database of the private server, whatever the environment names. Default: "
                + "\(PrivateCluster.defaultDatabase).", valueName: "name"))
    public var namedPrivateDatabase: String?

    public init() {}

    public func validate() throws {
        guard database == nil || namedPrivateDatabase == nil else {
            throw ValidationError(
                "--database names one database and --private-database another: leave one of them out.")
        }
    }

    public var privateDatabase: String { namedPrivateDatabase ?? PrivateCluster.defaultDatabase }

    /// True where the command line names no database.
    public var isUnnamed: Bool { database == nil && namedPrivateDatabase == nil }

    /// The database of the user's own choice, nil where none is named.
    public var named: ConnectionSettings? {
        if let database { return ConnectionSettings(conninfo: database) }
        // What is said on the command line is not overruled by the environment.
        guard namedPrivateDatabase == nil else { return nil }
        if let url = Setting.database.value() { return ConnectionSettings(conninfo: url) }
        let environment = ProcessInfo.processInfo.environment
        let variables = ["PGHOST", "PGHOSTADDR", "PGSERVICE", "PGDATABASE", "PGPORT"]
        let isNamed = variables.contains { environment[$0]?.isEmpty == false }
        return isNamed ? ConnectionSettings() : nil
    }

    /// How to reach the database; a private server is created and started where that is what it takes.
    public func settings() async throws -> ConnectionSettings {
        if let database, ConnectionSettings(conninfo: database).holdsPassword {
            ExposedSecret.tell(of: "--database", advice: ExposedSecret.passwordFile)
        }
        if let named { return named }
        return try await PrivateCluster().ensureRunning(database: privateDatabase)
    }

    /// Connects, lets the body work, and closes the connection.
    public func withConnection<Result: Sendable>(_ body: (Connection) async throws -> Result) async throws -> Result {
        try await Self.withConnection(try await settings(), body)
    }

    /// Connects, lets the body work, and closes the connection.
    public static func withConnection<Result: Sendable>(
        _ settings: ConnectionSettings, _ body: (Connection) async throws -> Result
    ) async throws -> Result {
        let connection = try await Connection.open(settings)
        do {
            let result = try await body(connection)
            if let replayedAt = await connection.replay?.replayedAt {
                Terminal.say("daybook: read on a standby, which had replayed its primary's changes to \(replayedAt).")
            }
            await connection.close()
            return result
        } catch {
            await connection.close()
            throw error
        }
    }

    /// Connects, refuses a pooler for `work`, lets the body work, and closes the connection.
    public func withDirectConnection<Result: Sendable>(
        for work: String, _ body: (DirectConnection) async throws -> Result
    ) async throws -> Result {
        try await withConnection { try await body(try await $0.direct(for: work)) }
    }

    /// Connects a few times more, as often as the server has room for it, and lets the body work with those too.
    ///
    /// Behind a pooler there are none: the first connection may hold the only server that it has.
    public static func withFurtherConnections<Result: Sendable>(
        _ count: Int, _ settings: ConnectionSettings, beside first: Connection,
        _ body: ([DirectConnection]) async throws -> Result
    ) async throws -> Result {
        var further: [DirectConnection] = []
        func close() async { for connection in further { await connection.close() } }
        for _ in 0..<(await first.isPooled ? 0 : count) {
            guard let connection = try? await Connection.open(settings) else { break }
            guard let direct = try? await connection.direct(for: "Reading ahead") else {
                await connection.close()
                break
            }
            further.append(direct)
        }
        do {
            let result = try await body(further)
            await close()
            return result
        } catch {
            await close()
            throw error
        }
    }
}

/// Tells of passwords on the command line, which every user of the machine sees in the list of processes.
public enum ExposedSecret {
    /// What to do about a password of the database.
    public static let passwordFile = "put it into ~/.pgpass (chmod 600), and leave it out here"
    /// The same of a mail server's.
    public static let netrcFile = "put it into ~/.netrc (chmod 600), and leave it out here"

    private static let told = Mutex<Set<String>>([])

    /// Says once an option that what it was given holds a password.
    ///
    /// - Parameter advice: What to do instead.
    public static func tell(of option: String, advice: String) {
        guard told.withLock({ $0.insert(option).inserted }) else { return }
        let program = CommandLine.arguments.first?.split(separator: "/").last ?? "daybook"
        Terminal.say(
            "\(program): the password in \(option) is to be seen in the list of processes, by everybody on this "
                + "machine; \(advice).")
    }

    /// Says so where an address has a password in it.
    public static func tell(ofAddress address: String?, in option: String, advice: String) {
        guard let address, URLComponents(string: address)?.password?.isEmpty == false else { return }
        tell(of: option, advice: advice)
    }
}
