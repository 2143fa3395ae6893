import BatchEngine
import Domain
import Foundation
import Postgres
import Schema
import TestSupport
import Testing

/// Customers whose work waits cost nothing, and are served when it is ready.
@Suite struct TurnTests {
    /// `DAYBOOK_CUSTOMERS=100000` takes that many besides.
    private static let counts: [Int64] = {
        let more = ProcessInfo.processInfo.environment["DAYBOOK_CUSTOMERS"].flatMap { Int64($0) }
        return [10, 1000, 10_000] + [more].compactMap { $0 }
    }()

    /// What a claim may read that gives nothing, and for each task that it gives.
    private static let readForNothing: Int64 = 10
    private static let readForTask: Int64 = 80

    private static func onConnection(_ body: @Sendable (Session) throws -> Void) async throws {
        try await withEngine { settings in
            let connection = try await Connection.open(settings)
            do { try await connection.run(body) } catch {
                await connection.close()
                throw error
            }
            await connection.close()
        }
    }

    @Test(arguments: counts)
    func `a claim reads what it claims, however many customers wait`(customers: Int64) async throws {
        try await Self.onConnection { session in
            let waiting = try Waiting(customers, session)
            for isAnalyzed in [false, true] {
                if isAnalyzed { try session.executeAlone("VACUUM ANALYZE") }
                for ready in [0, 1, customers] {
                    try waiting.makeReady(ready)
                    let (claimed, read) = try waiting.claim()
                    let comment = "\(ready) of \(customers) customers, analyzed \(isAnalyzed): read \(read)"
                    #expect(claimed == min(Int(ready), 32), "\(comment)")
                    #expect(read <= Self.readForNothing + Int64(claimed) * Self.readForTask, "\(comment)")
                }
            }
            #expect(try wrongTurns(session).isEmpty)
        }
    }

    /// A customer with one batch of 10,000 tasks.
    private static func createLarge(_ settings: ConnectionSettings) async throws -> String {
        let userID = try await TestCustomer.create(in: settings, purchased: 100_000)
        let connection = try await Connection.open(settings)
        _ = try await connection.run { session in
            try Batches(session, of: userID).create(Sample.request("r", items: 10_000), by: nil, from: Sample.origin)
        }
        await connection.close()
        return userID
    }

    @Test(arguments: [false, true])
    func `a claim reads what it claims, however many tasks one customer has`(isAnalyzed: Bool) async throws {
        try await withEngine { settings in
            let userID = try await Self.createLarge(settings)
            let connection = try await Connection.open(settings)
            try await connection.run { session in
                if isAnalyzed { try session.executeAlone("VACUUM ANALYZE") }
                let worker = try WorkQueue(session).register(host: "test", processID: 1)
                func claim() throws -> (Int, read: Int64) {
                    try undone(in: session) {
                        try WorkQueue(session).claim(worker, model: .sora2, limit: 32, chunk: 8).count
                    }
                }
                let all = try claim()
                #expect(all.0 == 32 && all.read <= 32 * Self.readForTask, "\(all)")
                // All but ten wait.
                try session.execute(
                    """
                    UPDATE daybook.task SET ready_at = ready_at + interval '1 hour' WHERE user_id = $1 AND batch_index > 9
                    """, [.uuid(userID)])
                try forgetTheDead(session)
                let ten = try claim()
                #expect(ten.0 == 10 && ten.read <= 10 * Self.readForTask, "\(ten)")
                // What has expired stands in front of the others until it is swept: no look reads all of it.
                try session.execute(
                    """
                    UPDATE daybook.task SET ready_at = created_at,
                        expires_at = CASE WHEN batch_index < 9990 THEN created_at ELSE expires_at END
                    WHERE user_id = $1
                    """, [.uuid(userID)])
                try forgetTheDead(session)
                let none = try claim()
                #expect(none.0 == 0 && none.read <= 1200, "\(none)")
                var sweeps = 0
                while try session.transaction(TransactionOptions(), { try WorkQueue(session).endOverdue(limit: 500) })
                    > 0
                { sweeps += 1 }
                try forgetTheDead(session)
                let rest = try claim()
                #expect(sweeps == 20 && rest.0 == 10, "\(sweeps) sweeps, \(rest)")
                #expect(try wrongTurns(session).isEmpty)
            }
            await connection.close()
        }
    }

