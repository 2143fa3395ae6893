import Foundation
import Postgres
import Schema
import TestSupport
import Testing

/// The functions that move a credit stand together in one migration, and each is what it was.
@Suite struct CreditFunctionTests {
    /// A function as the server has it.
    private struct Function: Hashable {
        let owner: String
        let grants: String
        let text: String
        /// The same with one blank wherever there is space: a line that was too wide is broken.
        let words: String
    }

    private static let together: Int64 = 37

    /// Every function of ours, by its signature.
    private func functions(_ connection: Connection) async throws -> [String: Function] {
        let rows = try await connection.run { session in
            try session.query(
                """
                SELECT p.oid::regprocedure::text AS signature, p.proowner::regrole::text AS owner,
                    coalesce(array_to_string(p.proacl, ' '), '') AS grants, pg_get_functiondef(p.oid) AS text,
                    regexp_replace(pg_get_functiondef(p.oid), '\\s+', ' ', 'g') AS words
                FROM pg_proc AS p
                WHERE p.pronamespace = 'daybook'::regnamespace
                    OR p.proname IN ('freeze_credits_for_batch', 'finalize_batch_credits')
                """)
        }
        return try Dictionary(
            uniqueKeysWithValues: rows.map { row in
                let function = Function(
                    owner: try row.text("owner"), grants: try row.text("grants"), text: try row.text("text"),
                    words: try row.text("words"))
                return (try row.text("signature"), function)
            })
    }

    private func migrate(_ connection: Connection, upTo version: Int64 = .max, isDeployment: Bool) async throws {
        let migrations = Migration.all.filter { $0.version <= version }
        _ = try await Migrator(migrations: migrations, withEngine: isDeployment).migrate(connection)
    }

    private func begin(_ connection: Connection, isDeployment: Bool) async throws {
        guard isDeployment else { return }
        let schema = try Deployment.sampleScript().components(separatedBy: "\nCOPY ")[0] + "COMMIT;"
        try await connection.run { try $0.executeScript(schema) }
    }

    /// What stood in six migrations stands in one: in the same words, with the owner and the rights of before.
    @Test(arguments: [false, true])
    func `gathering them changes no word of any function, no owner and no right`(isDeployment: Bool) async throws {
        try await withDatabase { settings in
            let connection = try await Connection.open(settings)
            try await begin(connection, isDeployment: isDeployment)
            try await migrate(connection, upTo: Self.together - 1, isDeployment: isDeployment)
            // Somebody may be let in by hand, and stays.
            try await withLogin(
                settings, attributes: "NOSUPERUSER",
                rights: "GRANT EXECUTE ON FUNCTION daybook.freeze, daybook.give_back TO LOGIN"
            ) { _ in
                let before = try await functions(connection)
                try await migrate(connection, upTo: Self.together, isDeployment: isDeployment)
                let after = try await functions(connection)
                #expect(before.count > 30 && Set(before.keys) == Set(after.keys))
                for (signature, old) in before {
                    let new = try #require(after[signature])
                    #expect(new.words == old.words, "\(signature)")
                    #expect(new.owner == old.owner && new.grants == old.grants, "\(signature)")
                }
                #expect(before.values.contains { $0.grants.contains("login_") })
            }
            await connection.close()
        }
    }

    /// Also of versions to come: whichever way a database came, it has the same functions, to the byte.
    @Test(arguments: [false, true])
    func `an upgraded database has the functions of a fresh one`(isDeployment: Bool) async throws {
        func texts(from version: Int64?) async throws -> [String: String] {
            try await withConnection { connection in
                try await begin(connection, isDeployment: isDeployment)
                if let version { try await migrate(connection, upTo: version, isDeployment: isDeployment) }
                try await migrate(connection, isDeployment: isDeployment)
                return try await functions(connection).mapValues(\.text)
            }
        }
        let fresh = try await texts(from: nil)
        #expect(try await texts(from: Self.together - 1) == fresh)
    }
}
