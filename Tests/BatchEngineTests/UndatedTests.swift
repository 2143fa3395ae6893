import BatchEngine
import Domain
import Foundation
import Postgres
import Schema
import TestSupport
import Testing

/// Batches of the application that say neither when they were settled nor which model their tasks are of.
@Suite struct UndatedTests {
    private static let fixture = Deployment.root + "/Tests/Oracle/deployed/deployment.sql"
    private static let user = "11111111-2222-3333-4444-555555555555"
    private static let refunded = "aaaaaaaa-0000-0000-0000-000000000001"
    private static let delivered = "aaaaaaaa-0000-0000-0000-000000000002"
    private static let open = "aaaaaaaa-0000-0000-0000-000000000003"

    /// Two batches that were settled in October by the application, which writes no date, and one that is not.
    private static let life = """
        INSERT INTO public.users (id, google_id, email) VALUES ('\(user)', 'a', 'a@example.org');
        INSERT INTO public.credit_wallet (user_id, permanent_credits) VALUES ('\(user)', 500);
        INSERT INTO public.batch_jobs (id, user_id, status, total_count, cost_per_video, frozen_credits, credits_spent,
            settlement_status, created_at, updated_at)
        VALUES ('\(refunded)', '\(user)', 'partial', 2, 10, 20, 10, 'refunded', '2026-10-12T10:00Z', '2026-10-12T10:09Z'),
            ('\(delivered)', '\(user)', 'completed', 1, 10, 10, 10, 'finalized', '2026-10-13T10:00Z', '2026-10-13T10:09Z'),
            ('\(open)', '\(user)', 'processing', 1, 10, 10, 0, 'pending', '2026-10-14T10:00Z', '2026-10-14T10:09Z');
        INSERT INTO public.video_tasks (id, user_id, prompt, model, status, created_at, updated_at, batch_job_id, batch_index)
        SELECT gen_random_uuid(), '\(user)', 'a lake', NULL, t.status, t.at - interval '4 minutes', t.at, t.batch::uuid, 0
        FROM (VALUES ('\(refunded)', 'succeeded', timestamptz '2026-10-12T10:04Z'),
            ('\(refunded)', 'failed', timestamptz '2026-10-12T10:05Z'),
            ('\(delivered)', 'succeeded', timestamptz '2026-10-13T10:04Z'),
            ('\(open)', 'succeeded', timestamptz '2026-10-14T10:04Z')) AS t (batch, status, at);
        INSERT INTO public.credit_ledger (user_id, type, model, credits_delta, ref_type, ref_id, created_at)
        VALUES ('\(user)', 'purchase', NULL, 530, 'stripe_payment', NULL, '2026-10-01T10:00Z'),
            ('\(user)', 'spend', 'sora-2', -20, 'batch_upfront', '\(refunded)', '2026-10-12T10:00Z'),
            ('\(user)', 'refund', 'sora-2', 10, 'batch_refund', '\(refunded)', '2026-10-12T10:08Z'),
            ('\(user)', 'spend', 'sora-2', -10, 'batch_upfront', '\(delivered)', '2026-10-13T10:00Z'),
            ('\(user)', 'spend', 'sora-2', -10, 'batch_upfront', '\(open)', '2026-10-14T10:00Z')
        """
    /// What any later write does to a batch: nothing that anybody means.
    private static let harmless = "UPDATE public.batch_jobs SET updated_at = '2026-11-20T12:00Z'"

    /// The deployment, before a version of Daybook is brought to it.
    private func withDeployment(_ body: (Connection) async throws -> Void) async throws {
        try await withDatabase { settings in
            try await Deployment.load(file: Self.fixture, into: settings)
            try await execute(Self.life, in: settings)
            let connection = try await Connection.open(settings)
            try await body(connection)
            await connection.close()
        }
    }

    /// What old callers do to batches that are over.
    private static func settleAgain(_ session: Session) throws {
        for batch in [refunded, delivered] {
            let answer = try session.query(
                "SELECT public.finalize_batch_credits($1, $2, 10)::text AS answer", [.uuid(batch), .uuid(user)])[0]
            #expect(try answer.text("answer").contains(#""already": true"#))
        }
    }

    /// When the books of the engine, and those of statements, say that each batch was settled.
    private static func settled(_ session: Session) throws -> [String: [String]] {
        let rows = try session.query(
            """
            SELECT b.batch_id::text AS batch, to_char(b.settled_at AT TIME ZONE 'UTC', 'MM-DD HH24:MI') AS engine,
                to_char(coalesce(j.completed_at, s.settled_at) AT TIME ZONE 'UTC', 'MM-DD HH24:MI') AS statement
            FROM daybook.batch AS b
            JOIN public.batch_jobs AS j ON j.id = b.batch_id
            LEFT JOIN (\(SharedSource.estimatedSettlement.select(try Catalog(session)))) AS s ON s.batch_id = b.batch_id
            WHERE b.settled_at IS NOT NULL
            """)
        return Dictionary(
            uniqueKeysWithValues: try rows.map {
                (try $0.text("batch"), [try $0.text("engine"), try $0.text("statement")])
            })
    }

    @Test func `a harmless write before the engine comes moves no settlement to another month`() async throws {
        try await withDeployment { connection in
            try await connection.run { try $0.executeScript(Self.harmless) }
            _ = try await Migrator(withEngine: true).migrate(connection)
            try await connection.run { session in
                try Self.settleAgain(session)
                let expected = [
                    Self.refunded: ["10-12 10:08", "10-12 10:08"], Self.delivered: ["10-13 10:04", "10-13 10:04"],
                ]
                #expect(try Self.settled(session) == expected)
                let october = CustomerLedger.Filter(
                    kind: .settle, from: Instant("2026-10-01T00:00:00Z"), to: Instant("2026-11-01T00:00:00Z"))
                let lines = try CustomerLedger(session, of: Self.user).ledger(october, limit: 10, offset: 0).elements
                #expect(Set(lines.compactMap(\.batchID)) == [Self.refunded, Self.delivered])
                // It was seen, and is kept: not even a write to its tasks moves it now.
                try session.executeScript("UPDATE public.video_tasks SET prompt = 'a river'")
                #expect(try Self.settled(session) == expected)
            }
        }
    }

