import Codecs
import Domain
import Formats
import Postgres
import Schema
import TestSupport
import Testing

@testable import Retention

/// The rules alone: cutoffs, pace, refusals, ciphers.
@Suite struct RuleTests {
    @Test(arguments: [
        // Midnight that is skipped, midnight that comes twice, half hours, quarter hours, a plain day.
        ("2026-09-06", "America/Santiago", "2026-09-06T04:00:00Z"),
        ("2026-11-01", "America/Havana", "2026-11-01T04:00:00Z"),
        ("2026-10-25", "Atlantic/Azores", "2026-10-25T00:00:00Z"),
        ("2026-10-04", "Australia/Lord_Howe", "2026-10-03T13:30:00Z"),
        ("2026-10-05", "Australia/Lord_Howe", "2026-10-04T13:00:00Z"),
        ("2026-05-01", "Asia/Kathmandu", "2026-04-30T18:15:00Z"),
        ("2026-10-25", "Europe/Berlin", "2026-10-24T22:00:00Z"),
        ("2026-10-26", "Europe/Berlin", "2026-10-25T23:00:00Z"),
    ])
    func `a local date begins at its first instant`(day: String, zone: String, expected: String) async throws {
        try await withConnection { connection in
            _ = try await Migrator().migrate(connection)
            let instant = try await connection.run { session in
                try session.query(
                    "SELECT daybook.first_instant($1::date, $2) AS first", [.unknown(day), .text(zone)])[0].instant(
                        "first")
            }
            #expect(instant == Instant(expected))
        }
    }

    @Test(arguments: [
        ("purge_run_state_known", RunState.allCases.map(\.rawValue)),
        ("purge_run_archive_known", ArchiveState.allCases.map(\.rawValue)),
        ("purge_sweep_state_known", SweepState.allCases.map(\.rawValue)),
        ("retention_certificate_kind_known", CertificateKind.known.map(\.rawValue)),
        ("legal_hold_scope_known", HoldScope.known.map(\.rawValue)),
    ])
    func `the database and the program know the same states, kinds and scopes`(
        constraint: String, words: [String]
    ) async throws {
        try await withConnection { connection in
            _ = try await Migrator().migrate(connection)
            let check = try await connection.run { session in
                try session.query(
                    "SELECT pg_get_constraintdef(oid) AS text FROM pg_constraint WHERE conname = $1",
                    [.text(constraint)])[0].text("text")
            }
            let known = check.matches(of: /'([a-z_]+)'/).map { String($0.output.1) }
            #expect(Set(known) == Set(words) && known.count == words.count, "\(check)")
        }
    }

