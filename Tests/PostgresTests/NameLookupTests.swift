import Domain
import Postgres
import TestSupport
import Testing

/// Where names without a schema are looked up: by SQL of ours in PostgreSQL's own catalogue, and nothing stays behind.
@Suite struct NameLookupTests {
    private static let planted = """
        CREATE FUNCTION public.upper(text) RETURNS text LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'the planted function was called'; END $$;
        CREATE FUNCTION public.same(text, text) RETURNS boolean LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'the planted operator was called'; END $$;
        CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = text, FUNCTION = public.same)
        """
    private static let query = "SELECT upper('a'::text) AS letter, 'a'::text = 'a'::text AS same"

    /// A database whose logins look in `public` first, where a function and an operator were planted.
    private func withPlanted(
        _ lookup: ConnectionSettings.NameLookup, _ body: @Sendable (Session) throws -> Void
    ) async throws {
        try await withDatabase { settings in
            try await execute(Self.planted, in: settings)
            let name = settings.options["dbname"] ?? ""
            try await execute("ALTER DATABASE \(name) SET search_path = public, pg_catalog", in: settings)
            var settings = settings
            settings.nameLookup = lookup
            let connection = try await Connection.open(settings)
            try await connection.run(body)
            await connection.close()
        }
    }

    @Test func `settings that say nothing of it look names up in PostgreSQL's own catalogue`() {
        #expect(ConnectionSettings().nameLookup == .system)
    }

    @Test func `every kind of call, in a transaction or not, finds PostgreSQL's own`() async throws {
        try await withPlanted(.system) { session in
            func calls() throws {
                #expect(try session.query(Self.query)[0].text("letter") == "A")
                #expect(try session.execute(Self.query) == 1)
                try session.executeScript("\(Self.query); \(Self.query)")
                #expect(try session.columns(of: Self.query).map(\.name) == ["letter", "same"])
                var letters: [String] = []
                try session.forEachRow(Self.query) { letters.append(try $0.text(0)) }
                try session.copyOut("COPY (\(Self.query)) TO STDOUT") { letters.append("\($0.count) bytes") }
                #expect(letters == ["A", "4 bytes"])
            }
            try calls()
            try session.transaction { try calls() }
            try session.transaction(.snapshot) { try session.savepoint { try calls() } }
            // Of the session nothing was changed: a pooler may hand it to the application.
            try session.executeAlone(
                """
                DO $$ BEGIN
                    IF current_setting('search_path') <> 'public, pg_catalog' THEN RAISE 'something stayed behind'; END IF;
                END $$
                """)
        }
    }

    @Test func `what is temporary is looked up last`() async throws {
        try await withPlanted(.system) { session in
            try session.executeScript("CREATE TEMPORARY TABLE pg_class (planted text)")
            #expect(try session.query("SELECT relname FROM pg_class LIMIT 1").count == 1)
        }
    }

    @Test func `a statement that fails outside of a transaction leaves none behind`() async throws {
        try await withPlanted(.system) { (session: Session) throws in
            #expect(throws: PostgresError.self) { try session.query("SELECT 1/0") }
            #expect(throws: PostgresError.self) { try session.executeScript("SELECT 1; SELECT 1/0") }
            #expect(!session.isInTransaction)
            #expect(try session.query(Self.query).count == 1)
        }
    }

    @Test func `somebody else's SQL is looked up as the login has it`() async throws {
        try await withPlanted(.login) { session in
            let error = #expect(throws: PostgresError.self) { try session.query(Self.query) }
            #expect(error?.message?.contains("was called") == true)
        }
    }
}
