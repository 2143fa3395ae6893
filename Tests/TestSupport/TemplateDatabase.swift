import Foundation
public import Postgres

/// A database that is made once, when the first test asks for it; every test gets a copy of its own.
public struct TemplateDatabase: Sendable {
    /// The sample deployment, with Daybook's schema, accounts, probes and maintenance.
    public static let sample = TemplateDatabase { try await Deployment.loadSample(into: $0) }

    /// The whole system as Daybook makes it, without anybody in it.
    public static let engine = TemplateDatabase {
        try await ProgramRun.expectingSuccess(["database", "migrate", "--database", Deployment.conninfo($0)])
    }

    private let making: Task<TestDatabase, any Error>

    /// Makes it, empty or as a copy of another template, and prepares it by the body, which leaves nobody connected.
    ///
    /// It is begun at once: keep it in a `static let`, which is only made when it is asked for.
    public init(
        copyOf original: TemplateDatabase? = nil,
        _ prepare: @escaping @Sendable (ConnectionSettings) async throws -> Void
    ) {
        making = Task {
            let database = try await TestDatabase.create(copyOf: original?.making.value)
            try await prepare(database.settings)
            return database
        }
    }

    /// A fresh copy, which the test drops.
    public func copy() async throws -> TestDatabase {
        try await TestDatabase.create(copyOf: try await making.value)
    }

    /// Runs the body with a fresh copy, which is dropped afterwards.
    public nonisolated(nonsending) func with<Result>(
        _ body: (ConnectionSettings) async throws -> Result
    ) async throws -> Result {
        try await copy().lend(body)
    }
}

/// Runs the body with a copy of the sample deployment, which is dropped afterwards.
public nonisolated(nonsending) func withSample<Result>(
    _ body: (ConnectionSettings) async throws -> Result
) async throws -> Result {
    try await TemplateDatabase.sample.with(body)
}

/// Runs the body with a database of the whole system, which is dropped afterwards.
public nonisolated(nonsending) func withEngine<Result>(
    _ body: (ConnectionSettings) async throws -> Result
) async throws -> Result {
    try await TemplateDatabase.engine.with(body)
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
