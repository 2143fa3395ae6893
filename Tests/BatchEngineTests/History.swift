import BatchEngine
import Domain
import Postgres
import TestSupport

/// A random history of one customer: each step is done to the database and to the model.
struct History {
    static let userID = "11111111-2222-3333-4444-555555555555"
    private static let gates: [VideoModel: Int] = [.sora2: 6, .veoFlash: 4, .veoPro: 3]

    private var random: SeededRandom
    private var model = EngineModel(gates: gates)
    private var now = Instant("2026-10-01T00:00:00Z") ?? Instant(microseconds: 0)
    private var worker: Int64 = 0
    private var requests: [(request: BatchRequest, batchID: String)] = []
    private var pending: [Submission] = []
    private var steps = 0
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
            SET daybook.clock_rate = '0'
            """)
        try setClock(session)
        worker = try WorkQueue(session).register(host: "test", processID: 1)
    }

    /// One step and the comparison after it.
    mutating func step(_ session: Session) throws -> [String] {
        steps += 1
        now = now.adding(seconds: Int64.random(in: 0...40, using: &random))
        if Int.random(in: 0..<40, using: &random) == 0 { now = now.adding(seconds: Int64.random(in: 600...90_000, using: &random)) }
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
        _ = try session.query("SELECT set_config('daybook.clock_origin', $1, false)", [.text(now.description)])
    }

    /// The last steps, and what was found after them.
    func story(_ findings: [String]) -> String { (log.suffix(12) + findings).joined(separator: "\n") }

    private mutating func note(_ what: String) { log.append("\(steps). \(now) \(what)") }

    // MARK: - Money

    private mutating func book(_ session: Session) throws {
        // Mostly small lots, so that most batches draw from several.
        let most: Int64 = Int.random(in: 0..<4, using: &random) == 0 ? 900 : 60
        let credits = Int64.random(in: 1...most, using: &random)
        let kind: CreditBooking.Kind
        switch Int.random(in: 0..<4, using: &random) {
        case 0: kind = .purchase(credits: credits, price: Dollars(micros: Int64.random(in: 0...30_000_000, using: &random)))
        case 1: kind = .grant(credits: credits, expiresAt: nil)
        case 2: kind = .grant(credits: credits, expiresAt: now.adding(seconds: Int64.random(in: 1...5000, using: &random)))
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
            "SELECT max(lot_id) AS id, (max(cost_usd) * 1000000)::bigint AS cost FROM daybook.lot WHERE lot_id = (SELECT max(lot_id) FROM daybook.lot)")[0]
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
            guard case .replayed(let summary, _) = try Batches(session, of: Self.userID).create(request, by: nil, from: .test),
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

    // MARK: - Work

    private mutating func claim(_ session: Session) throws {
        let claimed = VideoModel.allCases.randomElement(using: &random) ?? .sora2
        let limit = Int.random(in: 1...5, using: &random)
        let ready = model.tasks(in: [.ready]).filter {
            $0.model == claimed && $0.readyAt <= now && $0.expiresAt > now
        }
        let inFlight = model.tasks(in: [.intent, .unknown, .accepted]).filter { $0.model == claimed }.count
        let expected = min(limit, ready.count, max((Self.gates[claimed] ?? 0) - inFlight, 0))
        let worker = worker
        let submissions = try session.transaction {
            try WorkQueue(session).claim(worker, model: claimed, limit: limit, chunk: 2)
        }
        note("claim \(claimed) \(limit): \(submissions.map(\.taskID))")
        guard submissions.count == expected else {
            throw TestSupportError("\(submissions.count) tasks were claimed, not \(expected)")
        }
        for submission in submissions {
            guard let place = model.find(submission.taskID),
                ready.contains(where: { $0.id == submission.taskID })
            else { throw TestSupportError("a task was claimed that was not ready") }
            model.apply(.dispatched, to: [submission.taskID], of: place.batch, at: now)
            model.batches[place.batch].tasks[place.task].attempts += 1
            model.batches[place.batch].tasks[place.task].nonce = submission.nonce
            model.batches[place.batch].tasks[place.task].intentAt = now
        }
        pending += submissions
    }

    /// The provider answers one submission, perhaps after it was given up.
    private mutating func answer(_ session: Session) throws {
        guard let index = pending.indices.randomElement(using: &random) else { return }
        let submission = pending[index]
        guard let place = model.find(submission.taskID) else { return }
        let task = model.batches[place.batch].tasks[place.task]
        let isStale = task.nonce != submission.nonce
        let answer: SubmissionAnswer
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<5: answer = .accepted(providerTaskID: "provider-\(steps)")
        case 5: answer = .refused(.init(kind: .task, remark: "no"))
        case 6: answer = .refused(.init(kind: .temporary, remark: "busy"))
        default: answer = .unknown(remark: "lost")
        }
        note("answer \(submission.taskID) in \(task.state): \(answer)")
        let worker = worker
        _ = try session.transaction { try WorkQueue(session).record([(submission, answer)], by: worker) }
        // A lost answer may still come, by a callback; every other one is the last.
        if case .unknown = answer {} else { pending.remove(at: index) }
        guard !isStale else { return }
        apply(answer, to: task, at: place)
    }

    private mutating func apply(_ answer: SubmissionAnswer, to task: EngineModel.Task, at place: (batch: Int, task: Int)) {
        let ids: Set<String> = [task.id]
        switch answer {
        case .accepted: model.apply(.accepted, to: ids, of: place.batch, at: now)
        case .unknown:
            guard task.state == .intent else { return }
            model.apply(.answerLost, to: ids, of: place.batch, at: now)
            model.batches[place.batch].tasks[place.task].givenUpAt = task.intentAt.adding(
                seconds: task.model.deadlineSeconds + 600)
        case .refused(let refusal):
            if refusal.kind == .task || task.attempts >= Limits.submissionAttempts {
                return model.apply(.rejected, to: ids, of: place.batch, at: now)
            }
            model.apply(.refused, to: ids, of: place.batch, at: now)
            guard task.state == .intent else { return }
            if model.batches[place.batch].isCancelled {
                model.apply(.cancelled, to: ids, of: place.batch, at: now)
            } else {
                model.batches[place.batch].tasks[place.task].readyAt = now.adding(
                    seconds: min(1 << min(task.attempts, 16), 300))
            }
        }
    }

    /// A poll finds an end, perhaps one that was recorded before.
    private mutating func poll(_ session: Session) throws {
        guard let batch = model.batches.indices.filter({ index in
            model.batches[index].tasks.contains { $0.state == .accepted }
        }).randomElement(using: &random) else { return }
        let accepted = model.batches[batch].tasks.filter { $0.state == .accepted || !$0.state.isOpen }
        let chosen = accepted.filter { _ in Bool.random(using: &random) }
        guard !chosen.isEmpty else { return }
        let event = [TaskEvent.succeeded, .succeeded, .failed, .deadlinePassed].randomElement(using: &random) ?? .failed
        let endings = chosen.map { task in
            switch event {
            case .succeeded: TaskEnding.succeeded(task.id, videoURL: "https://example.com/\(task.id)")
            case .deadlinePassed: TaskEnding.timedOut(task.id)
            default: TaskEnding.failed(task.id, .init(reason: "output_moderation", message: "no"))
            }
        }
        note("poll \(chosen.map(\.id)): \(event)")
        let batchID = model.batches[batch].id
        _ = try session.transaction {
            try WorkQueue(session).end(endings, of: batchID, customer: Self.userID, from: [.accepted])
        }
        model.apply(event, to: Set(chosen.map(\.id)), of: batch, at: now)
    }

    private mutating func endOverdue(_ session: Session) throws {
        note("end overdue")
        while try session.transaction(TransactionOptions(), { try WorkQueue(session).endOverdue(limit: 3) }) > 0 {}
        for (index, batch) in model.batches.enumerated().sorted(by: { $0.element.id < $1.element.id }) {
            let expired = batch.tasks.filter { $0.state == .ready && $0.expiresAt <= now }
            model.apply(.expired, to: Set(expired.map(\.id)), of: index, at: now)
        }
        for (index, batch) in model.batches.enumerated().sorted(by: { $0.element.id < $1.element.id }) {
            let lost = batch.tasks.filter { $0.state == .unknown && $0.givenUpAt <= now }
            model.apply(.givenUp, to: Set(lost.map(\.id)), of: index, at: now)
        }
    }

    private mutating func flush(_ session: Session) throws {
        note("flush")
        for _ in 0..<model.batches.count + 1 {
            _ = try session.transaction { try WorkQueue(session).flush(ageSeconds: -1) }
        }
        for index in model.batches.indices where !model.batches[index].isSettled { model.refundFailures(index, at: now) }
    }

    /// The worker dies, and another one starts.
    private mutating func replaceWorker(_ session: Session) throws {
        note("the worker dies")
        let dead = worker
        worker = try session.transaction {
            _ = try session.query("SELECT daybook.leave($1, 'dead')::text", [.int(dead)])
            return try WorkQueue(session).register(host: "test", processID: 1)
        }
        for (index, batch) in model.batches.enumerated() {
            for (position, task) in batch.tasks.enumerated() where task.state == .intent {
                model.apply(.answerLost, to: [task.id], of: index, at: now)
                model.batches[index].tasks[position].givenUpAt = task.intentAt.adding(
                    seconds: task.model.deadlineSeconds + 600)
            }
        }
        do {
            try session.transaction { try WorkQueue(session).hold(dead) }
            throw TestSupportError("a dead worker could commit")
        } catch EngineFault.fenced {}
        let worker = worker
        let adopted = try session.transaction { try WorkQueue(session).adopt(worker, limit: 1000) }
        guard adopted.count == model.tasks(in: [.accepted]).count else {
            throw TestSupportError("\(adopted.count) accepted tasks were adopted")
        }
    }
}
