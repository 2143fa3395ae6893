import BatchEngine
import Domain
import Foundation
import Postgres
import Schema
import TestSupport
import Testing

/// Random histories of credits, batches and tasks, compared with the model after every step.
@Suite struct ModelTests {
    private static let steps = 100

    /// Seeds of the histories: `DAYBOOK_HISTORIES=1-5000` runs others.
    private static let seeds: ClosedRange<UInt64> = {
        let text = ProcessInfo.processInfo.environment["DAYBOOK_HISTORIES"] ?? "1-200"
        let ends = text.split(separator: "-").compactMap { UInt64($0) }
        guard ends.count == 2, ends[0] <= ends[1] else {
            preconditionFailure("DAYBOOK_HISTORIES is \(text), not FIRST-LAST")
        }
        return ends[0]...ends[1]
    }()

    @Test func `every history leads where the model says`() async throws {
        let original = try await TestDatabase.create()
        let connection = try await Connection.open(original.settings)
        _ = try await Migrator().migrate(connection)
        await connection.close()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for worker in 0..<2 {
                group.addTask {
                    for seed in Self.seeds where seed % 2 == UInt64(worker) { try await Self.run(seed, in: original) }
                }
            }
            try await group.waitForAll()
        }
        try await original.drop()
    }

    private static func run(_ seed: UInt64, in original: TestDatabase) async throws {
        // A database of its own: gates and sweeps are everybody's.
        let database = try await TestDatabase.create(copyOf: original)
        let connection = try await Connection.open(database.settings)
        let report: String? = try await connection.run { session in
            var history = History(seed: seed)
            do {
                try history.begin(session)
                for _ in 0..<steps {
                    let differences = try history.step(session)
                    if !differences.isEmpty { return history.story(differences) }
                }
                let lost = try unconserved(session)
                return lost.isEmpty ? nil : history.story(lost)
            } catch {
                return history.story([String(reflecting: error)])
            }
        }
        await connection.close()
        try await database.drop()
        #expect(report == nil, "seed \(seed):\n\(report ?? "")")
    }

    /// The receipts, of settled batches and of others, that do not add up.
    private static func unconserved(_ session: Session) throws -> [String] {
        try session.query("SELECT user_id, batch_id FROM daybook.batch ORDER BY user_id, batch_id").compactMap { row in
            let (userID, batchID) = (try row.uuid("user_id"), try row.uuid("batch_id"))
            guard let receipt = try EngineReceipt(session).receipt(of: batchID, for: userID) else {
                return "batch \(batchID) has no receipt"
            }
            return receipt.conserved ? nil : "receipt of \(batchID): \(receipt.differences)"
        }
    }
}

/// The database of one customer, compared with the model.
struct Comparison {
    private let session: Session
    private let userID: String

    init(_ session: Session, userID: String) {
        self.session = session
        self.userID = userID
    }

    /// What is different, in words; empty where nothing is.
    func differences(from model: EngineModel) throws -> [String] {
        try lots(model) + batches(model) + draws(model) + money(model) + turns(model) + gates(model)
    }

    private func lots(_ model: EngineModel) throws -> [String] {
        let rows = try session.query(
            """
            SELECT lot_id, remaining, (remaining_cost_usd * 1000000)::bigint AS cost
            FROM daybook.lot WHERE user_id = $1 ORDER BY lot_id
            """, [.uuid(userID)])
        let found = try rows.map { "lot \(try $0.int("lot_id")): \(try $0.int("remaining")) for \(try $0.int("cost"))" }
        let expected = model.wallet.lots.sorted { $0.id < $1.id }.map {
            "lot \($0.id): \($0.remaining) for \($0.remainingCost.micros)"
        }
        return Self.difference(found, expected)
    }

    private func batches(_ model: EngineModel) throws -> [String] {
        let rows = try session.query(
            """
            SELECT b.batch_id, b.frozen, b.spent, b.refunded, b.settled_at IS NOT NULL AS is_settled,
                b.cancel_requested_at IS NOT NULL AS is_cancelled,
                (
                    SELECT string_agg(t.state, ' ' ORDER BY t.batch_index) FROM daybook.task AS t
                    WHERE t.user_id = b.user_id AND t.batch_id = b.batch_id
                ) AS states,
                (
                    SELECT string_agg(v.status, ' ' ORDER BY v.batch_index) FROM public.video_tasks AS v
                    WHERE v.user_id = b.user_id AND v.batch_job_id = b.batch_id
                ) AS statuses,
                (SELECT coalesce(sum(credits_delta), 0) FROM public.credit_ledger AS l
                    WHERE l.user_id = b.user_id AND l.ref_id = b.batch_id::text)::bigint AS net
            FROM daybook.batch AS b WHERE b.user_id = $1
            """, [.uuid(userID)])
        let found = try rows.map { row in
            try "batch \(row.uuid("batch_id")): \(row.int("frozen")) \(row.int("spent")) \(row.int("refunded")) "
                + "\(row.bool("is_settled")) \(row.bool("is_cancelled")) \(row.text("states")) | \(row.text("statuses")) "
                + "net \(row.int("net"))"
        }
        let expected = model.batches.map { batch in
            // A task that is handed over is written to the public table only when it ends.
            let statuses = batch.tasks.map { task in
                task.state.isOpen ? "pending" : task.state == .succeeded ? "succeeded" : "failed"
            }
            return "batch \(batch.id): \(batch.frozen) \(batch.spent) \(batch.refunded) \(batch.isSettled) "
                + "\(batch.isCancelled) \(batch.tasks.map(\.state.rawValue).joined(separator: " ")) | "
                + "\(statuses.joined(separator: " ")) net \(batch.refunded - batch.frozen)"
        }
        return Self.difference(found.sorted(), expected.sorted())
    }

