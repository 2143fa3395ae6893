import BatchEngine
import Domain
import Postgres
import TestSupport

/// A random history of one customer: each step is done to the database and to the model.
struct History {
    static let userID = "11111111-2222-3333-4444-555555555555"
    static let gates: [VideoModel: Int] = [.sora2: 6, .veoFlash: 4, .veoPro: 3]

    var random: SeededRandom
    var model = EngineModel(gates: gates)
    var now = Instant("2026-10-01T00:00:00Z") ?? Instant(microseconds: 0)
    var worker: Int64 = 0
    private var requests: [(request: BatchRequest, batchID: String)] = []
    var pending: [Submission] = []
    var steps = 0
    private var log: [String] = []

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
    }

    /// Makes the customer and the first worker.
    mutating func begin(_ session: Session) throws {
        try session.executeScript(
            """
            INSERT INTO public.users (id) VALUES ('\(Self.userID)');
            UPDATE daybook.model_gate SET max_in_flight = CASE model WHEN 'sora-2' THEN 6 WHEN 'veo-flash' THEN 4 ELSE 3 END;
            INSERT INTO daybook.test_clock (rate, origin, anchor) VALUES (0, clock_timestamp(), clock_timestamp())
            """)
        try setClock(session)
        worker = try WorkQueue(session).register(host: "test", processID: 1)
    }

    /// One step and the comparison after it.
    mutating func step(_ session: Session) throws -> [String] {
        steps += 1
        now = now.adding(seconds: Int64.random(in: 0...40, using: &random))
        if Int.random(in: 0..<40, using: &random) == 0 {
            now = now.adding(seconds: Int64.random(in: 600...90_000, using: &random))
        }
        try setClock(session)
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<26: try book(session)
        case 26..<38: try create(session)
        case 38..<43: try cancel(session)
        case 43..<60: try claim(session)
        case 60..<74: try answer(session)
        case 74..<86: try poll(session)
        case 86..<89: try endOverdue(session)
        case 89..<94: try flush(session)
        case 94..<96: try replaceWorker(session)
        case 96..<98: try callOldFunctions(session)
        default: try expireCredit(session)
        }
        return try Comparison(session, userID: Self.userID).differences(from: model)
    }

    private func setClock(_ session: Session) throws {
        try session.execute("UPDATE daybook.test_clock SET origin = $1", [.instant(now)])
    }

    /// The last steps, and what was found after them.
    func story(_ findings: [String]) -> String { (log.suffix(12) + findings).joined(separator: "\n") }

    mutating func note(_ what: String) { log.append("\(steps). \(now) \(what)") }

    // MARK: - Money

    private mutating func book(_ session: Session) throws {
        // Mostly small lots, so that most batches draw from several.
        let most: Int64 = Int.random(in: 0..<4, using: &random) == 0 ? 900 : 60
        let credits = Int64.random(in: 1...most, using: &random)
        let kind: CreditBooking.Kind
        switch Int.random(in: 0..<4, using: &random) {
        case 0:
            kind = .purchase(credits: credits, price: Dollars(micros: Int64.random(in: 0...30_000_000, using: &random)))
        case 1: kind = .grant(credits: credits, expiresAt: nil)
        case 2:
            kind = .grant(credits: credits, expiresAt: now.adding(seconds: Int64.random(in: 1...5000, using: &random)))
        default: kind = .adjustment(credits: Bool.random(using: &random) ? credits : -credits / 3 - 1)
        }
        let booking = try CreditBooking(kind: kind, reference: "step \(steps)", author: "test", reason: "random")
        note("book \(kind)")
        if case .adjustment(let credits) = kind, credits < 0 {
            let isPossible = model.takeOut(-credits, at: now)
            do {
                _ = try session.transaction { try CreditBook(session).book(booking, for: Self.userID) }
                guard isPossible else { throw TestSupportError("more was taken out than there was") }
            } catch EngineFault.insufficientCredits where !isPossible {}
            return
        }
        _ = try session.transaction { try CreditBook(session).book(booking, for: Self.userID) }
        let row = try session.query(
            "SELECT max(lot_id) AS id, (max(cost_usd) * 1000000)::bigint AS cost FROM daybook.lot WHERE lot_id = (SELECT max(lot_id) FROM daybook.lot)"
        )[0]
        let lot: Lot
        switch kind {
        case .purchase(let credits, let price):
            lot = Lot(id: try row.int("id"), kind: .purchased, remaining: credits, remainingCost: price, openedAt: now)
        case .grant(let credits, let expiresAt):
            lot = Lot(
                id: try row.int("id"), kind: .bonus, remaining: credits, remainingCost: .zero, openedAt: now,
                expiresAt: expiresAt)
        case .adjustment(let credits):
            lot = Lot(id: try row.int("id"), kind: .purchased, remaining: credits, remainingCost: .zero, openedAt: now)
        }
        model.open(lot, at: now)
        // The same reference again books nothing.
        let again = try session.transaction { try CreditBook(session).book(booking, for: Self.userID) }
        guard !again else { throw TestSupportError("a reference was booked twice") }
    }

    private mutating func expireCredit(_ session: Session) throws {
        note("expire credit")
        while try session.transaction(TransactionOptions(), { try WorkQueue(session).expireCredit() }) {}
        model.hold(at: now)
    }

    // MARK: - Batches

    private mutating func create(_ session: Session) throws {
        if !requests.isEmpty, Int.random(in: 0..<3, using: &random) == 0 { return try replay(session) }
        let items = (0..<Int.random(in: 1...6, using: &random)).map { number in
            BatchItem(
                model: [.sora2, .sora2, .sora2, .veoFlash, .veoFlash, .veoPro].randomElement(using: &random) ?? .sora2,
                prompt: "item \(number)")
        }
        let request = BatchRequest(requestID: "request \(steps)", items: items)
        let outcome = try Batches(session, of: Self.userID).create(request, by: nil, from: .test)
        note("create \(items.map(\.model.rawValue)): \(outcome)")
        switch outcome {
        case .created(let summary, _):
            let ids = try session.query(
                "SELECT task_id FROM daybook.task WHERE batch_id = $1 ORDER BY batch_index", [.uuid(summary.batchID)]
            ).map { try $0.uuid("task_id") }
            guard model.create(summary.batchID, taskIDs: ids, models: items.map(\.model), at: now) else {
                throw TestSupportError("a batch was created without the credit for it")
            }
            requests.append((request, summary.batchID))
        case .insufficient:
            var copy = model
            guard !copy.create("", taskIDs: ids(items.count), models: items.map(\.model), at: now) else {
                throw TestSupportError("a batch was refused although there is credit for it")
            }
        case .replayed, .conflict: throw TestSupportError("a new request was taken for an old one")
        }
    }

    private func ids(_ count: Int) -> [String] { (0..<count).map { "none \($0)" } }

    /// The same request again, with the same body or another.
    private mutating func replay(_ session: Session) throws {
        guard let (request, batchID) = requests.randomElement(using: &random) else { return }
        if Bool.random(using: &random) {
            note("replay \(batchID)")
            guard
                case .replayed(let summary, _) = try Batches(session, of: Self.userID).create(
                    request, by: nil, from: .test),
                summary.batchID == batchID
            else { throw TestSupportError("a replay did not give its batch") }
        } else {
            note("another body for \(batchID)")
            let other = BatchRequest(requestID: request.requestID, items: request.items + [BatchItem(prompt: "more")])
            guard case .conflict = try Batches(session, of: Self.userID).create(other, by: nil, from: .test) else {
                throw TestSupportError("another body was not a conflict")
            }
        }
    }

    private mutating func cancel(_ session: Session) throws {
        guard let index = model.batches.indices.randomElement(using: &random) else { return }
        let batchID = model.batches[index].id
        note("cancel \(batchID)")
        _ = try session.transaction { try Batches(session, of: Self.userID).cancel(batchID) }
        model.cancel(index, at: now)
    }

    /// What old callers do to a batch of the engine: it changes nothing that the engine would not do itself.
    private mutating func callOldFunctions(_ session: Session) throws {
        guard let batch = model.batches.randomElement(using: &random) else { return }
        note("old functions on \(batch.id)")
        let frozen = try session.query(
            "SELECT public.freeze_credits_for_batch($1, $2, $3::integer) ->> 'already' AS already",
            [.uuid(batch.id), .uuid(Self.userID), .int(batch.frozen)])
        guard try frozen[0].text("already") == "true" else { throw TestSupportError("a batch was frozen twice") }
        do {
            let row = try session.query(
                "SELECT (f ->> 'already')::boolean AS already, (f ->> 'refund')::bigint AS refund FROM public.finalize_batch_credits($1, $2, 0) AS f",
                [.uuid(batch.id), .uuid(Self.userID)])[0]
            guard batch.isSettled, try row.bool("already"), try row.int("refund") == batch.refunded else {
                throw TestSupportError("finalize did something")
            }
        } catch let error as PostgresError where error.sqlState?.rawValue == "DB409" && !batch.isSettled {}
    }
}
