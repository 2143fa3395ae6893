import Postgres
import Schema
import TestSupport
import Testing

/// By which rights visitors can move credit: each way is planted alone, tried as the visitor, named, and ended by the
/// statement that is named with it; then all of them together.
@Suite(.serialized, .timeLimit(.minutes(5))) struct CreditRightsTests {
    /// A server of this suite's own, because roles are the whole server's; with the deployment and a customer.
    private actor Server {
        static let shared = Server()
        private var settings: ConnectionSettings?
        private var cluster: TestCluster?

        func database() async throws -> ConnectionSettings {
            if let settings { return settings }
            let cluster = try TestCluster(port: 5463)
            let database = try await TestDatabase.create(in: cluster)
            try await execute(
                "CREATE ROLE anon; CREATE ROLE authenticated; CREATE ROLE service_role BYPASSRLS", in: database.settings
            )
            try await Deployment.load(
                file: Deployment.root + "/Tests/Oracle/deployed/deployment.sql", into: database.settings)
            try await execute(
                """
                INSERT INTO public.users (id, google_id, email)
                VALUES ('11111111-2222-3333-4444-555555555555', 'g', 'a@b.example');
                INSERT INTO public.credit_wallet (user_id) VALUES ('11111111-2222-3333-4444-555555555555');
                INSERT INTO public.credit_ledger (user_id, type, credits_delta)
                VALUES ('11111111-2222-3333-4444-555555555555', 'adjust', 1);
                REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC
                """, in: database.settings)
            self.cluster = cluster
            settings = database.settings
            return database.settings
        }
    }

    private struct Undo: Error {}

    /// Runs the body in a transaction of which nothing stays.
    private func undone(_ body: @escaping @Sendable (Session) throws -> Void) async throws {
        let connection = try await Connection.open(try await Server.shared.database())
        do {
            try await connection.transaction { session in
                try body(session)
                throw Undo()
            }
        } catch is Undo {}
        await connection.close()
    }

    private static func credit(_ session: Session) throws -> String {
        try session.query(
            """
            SELECT (
                SELECT array_agg((user_id, permanent_credits, bonus_credits)) FROM public.credit_wallet)::text || ' '
                || (SELECT array_agg((id, credits_delta)) FROM public.credit_ledger)::text AS credit
            """)[0].optionalText("credit") ?? "none"
    }

    /// Whether the credit is another after a role has tried.
    private static func moves(_ plant: CreditPlant, _ session: Session) throws -> Bool {
        let before = try credit(session)
        let role = try session.query("SELECT current_user::text AS me")[0].text("me")
        do {
            return try session.savepoint {
                try session.executeScript("SET LOCAL ROLE \(plant.role); \(plant.action); SET LOCAL ROLE \(role)")
                return try credit(session) != before
            }
        } catch is PostgresError {
            return false
        }
    }

    @Test func `a deployment whose functions are closed lets no visitor in`() async throws {
        try await undone { session in
            let findings = try CreditRights(session).findings
            #expect(findings.isEmpty, "\(findings.map(\.sentence))")
        }
    }

    @Test(arguments: CreditPlant.tables + CreditPlant.detours + CreditPlant.functions)
    func `each way alone is named with what ends it, if it is one`(plant: CreditPlant) async throws {
        try await undone { session in
            try session.executeScript(plant.plant)
            if !plant.action.isEmpty {
                // What is said is true.
                let moves = try Self.moves(plant, session)
                #expect(moves == (plant.object != nil))
            }
        }
        try await undone { session in
            try session.executeScript(plant.plant)
            let findings = try CreditRights(session).findings
            guard let object = plant.object else {
                #expect(findings.isEmpty, "\(findings.map(\.sentence))")
                return
            }
            let found = findings.filter { $0.object == object && $0.right == plant.right }
            #expect(found.map(\.statement) == [plant.statement], "\(findings.map(\.sentence))")
            #expect(found.allSatisfy { $0.sentence.contains(object) && $0.sentence.hasSuffix(plant.statement) })
            for finding in findings { try session.executeScript(finding.statement) }
            let left = try CreditRights(session).findings
            #expect(left.isEmpty, "\(left.map(\.sentence))")
            guard !plant.action.isEmpty else { return }
            let stillMoves = try Self.moves(plant, session)
            #expect(!stillMoves)
        }
    }

    @Test func `all ways together are all named, and the statements end them all`() async throws {
        // A superuser would need none of the others; what is made row-secure alone would hide what others open.
        let plants = (CreditPlant.tables + CreditPlant.detours + CreditPlant.functions).filter {
            $0.object != nil && $0.right != "SUPERUSER" && !$0.plant.contains("ENABLE ROW LEVEL")
                && !$0.what.hasSuffix("who has them")
        }
        try await undone { session in
            for plant in plants { try session.executeScript(plant.plant) }
            let findings = try CreditRights(session).findings
            for plant in plants {
                #expect(
                    findings.contains { $0.object == plant.object && $0.right.contains(plant.right) }, "\(plant.what)")
            }
            // What a membership opened is seen when what stood beside it is gone.
            for _ in 0..<3 {
                for finding in try CreditRights(session).findings { try session.executeScript(finding.statement) }
            }
            let left = try CreditRights(session).findings
            #expect(left.isEmpty, "\(left.map(\.sentence))")
            for plant in plants where !plant.action.isEmpty {
                let stillMoves = try Self.moves(plant, session)
                #expect(!stillMoves, "\(plant.what)")
            }
        }
    }

    @Test func `the rights that such services give to everybody are named one by one`() async throws {
        try await undone { session in
            try session.executeScript(
                """
                GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO PUBLIC;
                GRANT ALL ON ALL TABLES IN SCHEMA public TO anon, authenticated, service_role;
                ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO anon, authenticated, service_role;
                ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON FUNCTIONS TO anon, authenticated, service_role
                """)
            let findings = try CreditRights(session).findings
            let functions = Set(findings.filter { $0.right == "EXECUTE" }.map(\.object))
            for name in ["freeze", "finalize", "admin_adjust", "add_credits", "deduct_credits"] {
                #expect(functions.contains { $0.hasPrefix("public.\(name)") }, "\(name)")
            }
            #expect(!functions.contains { $0.contains("get_total_available_credits") })
            for table in ["public.credit_wallet", "public.credit_ledger"] {
                let found = findings.filter { $0.object == table }
                #expect(found.map(\.grantees) == [["anon"], ["authenticated"]])
                #expect(found.allSatisfy { $0.right == "DELETE, INSERT, TRIGGER, TRUNCATE, UPDATE" })
                #expect(found.allSatisfy { $0.sentence.contains("row-level security is off") })
            }
            #expect(findings.filter { $0.sentence.contains("ALTER DEFAULT PRIVILEGES") }.count == 4)
            #expect(!findings.contains { $0.grantees.contains("service_role") })
        }
    }
}
