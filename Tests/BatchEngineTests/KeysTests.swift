import BatchEngine
import Domain
import Foundation
import Postgres
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct KeysTests {
    private func make(_ userID: String, _ terms: Keys.Terms, _ pool: ConnectionPool) async throws -> APIKey {
        try await pool.transaction { try Keys.create(for: .user(id: userID), terms, $0).key }
    }

    @Test func `a key is recognised until it is revoked, and the database does not hold it`() async throws {
        try await withPool { pool, settings in
            let userID = try await TestCustomer.create(in: settings)
            let key = try await make(userID, .init(name: "pilot", rateLimitPerMinute: 90, maxItems: 50), pool)
            guard case .admitted(let caller, let allowance) = try await pool.run({ try Keys($0).admit(key.text) })
            else {
                Issue.record("the key was not recognised")
                return
            }
            #expect(caller.userID == userID && caller.maxItems == 50 && caller.rateLimitPerMinute == 90)
            // Of 90 a minute one is spent; on a slow machine it may have come back meanwhile.
            #expect(
                allowance.isWithin && (89...90).contains(allowance.remaining) && (0...1).contains(allowance.waitSeconds)
            )
            let listed = try await pool.run { try Keys.list($0) }
            #expect(listed.count == 1 && listed[0].name == "pilot" && key.text.hasPrefix(listed[0].prefix))
            // Whoever serves keys writes their use, and nobody else.
            #expect(listed[0].lastUsedAt == nil)

            let everything = try await pool.run { session in
                try session.query(
                    """
                    SELECT string_agg(k::text, ' ') || coalesce((
                        SELECT string_agg(e::text, ' ') FROM public.enterprise_api_keys AS e), '')
                    FROM daybook.api_key AS k
                    """)[0].text(0)
            }
            #expect(everything.contains(key.displayPrefix) && !everything.contains(key.text.dropFirst(15)))

            #expect(try await pool.transaction { try Keys.revoke(listed[0].prefix, $0) })
            #expect(try await pool.transaction { try !Keys.revoke(listed[0].keyID, $0) })
            #expect(try await pool.run { try Keys($0).admit(key.text) } == .unknownKey)
            await #expect(throws: EngineFault.unknownKey) {
                try await pool.transaction { try Keys.revoke("nothing", $0) }
            }
        }
    }

    @Test func `a limit is a minute's worth at once, and counts over all connections`() async throws {
        try await withPool { pool, settings in
            let userID = try await TestCustomer.create(in: settings)
            let key = try await make(userID, .init(name: "k", rateLimitPerMinute: 20), pool)
            let admissions = try await withThrowingTaskGroup(of: Admission.self) { group in
                for _ in 0..<60 { group.addTask { try await pool.run { try Keys($0).admit(key.text) } } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            var admitted: [Int64] = []
            var waits: [Int64] = []
            for admission in admissions {
                switch admission {
                case .admitted(_, let allowance): admitted.append(allowance.remaining)
                case .tooMany(_, let allowance): waits.append(allowance.waitMicroseconds)
                default: Issue.record("\(admission)")
                }
            }
            // One more than the limit where the sixty took three seconds and longer.
            #expect((20...22).contains(admitted.count), "\(admitted.count)")
            #expect(waits.count + admitted.count == 60)
            #expect(waits.allSatisfy { (0...3_000_000).contains($0) }, "\(waits)")
        }
    }

    @Test func `keys in clear go on working, and nothing else does`() async throws {
        try await withPool { pool, settings in
            let userID = try await TestCustomer.create(in: settings)
            try await pool.run { session in
                try session.execute(
                    "INSERT INTO public.enterprise_api_keys (user_id, api_key, name) VALUES ($1, 'ent_abc', 'old')",
                    [.uuid(userID)])
                try session.execute(
                    "INSERT INTO public.enterprise_api_keys (user_id, api_key, is_active) VALUES ($1, 'ent_off', false)",
                    [.uuid(userID)])
            }
            let ours = try await make(userID, .init(name: "k"), pool)
            guard case .admitted(let caller, _) = try await pool.run({ try Keys($0).admit("ent_abc") }) else {
                Issue.record("the key in clear was not recognised")
                return
            }
            #expect(caller.userID == userID && caller.maxItems == 10_000 && caller.rateLimitPerMinute == 60)
            let rows = try await pool.run { session in
                try session.query("SELECT api_key FROM public.enterprise_api_keys WHERE NOT is_active").map {
                    try $0.text(0)
                }
            }
            #expect(rows.count == 2)
            let wrong =
                rows + [
                    "ent_ab", "ent_abcd", "", "' OR true --",
                    String(ours.text.dropLast()) + (ours.text.hasSuffix("x") ? "y" : "x"), APIKey().text,
                ]
            for text in wrong {
                #expect(try await pool.run { try Keys($0).admit(text) } == .unknownKey, "\(text)")
            }
            try await pool.run { session in
                try session.execute("UPDATE public.users SET status = 'banned' WHERE id = $1", [.uuid(userID)])
            }
            #expect(try await pool.run { try Keys($0).admit("ent_abc") } == .inactiveCustomer)
            #expect(try await pool.run { try Keys($0).admit(ours.text) } == .inactiveCustomer)
        }
    }
}

@Suite struct APIKeyTests {
    @Test(arguments: APIKey.Kind.allCases) func `a key reads back, and no key with one character changed does`(
        kind: APIKey.Kind
    ) throws {
        let key = APIKey(kind: kind)
        #expect(key.text.utf8.count == 43 + kind.rawValue.utf8.count && APIKey(key.text)?.kind == kind)
        #expect(APIKey(key.text) == key)
        let characters = Array(key.text)
        for index in characters.indices {
            var changed = characters
            changed[index] = characters[index] == "x" ? "y" : "x"
            #expect(APIKey(String(changed)) == nil, "character \(index)")
        }
        for text in ["", "dbk_live_", key.text + "0", String(key.text.dropLast()), " " + key.text, key.text + "\n"] {
            #expect(APIKey(text) == nil)
        }
    }

    @Test func `keys differ, and what is shown of them says nothing of the rest`() {
        let keys = (0..<1000).map { _ in APIKey() }
        #expect(Set(keys.map(\.text)).count == 1000)
        for key in keys {
            #expect(key.displayPrefix.utf8.count == 15)
            #expect(!"\(key)".contains(key.text) && !String(reflecting: key).contains(key.text))
            #expect(key.digest.count == 32)
        }
    }
}