    @Test func `what an earlier version took from a later write is mended`() async throws {
        try await withDeployment { connection in
            let earlier = Migration.all.filter { $0.version < 29 }
            _ = try await Migrator(migrations: earlier, withEngine: true).migrate(connection)
            try await connection.run { session in
                try session.executeScript(Self.harmless)
                try Self.settleAgain(session)
                let settled = try Self.settled(session)
                #expect(settled[Self.delivered]?[0] == "11-20 12:00")
            }
            _ = try await Migrator(withEngine: true).migrate(connection)
            try await connection.run { session in
                let settled = try Self.settled(session)
                #expect(settled[Self.refunded] == ["10-12 10:08", "10-12 10:08"])
                #expect(settled[Self.delivered] == ["10-13 10:04", "10-13 10:04"])
            }
        }
    }

    @Test func `what the engine settles for the application is settled when it says so, in every book`() async throws {
        try await withDeployment { connection in
            _ = try await Migrator(withEngine: true).migrate(connection)
            try await connection.run { session in
                let answer = try session.query(
                    "SELECT public.finalize_batch_credits($1, $2, 10)::text AS answer",
                    [.uuid(Self.open), .uuid(Self.user)])[0]
                #expect(try answer.text("answer").contains(#""already": false"#))
                try session.executeScript("UPDATE public.video_tasks SET prompt = 'a river'; \(Self.harmless)")
                let books = try #require(try Self.settled(session)[Self.open])
                #expect(books[0] == books[1] && !books[0].hasPrefix("10-14"))
            }
        }
    }

    /// An account whose profile names another default model from October on.
    private static func promiseOther(_ session: Session) throws {
        for (name, model) in [("standard", ""), ("other", #", "default_model": "veo-pro""#)] {
            try session.execute(
                "INSERT INTO daybook.contract_profile (name, version, document, sha256) VALUES ($1, 1, $2, '')",
                [.text(name), .text(#"{"name": "\#(name)"\#(model)}"#)])
        }
        try session.executeScript(
            """
            INSERT INTO daybook.account (user_id, slug, name, plan, currency, time_zone, retention_days, monthly_fee_usd,
                contract_profile)
            VALUES ('\(user)', 'reels', 'Reels', 'payg', 'USD', 'America/Los_Angeles', 180, 0, 'standard');
            INSERT INTO daybook.account_terms
                (user_id, from_month, plan, currency, time_zone, monthly_fee_usd, contract_profile)
            VALUES ('\(user)', '2026-10-01', 'payg', 'USD', 'Asia/Tokyo', 0, 'other')
            """)
    }

    @Test func `a task without a model is of the default model of its owner's month`() async throws {
        try await withDeployment { connection in
            _ = try await Migrator(withEngine: true).migrate(connection)
            try await connection.run { session in
                try Self.promiseOther(session)
                func model(_ at: String) throws -> String {
                    try session.query(
                        "SELECT daybook.default_model($1, $2::text::timestamptz) AS model",
                        [.uuid(Self.user), .text(at)])[0].text("model")
                }
                // October begins where September ended in its own zone.
                #expect(try model("2026-10-01T06:59:59.999999Z") == "sora-2")
                #expect(try model("2026-10-01T07:00:00Z") == "veo-pro")
                #expect(try model("2190-01-01T00:00:00Z") == "veo-pro")
                // A version that comes later judges no month that is over.
                try session.executeScript(
                    """
                    UPDATE daybook.contract_profile SET imported_at = '2026-09-01Z';
                    INSERT INTO daybook.contract_profile (name, version, document, sha256, imported_at)
                    VALUES ('other', 2, '{"default_model": "veo-flash"}', '', '2026-10-31T15:00:00Z')
                    """)
                #expect(try model("2026-10-31T14:59:59Z") == "veo-pro")
                #expect(try model("2026-10-31T15:00:00Z") == "veo-flash")
                // The API says what statements say.
                let items = try #require(
                    try Batches(session, of: Self.user).items(Self.open, status: nil, limit: 10, from: .offset(0)))
                #expect(items.elements.map(\.model) == ["veo-pro"])
            }
        }
    }

    @Test(arguments: [("", Int64(0)), ("veo-pro", 40)])
    func `a price that no model has is paid for as the owner's default model`(model: String, bonus: Int64) async throws
    {
        try await withDeployment { connection in
            _ = try await Migrator(withEngine: true).migrate(connection)
            try await connection.run { session in
                if !model.isEmpty { try Self.promiseOther(session) }
                try session.executeScript(
                    """
                    UPDATE public.credit_wallet SET bonus_credits = 40, bonus_expires_at = '2190-01-01Z';
                    INSERT INTO public.batch_jobs (id, user_id, status, total_count, cost_per_video)
                    VALUES ('aaaaaaaa-0000-0000-0000-000000000004', '\(Self.user)', 'queued', 1, 77);
                    SELECT public.freeze_credits_for_batch('aaaaaaaa-0000-0000-0000-000000000004', '\(Self.user)', 77)
                    """)
                // Bonus never pays for veo-pro.
                let row = try session.query("SELECT bonus_credits::bigint AS bonus FROM public.credit_wallet")[0]
                #expect(try row.int("bonus") == bonus)
            }
        }
    }
}
