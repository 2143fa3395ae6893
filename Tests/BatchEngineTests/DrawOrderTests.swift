import Foundation
import Postgres
import TestSupport
import Testing

/// Credit leaves the lots at one place, and in one order, whoever draws it.
@Suite struct DrawOrderTests {
    /// What only the text of a drawing says: an open lot gets less, at its share of what the lot is worth, in an order
    /// that puts bonus first.
    private static let words = [
        "less credit": #"\mremaining\s*=\s*(\w+\.)?remaining\s*-"#,
        "less cost": #"\mremaining_cost_usd\s*=\s*(\w+\.)?remaining_cost_usd\s*-"#,
        "its share": #"cost_share\(\s*(\w+\.)?remaining_cost_usd\M"#,
        "the order": #"ORDER BY\s+(\w+\.)?kind = 'purchased',\s*(\w+\.)?priority\M"#,
    ]

    @Test func `one function of those in force draws credit from lots`() async throws {
        try await withPool(1) { pool, _ in
            for (what, pattern) in Self.words.sorted(by: { $0.key < $1.key }) {
                let drawing = try await pool.run { session in
                    try session.query(
                        """
                        SELECT p.proname::text FROM pg_catalog.pg_proc AS p
                        WHERE p.pronamespace IN ('daybook'::regnamespace, 'public'::regnamespace) AND p.prokind = 'f'
                            AND pg_catalog.pg_get_functiondef(p.oid) ~ $1
                        ORDER BY 1
                        """, [.text(pattern)]
                    ).map { try $0.text(0) }
                }
                #expect(drawing == ["draw_credits"], "\(what)")
            }
        }
    }

    /// The ways in which 130 credits can leave a wallet of 80 bonus and 100 purchased credits.
    enum Way: String, CaseIterable {
        case freeze = "SELECT daybook.freeze($1, $2, ARRAY['sora-2'], ARRAY[130])::text"
        case adjustment = "SELECT daybook.take_out($1, 130, $2::text, 'somebody', 'a test')::text"
        case anotherHand = """
            UPDATE public.credit_wallet
            SET bonus_credits = bonus_credits - 80, permanent_credits = permanent_credits - 50
            WHERE user_id = $1 AND $2::uuid IS NOT NULL
            """
    }

    @Test(arguments: Way.allCases)
    func `a freeze, an adjustment and another hand leave the same credit and cost in the same lots`(
        way: Way
    ) async throws {
        let user = "11111111-2222-3333-4444-555555555555"
        let batch = "aaaaaaaa-0000-0000-0000-000000000001"
        try await withPool(1) { pool, _ in
            let lots = try await pool.run { session in
                try session.executeScript(
                    """
                    INSERT INTO public.users (id) VALUES ('\(user)');
                    SELECT daybook.open_lot('\(user)', l.kind, l.credits, l.cost, now() + l.days * interval '1 day',
                        l.source, l.source, l.reference, 'somebody', NULL)
                    FROM (VALUES ('bonus', 30, 0.1, 9, 'grant', 'a'), ('purchased', 70, 1, NULL, 'purchase', 'b'),
                        ('bonus', 50, 0, 3, 'grant', 'c'), ('purchased', 30, 2, NULL, 'purchase', 'd')
                    ) AS l (kind, credits, cost, days, source, reference);
                    UPDATE daybook.lot SET priority = -1 WHERE credits = 30 AND kind = 'purchased';
                    INSERT INTO daybook.batch (user_id, batch_id, owner, created_at)
                    VALUES ('\(user)', '\(batch)', 'engine', now())
                    """)
                _ = try session.query(way.rawValue, [.uuid(user), .uuid(batch)])
                return try session.query(
                    """
                    SELECT pg_catalog.concat_ws(' ', kind, credits, remaining, remaining_cost_usd) FROM daybook.lot
                    ORDER BY lot_id
                    """
                ).map { try $0.text(0) }
            }
            // Of 70 purchased credits for a dollar 20 go, after the 30 that come first by their priority.
            #expect(
                lots == [
                    "bonus 30 0 0.000000", "purchased 70 50 0.714286", "bonus 50 0 0.000000", "purchased 30 0 0.000000",
                ])
        }
    }
}
