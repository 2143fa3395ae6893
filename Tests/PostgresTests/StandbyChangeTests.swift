import Postgres
import TestSupport
import Testing

extension StandbyTests {
    /// Servers that take no changes.
    @Suite struct Changes {
        private static let changes: [(String, @Sendable (Session) throws -> Void)] = [
            (
                "a transaction",
                { session in try session.transaction { _ = try session.execute("INSERT INTO public.books VALUES (0)") }
                }
            ),
            ("a statement", { try $0.execute("DELETE FROM public.books") }),
            ("a script", { try $0.executeScript("CREATE TABLE public.pages (id bigint); DROP TABLE public.pages") }),
            ("a statement alone", { try $0.executeAlone("CREATE DATABASE another") }),
            ("a COPY", { session in _ = try session.copyIn("COPY public.books FROM STDIN") { try $0.write("0\n") } }),
            ("a strong lock", { try $0.execute("DO $$ BEGIN LOCK TABLE public.books IN SHARE MODE; END $$") }),
            ("a notification", { try $0.execute("NOTIFY books") }),
            (
                "a serializable transaction",
                { session in
                    let options = TransactionOptions(isolation: .serializable)
                    try session.transaction(options) { _ = try session.execute("INSERT INTO public.books VALUES (0)") }
                }
            ),
            ("nothing yet", { try $0.requireWritable() }),
        ]

        /// Every change is refused as that of a standby.
        private static func expectRefusals(_ settings: ConnectionSettings) async throws {
            for (what, change) in changes {
                let connection = try await Connection.open(settings)
                let error = await #expect(throws: PostgresError.self) {
                    try await connection.run { session in
                        try session.executeScript("SELECT 1")
                        try change(session)
                    }
                }
                #expect(error?.code == .standby, "\(what): \(error?.debugDescription ?? "")")
                #expect(error?.sentence.contains("on the primary") == true)
                await connection.close()
            }
        }

        @Test(arguments: [ConnectionSettings.NameLookup.system, .login])
        func `a change on a standby says that it is one and what to do, however it is made`(
            lookup: ConnectionSettings.NameLookup
        ) async throws {
            try await StandbyTests.withPair { _, _, standby in
                var settings = standby
                settings.nameLookup = lookup
                try await Self.expectRefusals(settings)
            }
        }

        @Test func `through a pooler as well, and the instant of a snapshot is that of the standby behind it`()
            async throws
        {
            try await StandbyTests.withPair { pair, primary, _ in
                let pooler = try TestPooler(mode: "transaction", size: 1, cluster: pair.standby)
                let pooled = try await pooler.settings(primary)
                try await Self.expectRefusals(pooled)
                let connection = try await Connection.open(pooled)
                let snapshotAt = try await connection.transaction(StandbyTests.noting) { try $0.snapshotInstant() }
                #expect(await connection.isPooled)
                #expect(await connection.replay?.replayedAt == snapshotAt)
                await connection.close()
            }
        }

        @Test func `a database that is read-only by default says so, and a transaction that reads is not blamed on it`()
            async throws
        {
            try await withDatabase { settings in
                try await execute("CREATE TABLE books (id bigint PRIMARY KEY)", in: settings)
                var readOnly = settings
                readOnly.options["options"] = "-c default_transaction_read_only=on"
                for change in [
                    Self.changes[0], Self.changes[1], Self.changes[2], Self.changes[4], Self.changes[8],
                ] {
                    let connection = try await Connection.open(readOnly)
                    let error = await #expect(throws: PostgresError.self) { try await connection.run(change.1) }
                    #expect(error?.code == .readOnlyDatabase, "\(change.0)")
                    #expect(error?.sentence.contains("default_transaction_read_only") == true)
                    await connection.close()
                }
                let connection = try await Connection.open(settings)
                let own = await #expect(throws: PostgresError.self) {
                    try await connection.transaction(.snapshot) {
                        try $0.execute("INSERT INTO public.books VALUES (1)")
                    }
                }
                #expect(own?.code == .server && own?.sqlState == .readOnlyTransaction)
                await connection.close()
            }
        }

        @Test func `a pool keeps no connection that takes no changes, and works again as soon as the server does`()
            async throws
        {
            // A pair of this test's own: a promoted standby follows nobody.
            let pair = try StandbyPair(of: try StandbyTests.pair.get().primary)
            let pool = ConnectionPool(pair.onStandby(pair.primary.settings()), limits: .init(maxConnections: 2))
            let write = "CREATE TABLE IF NOT EXISTS after_promotion (id bigint)"
            let first = try await pool.run { $0.serverProcessID }
            for _ in 1...2 {
                let error = await #expect(throws: PostgresError.self) {
                    try await pool.transaction { try $0.execute(write) }
                }
                #expect(error?.code == .standby)
            }
            #expect(try await pool.run { $0.serverProcessID } != first)
            try pair.standby.promote()
            try await pool.transaction { try $0.execute(write) }
            let kept = try await pool.run { $0.serverProcessID }
            #expect(try await pool.run { $0.serverProcessID } == kept)
            await pool.close()
            try pair.standby.stop()
        }

        @Test func `a pool gives up what the database made read-only, and works when the database takes changes again`()
            async throws
        {
            try await withDatabase { settings in
                let name = try #require(settings.options["dbname"])
                try await execute("ALTER DATABASE \(name) SET default_transaction_read_only = on", in: settings)
                let pool = ConnectionPool(settings, limits: .init(maxConnections: 1))
                let error = await #expect(throws: PostgresError.self) {
                    try await pool.run { try $0.execute("CREATE TABLE books (id bigint)") }
                }
                #expect(error?.code == .readOnlyDatabase)
                // A session keeps the setting with which it began.
                var writable = settings
                writable.options["options"] = "-c default_transaction_read_only=off"
                try await execute("ALTER DATABASE \(name) RESET default_transaction_read_only", in: writable)
                try await pool.run { try $0.execute("CREATE TABLE books (id bigint)") }
                await pool.close()
            }
        }
    }
}