    private func draws(_ model: EngineModel) throws -> [String] {
        let rows = try session.query(
            """
            SELECT batch_id, lot_id, model, credits, (cost_usd * 1000000)::bigint AS cost, returned,
                (returned_cost_usd * 1000000)::bigint AS returned_cost
            FROM daybook.draw WHERE user_id = $1
            """, [.uuid(userID)])
        let found = try rows.map { row in
            try "draw \(row.uuid("batch_id")) \(row.int("lot_id")) \(row.text("model")): \(row.int("credits")) for "
                + "\(row.int("cost")), back \(row.int("returned")) for \(row.int("returned_cost"))"
        }
        let expected = model.batches.flatMap { batch in
            batch.draws.map { draw in
                "draw \(batch.id) \(draw.lotID) \(draw.model.rawValue): \(draw.credits) for \(draw.cost.micros), back "
                    + "\(draw.returned) for \(draw.returnedCost.micros)"
            }
        }
        return Self.difference(found.sorted(), expected.sorted())
    }

    /// Wallet, lots and ledger say the same.
    private func money(_ model: EngineModel) throws -> [String] {
        let row = try session.query(
            """
            SELECT coalesce(max(permanent_credits), 0)::bigint AS purchased, coalesce(max(bonus_credits), 0)::bigint AS bonus,
                (SELECT coalesce(sum(credits_delta), 0) FROM public.credit_ledger WHERE user_id = $1)::bigint AS ledger,
                (SELECT count(*) FROM public.credit_ledger AS l FULL JOIN daybook.entry AS e
                    ON e.user_id = l.user_id AND e.entry_id = l.id AND e.credits = l.credits_delta
                    WHERE l.id IS NULL OR e.entry_id IS NULL)::bigint AS unmatched
            FROM public.credit_wallet WHERE user_id = $1
            """, [.uuid(userID)])[0]
        let found = try
            "wallet \(row.int("purchased")) + \(row.int("bonus")), ledger \(row.int("ledger")), unmatched \(row.int("unmatched"))"
        let expected =
            "wallet \(model.wallet.total(.purchased)) + \(model.wallet.total(.bonus)), ledger \(model.ledger), unmatched 0"
        return Self.difference([found], [expected])
            + (model.ledger == model.wallet.total ? [] : ["the model is not whole"])
    }

    /// Of each model, the earliest instant at which a task is ready.
    private func turns(_ model: EngineModel) throws -> [String] {
        let rows = try session.query(
            "SELECT model, next_ready_at FROM daybook.ready_customer WHERE user_id = $1", [.uuid(userID)])
        let found = try rows.map { "turn \(try $0.text("model")) at \(try $0.instant("next_ready_at"))" }
        let ready = Dictionary(grouping: model.tasks(in: [.ready]), by: \.model)
        let expected = ready.compactMap { model, tasks in
            tasks.map(\.readyAt).min().map { "turn \(model.rawValue) at \($0)" }
        }
        return Self.difference(found.sorted(), expected.sorted())
    }

    private func gates(_ model: EngineModel) throws -> [String] {
        let found = try session.query(
            "SELECT model, failures, closings, is_probing, blocked_until FROM daybook.model_gate ORDER BY model"
        ).map { row in
            try "gate \(row.text("model")): \(row.int("failures")) \(row.int("closings")) \(row.bool("is_probing")) "
                + "\(row.optionalInstant("blocked_until").map { "\($0)" } ?? "open")"
        }
        let expected = model.gates.sorted { $0.key < $1.key }.map { model, gate in
            "gate \(model.rawValue): \(gate.failures) \(gate.closings) \(gate.isProbing) "
                + "\(gate.blockedUntil.map { "\($0)" } ?? "open")"
        }
        return Self.difference(found, expected)
    }

    private static func difference(_ found: [String], _ expected: [String]) -> [String] {
        guard found != expected else { return [] }
        let (left, right) = (Set(found), Set(expected))
        return found.filter { !right.contains($0) }.map { "found    \($0)" }
            + expected.filter { !left.contains($0) }.map { "expected \($0)" }
    }
}