    @Test(arguments: [false, true])
    func `a sweep reads what it handles, however much waits`(isAnalyzed: Bool) async throws {
        try await Self.onConnection { session in
            _ = try Waiting(2000, session)
            try session.executeScript(
                """
                INSERT INTO public.credit_wallet (user_id) SELECT user_id FROM waiting ON CONFLICT DO NOTHING;
                INSERT INTO daybook.lot (
                    user_id, kind, credits, remaining, cost_usd, remaining_cost_usd, opened_at, expires_at, source)
                SELECT user_id, 'bonus', 1, 1, 0, 0, now(), now() + interval '1 day', 'grant' FROM waiting;
                """)
            if isAnalyzed { try session.executeAlone("VACUUM ANALYZE") }
            let queue = WorkQueue(session)
            let worker = try queue.register(host: "test", processID: 1)
            let overdue = try undone(in: session) { try queue.endOverdue(limit: 500) }
            #expect(overdue.0 == 0 && overdue.read <= 20, "overdue: \(overdue)")
            let flushed = try undone(in: session) { try queue.flush() }
            #expect(!flushed.0 && flushed.read <= 20, "flush: \(flushed)")
            let expired = try undone(in: session) { try queue.expireCredit() }
            #expect(!expired.0 && expired.read <= 20, "expiry: \(expired)")
            let adopted = try undone(in: session) { try queue.adopt(worker, limit: 500).count }
            #expect(adopted.0 == 0 && adopted.read <= 20, "adoption: \(adopted)")
            // Everybody's work is overdue: a call reads that of the customer whose batch it deals with.
            try session.execute("UPDATE daybook.task SET expires_at = created_at")
            try forgetTheDead(session)
            let one = try undone(in: session) { try queue.endOverdue(limit: 500) }
            #expect(one.0 == 1 && one.read <= 200, "one of many: \(one)")
        }
    }

    @Test func `a walk through the list finds what is wrong in it and puts it right`() async throws {
        try await Self.onConnection { session in
            _ = try Waiting(300, session)
            try session.executeScript(
                """
                UPDATE daybook.ready_customer SET next_ready_at = 'infinity'
                WHERE user_id IN (SELECT user_id FROM waiting WHERE number <= 20);
                UPDATE daybook.ready_customer SET next_ready_at = '-infinity'
                WHERE user_id IN (SELECT user_id FROM waiting WHERE number BETWEEN 21 AND 30);
                DELETE FROM daybook.ready_customer
                WHERE user_id IN (SELECT user_id FROM waiting WHERE number BETWEEN 31 AND 40);
                INSERT INTO daybook.ready_customer (user_id, model, served_at)
                SELECT user_id, 'veo-pro', now() FROM waiting WHERE number BETWEEN 41 AND 45;
                """)
            #expect(try wrongTurns(session).count == 45)
            func walk() throws -> (mended: Int64, steps: Int) {
                var (mended, steps, place): (Int64, Int, TurnPlace?) = (0, 0, .start)
                while let from = place {
                    let step = try session.transaction { try WorkQueue(session).mendTurns(after: from, limit: 50) }
                    mended += step.mended
                    steps += 1
                    place = step.last
                }
                return (mended, steps)
            }
            let first = try walk()
            #expect(first.mended == 45 && first.steps == 7, "\(first)")
            #expect(try wrongTurns(session).isEmpty)
            #expect(try walk().mended == 0)
        }
    }

    @Test func `a database of the version before gets the turns of its tasks`() async throws {
        try await withConnection { connection in
            _ = try await Migrator(migrations: Migration.all.filter { $0.version < 38 }).migrate(connection)
            try await connection.run { session in
                _ = try Waiting(50, session)
                // Somebody is listed who has nothing left, and somebody who has something is not.
                try session.executeScript(
                    """
                    UPDATE daybook.task SET state = 'cancelled', ended_at = now()
                    WHERE task_id = (SELECT task_id FROM waiting WHERE number = 1);
                    DELETE FROM daybook.ready_customer WHERE user_id = (SELECT user_id FROM waiting WHERE number = 2);
                    """)
            }
            _ = try await Migrator().migrate(connection)
            try await connection.run { session in
                let listed = try session.query("SELECT count(*) FROM daybook.ready_customer")[0].int(0)
                let wrong = try wrongTurns(session)
                #expect(listed == 49 && wrong.isEmpty, "\(wrong)")
            }
        }
    }
}
