import BatchEngine
import Domain
import Foundation
import Postgres
import Schema

/// The demo's database: made anew, with one customer, a key, credit, and a fast clock.
struct DemoDatabase {
    /// Engine seconds in a second.
    static let clockRate: Int64 = 60
    /// Hours before now at which the engine's clock starts, so that all of the demo is past when it is reported.
    private static let startHoursAgo = 2
    private static let userID = "d3300000-0000-4000-8000-000000000001"

    /// What there is to work with.
    struct Prepared: Sendable {
        let settings: ConnectionSettings
        let apiKey: String
        /// The month that the batch falls into.
        let month: Month
    }

    let name: String

    /// The environment without what would name another database.
    static var privateEnvironment: [String: String] {
        ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("PG") && $0.key != Setting.database.rawValue }
    }

    func prepare() async throws -> Prepared {
        let cluster = try PrivateCluster()
        let server = try await Connection.open(try await cluster.ensureRunning(database: "postgres"))
        let name = name
        try await server.run { session in
            try session.executeAlone("DROP DATABASE IF EXISTS \(session.quoteIdentifier(name)) WITH (FORCE)")
        }
        await server.close()
        let settings = try await cluster.ensureRunning(database: name)
        let connection = try await Connection.open(settings)
        _ = try await Migrator().migrate(connection)
        let (key, month) = try await connection.transaction { session in
            try Self.setClock(session)
            return (try Self.makeCustomer(session), try Self.month(session))
        }
        await connection.close()
        return Prepared(settings: settings, apiKey: key, month: month)
    }

    private static func setClock(_ session: Session) throws {
        try session.execute(
            """
            INSERT INTO daybook.test_clock (rate, origin, anchor) VALUES ($1, now() - $2 * interval '1 hour', now())
            """, [.int(clockRate), .int(Int64(startHoursAgo))])
    }

    private static func makeCustomer(_ session: Session) throws -> String {
        try session.execute(
            "INSERT INTO public.users (id, google_id, email, name) VALUES ($1, 'demo', 'demo@example.com', 'Demo')",
            [.uuid(userID)])
        try session.execute(
            """
            INSERT INTO daybook.account (
                user_id, slug, name, plan, currency, time_zone, retention_days, monthly_fee_usd, contract_profile)
            VALUES ($1, 'demo', 'Demo Studios', 'prepaid', 'USD', 'UTC', 90, 1500, 'standard')
            """, [.uuid(userID)])
        let package = CreditPackage.twoThousand
        let purchase = try CreditBooking(
            kind: .purchase(credits: package.credits, price: package.price), reference: "demo purchase",
            author: "demo", reason: nil)
        let bonus = try CreditBooking(
            kind: .grant(credits: 500, expiresAt: nil), reference: "demo bonus", author: "demo", reason: nil)
        for booking in [purchase, bonus] { _ = try CreditBook(session).book(booking, for: userID) }
        let terms = Keys.Terms(name: "demo", rateLimitPerMinute: 6000, maxItems: Limits.batchItems)
        return try Keys.create(for: .user(id: userID), terms, session).key.text
    }

    private static func month(_ session: Session) throws -> Month {
        let text = try session.query("SELECT to_char(daybook.clock() AT TIME ZONE 'UTC', 'YYYY-MM') AS month")[0]
            .text("month")
        guard let month = Month(text) else { preconditionFailure("PostgreSQL writes a month as YYYY-MM") }
        return month
    }
}
