import BatchEngine
import Domain
import Postgres
import TestSupport

/// What workers and the provider do to a history.
extension History {
    mutating func claim(_ session: Session) throws {
        let claimed = VideoModel.allCases.randomElement(using: &random) ?? .sora2
        let limit = Int.random(in: 1...5, using: &random)
        let ready = model.tasks(in: [.ready]).filter {
            $0.model == claimed && $0.readyAt <= now && $0.expiresAt > now
        }
        let inFlight = model.tasks(in: [.intent, .unknown, .accepted]).filter { $0.model == claimed }.count
        let gate = model.gates[claimed] ?? EngineModel.Gate(places: 0)
        let expected = min(gate.limit(limit, at: now), ready.count, max(gate.places - inFlight, 0))
        let worker = worker
        let submissions = try session.transaction {
            try WorkQueue(session).claim(worker, model: claimed, limit: limit, chunk: 2)
        }
        note("claim \(claimed) \(limit): \(submissions.map(\.taskID))")
        guard submissions.count == expected else {
            throw TestSupportError("\(submissions.count) tasks were claimed, not \(expected)")
        }
        if !submissions.isEmpty { model.gates[claimed]?.claimed(at: now) }
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
    mutating func answer(_ session: Session) throws {
        guard let index = pending.indices.randomElement(using: &random) else { return }
        let submission = pending[index]
        guard let place = model.find(submission.taskID) else { return }
        let task = model.batches[place.batch].tasks[place.task]
        let isStale = task.nonce != submission.nonce
        let answer: SubmissionAnswer
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<5: answer = .accepted(providerTaskID: "provider-\(steps)")
        case 5: answer = .refused(.init(kind: .task, remark: "no"))
        case 6:
            let pause: Int64? = Bool.random(using: &random) ? 30 : nil
            answer = .refused(.init(kind: .temporary, remark: "busy", retryAfterSeconds: pause))
        default: answer = .unknown(remark: "lost")
        }
        note("answer \(submission.taskID) in \(task.state): \(answer)")
        let worker = worker
        _ = try session.transaction { try WorkQueue(session).record([(submission, answer)], by: worker) }
        if case .refused(let refusal) = answer {
            try session.transaction {
                let queue = WorkQueue(session)
                try queue.refuse(submission, refusal, behind: try queue.fence(worker))
            }
        }
        switch answer {
        case .accepted: model.gates[submission.model]?.providerLives()
        case .refused(let refusal) where refusal.kind == .task: model.gates[submission.model]?.providerLives()
        case .refused(let refusal): model.gates[submission.model]?.failed(pause: refusal.retryAfterSeconds, at: now)
        case .unknown: model.gates[submission.model]?.failed(pause: nil, at: now)
        }
        // A lost answer may still come, by a callback; every other one is the last.
        if case .unknown = answer {} else { pending.remove(at: index) }
        guard !isStale else { return }
        apply(answer, to: task, at: place)
    }

    mutating func apply(
        _ answer: SubmissionAnswer, to task: EngineModel.Task, at place: (batch: Int, task: Int)
    ) {
        let ids: Set<String> = [task.id]
        switch answer {
        case .accepted: model.apply(.accepted, to: ids, of: place.batch, at: now)
        case .unknown:
            guard task.state == .intent else { return }
            model.apply(.answerLost, to: ids, of: place.batch, at: now)
            model.batches[place.batch].tasks[place.task].givenUpAt = task.intentAt.adding(
                seconds: task.model.deadlineSeconds + 600)
        case .refused(let refusal):
            if refusal.kind == .task {
                return model.apply(.rejected, to: ids, of: place.batch, at: now)
            }
            model.apply(.refused, to: ids, of: place.batch, at: now)
            guard task.state == .intent else { return }
            if model.batches[place.batch].isCancelled {
                model.apply(.cancelled, to: ids, of: place.batch, at: now)
            } else {
                model.batches[place.batch].tasks[place.task].readyAt = now.adding(
                    seconds: refusal.retryAfterSeconds ?? min(1 << min(task.attempts, 16), 300))
            }
        }
    }

    /// A poll finds an end, perhaps one that was recorded before.
    mutating func poll(_ session: Session) throws {
        guard
            let batch = model.batches.indices.filter({ index in
                model.batches[index].tasks.contains { $0.state == .accepted }
            }).randomElement(using: &random)
        else { return }
        let accepted = model.batches[batch].tasks.filter { $0.state == .accepted || !$0.state.isOpen }
        let chosen = accepted.filter { _ in Bool.random(using: &random) }
        guard !chosen.isEmpty else { return }
        let event =
            [TaskEvent.succeeded, .succeeded, .failed, .deadlinePassed].randomElement(using: &random) ?? .failed
        let endings = chosen.map { task in
            switch event {
            case .succeeded: TaskEnding.succeeded(task.id, videoURL: "https://example.com/\(task.id)")
            case .deadlinePassed: TaskEnding.timedOut(task.id)
            default: TaskEnding.failed(task.id, .init(reason: .outputModeration, message: "no"))
            }
        }
        note("poll \(chosen.map(\.id)): \(event)")
        let batchID = model.batches[batch].id
        _ = try session.transaction {
            let queue = WorkQueue(session)
            return try queue.end(
                endings, of: batchID, customer: Self.userID, from: [.accepted], behind: try queue.fence(worker))
        }
        model.apply(event, to: Set(chosen.map(\.id)), of: batch, at: now)
    }

    mutating func endOverdue(_ session: Session) throws {
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

    mutating func flush(_ session: Session) throws {
        note("flush")
        for _ in 0..<model.batches.count + 1 {
            _ = try session.transaction { try WorkQueue(session).flush(ageSeconds: -1) }
        }
        for index in model.batches.indices where !model.batches[index].isSettled {
            model.refundFailures(index, at: now)
        }
    }

    /// The worker dies, and another one starts.
    mutating func replaceWorker(_ session: Session) throws {
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
            try session.transaction { _ = try WorkQueue(session).fence(dead) }
            throw TestSupportError("a dead worker could commit")
        } catch EngineFault.fenced {}
        let worker = worker
        let adopted = try session.transaction { try WorkQueue(session).adopt(worker, limit: 1000) }
        guard adopted.count == model.tasks(in: [.accepted]).count else {
            throw TestSupportError("\(adopted.count) accepted tasks were adopted")
        }
    }
}