    @Test func `a kind of certificate that a later program issues keeps its word`() throws {
        let kinds = try CanonicalJSON.decode([CertificateKind].self, from: #"["look_dropped", "later"]"#)
        #expect(kinds == [.lookDropped, .unknown("later")])
        let text = String(decoding: try CanonicalJSON.encode(kinds), as: UTF8.self)
        #expect(text.contains(#""look_dropped""#) && text.contains(#""later""#))
    }

    @Test func `a scope of holds that a later program knows keeps its word in a certificate`() throws {
        let text = """
            {"matter":"Matter","placed_at":"2026-10-05T00:00:00Z","reference":"Lot 3","requested_by":"Somebody",\
            "scope":"lot"}
            """
        let hold = try CanonicalJSON.decode(Certificate.Hold.self, from: text)
        #expect(hold.scope == .unknown("lot") && !HoldScope.known.contains(hold.scope))
        let written = String(decoding: try CanonicalJSON.encode(hold), as: UTF8.self)
        #expect(written.filter { !$0.isWhitespace } == text.filter { !$0.isWhitespace })
    }

    @Test func `a transaction's pages follow its time, at most double, and never fall to none`() {
        var pace = BatchPace(pages: 64)
        pace.took(milliseconds: 10)
        #expect(pace.pages == 128)
        pace.took(milliseconds: 75)
        #expect(pace.pages == 128)
        pace.took(milliseconds: 1000)
        #expect(pace.pages == 12)
        pace.took(milliseconds: 75, slow: 4)
        #expect(pace.pages == 1)
        for _ in 0..<4 { pace.took(milliseconds: 1, slow: 4) }
        pace.took(milliseconds: 3, slow: 4)
        #expect(pace.pages == 16)
        for _ in 0..<10 { pace.ranOut() }
        #expect(pace.pages == 1)
        for _ in 0..<30 { pace.took(milliseconds: 0) }
        #expect(pace.pages == Limits.purgeMostPages)
    }

    @Test func `exactly half of a class goes, one row more is refused`() throws {
        let date = try #require(CalendarDate(year: 2026, month: 11, day: 5))
        func guarded(_ due: Int64, _ total: Int64, account: String? = nil) -> PurgeGuard {
            PurgeGuard(
                asOf: date, account: account, today: date, clockSkewSeconds: 300, shortestDays: 30,
                shares: [PurgeGuard.Share(dataClass: .accessLog, due: due, total: total)])
        }
        #expect(guarded(5, 10).refusal(forced: [], expectedRows: nil) == nil)
        #expect(guarded(6, 10).refusal(forced: [], expectedRows: nil)?.kind == .usage)
        #expect(guarded(6, 10).refusal(forced: [], expectedRows: 6) == nil)
        #expect(guarded(5, 10).refusal(forced: [], expectedRows: 6)?.kind == .usage)
        for expected in [nil, Int64(7)] {
            for account in [nil, "customer9"] {
                let refusal = guarded(6, 10, account: account).refusal(forced: [], expectedRows: expected)
                let due = PurgeGuard.Due(asOf: date, account: account, rows: 6)
                #expect(refusal?.advice == (expected == nil ? .sayRows(due) : .lookAtPlan(due)))
            }
        }
    }

    @Test func `the cipher is AES-256-GCM, as NIST's test vectors have it`() {
        // NIST GCM test case 14: a zero key, a zero nonce, sixteen zero bytes.
        let zeros = [UInt8](repeating: 0, count: 32)
        let cipher = AuthenticatedCipher.sealing(key: zeros, nonce: Array(zeros.prefix(12)))
        let text = cipher.update(Array(zeros.prefix(7))) + cipher.update(Array(zeros.prefix(9)))
        let tag = cipher.seal()
        let hex = (text + tag).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        #expect(hex == "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919")
        let opening = AuthenticatedCipher.opening(key: zeros, nonce: Array(zeros.prefix(12)))
        #expect(opening.update(text) == Array(zeros.prefix(16)))
        #expect(opening.isAuthentic(tag: tag))
        let other = AuthenticatedCipher.opening(key: zeros, nonce: Array(zeros.prefix(12)))
        _ = other.update([text[0] ^ 1] + text.dropFirst())
        #expect(!other.isAuthentic(tag: tag))
    }
}

/// The login's search path while a deployment's triggers run.
@Suite struct LoginPathTests {
    @Test(arguments: [
        (#""$user", public"#, #""$user", public, pg_temp"#),
        (#"public, pg_catalog"#, "public, pg_temp"),
        (#"pg_temp, "pg_catalog", "their, schema", "a ""b""""#, #""their, schema", "a ""b""", pg_temp"#),
        (#""""#, "pg_temp"), ("", "pg_temp"),
    ])
    func `PostgreSQL's own catalogue comes before it and what is temporary behind it`(path: String, guarded: String) {
        #expect(LoginPath(path).guarded == guarded)
    }
}

/// The tree of digests under a certificate.
@Suite struct MerkleTreeTests {
    private static func leaves(_ count: Int) -> [[UInt8]] {
        (0..<count).map { MerkleTree.leaf(salt: [UInt8(truncatingIfNeeded: $0)], Array("part \($0)".utf8)) }
    }

    @Test func `every leaf of a tree of any size leads to its root, and no other text or salt does`() throws {
        for count in 1...33 {
            let leaves = Self.leaves(count)
            let tree = MerkleTree(leaves)
            for leaf in leaves {
                let path = try #require(tree.path(of: leaf))
                #expect(MerkleTree.root(of: leaf, path) == tree.root)
                for other in [MerkleTree.leaf(salt: [], Array("part".utf8))] + leaves where other != leaf {
                    #expect(MerkleTree.root(of: other, path) != tree.root)
                }
            }
            #expect(tree.path(of: MerkleTree.leaf(salt: [], [])) == nil)
        }
    }

    @Test func `the root is the same in whatever order the leaves come, and another with one more or one less`() {
        let leaves = Self.leaves(12)
        #expect(MerkleTree(leaves.shuffled()).root == MerkleTree(leaves).root)
        let roots = Set((0...13).map { MerkleTree(Self.leaves($0)).root })
        #expect(roots.count == 14)
    }

    @Test func `what stands above leaves is never taken for one`() throws {
        let leaves = Self.leaves(2)
        let tree = MerkleTree(leaves)
        let sorted = leaves.sorted { $0.lexicographicallyPrecedes($1) }
        #expect(Hexadecimal.text(MerkleTree.leaf(salt: sorted[0], sorted[1])) != tree.root)
        let step = try #require(tree.path(of: leaves[0])?.first)
        #expect(step.sha256.utf8.count == 64)
    }
}
