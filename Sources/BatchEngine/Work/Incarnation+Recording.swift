import Domain
import Logging
import Postgres

/// What a worker records: answers and endings, as many at a time as there are, a set in one statement and one commit.
///
/// A set of which the database refuses something is parted until that stands alone: it is named, and holds up nothing
/// else.
extension Incarnation {
    func record() async throws {
        while !Task.isCancelled {
            var answers = await desk.answers.takeAll()[...]
            do {
                while !answers.isEmpty {
                    let set = Array(answers.prefix(Limits.recordedTogether))
                    let unrecorded = try await record(set)
                    for answered in set { counts.add(answered.answer, answered.submission.model) }
                    await desk.recorded(set, keeping: unrecorded)
                    answers = answers.dropFirst(set.count)
                    await claimBell.ring()
                }
            } catch {
                await desk.answers.putBack(Array(answers))
                throw error
            }
        }
    }

    /// Recording an answer again changes nothing, so that a failure half-way is no harm. Gives the nonces of those that
    /// the database refuses: the spool keeps them.
    private func record(_ answers: [SubmissionDesk.Answered]) async throws -> Set<[UInt8]> {
        var unrecorded: Set<[UInt8]> = []
        try await inSets(answers, by: SetParting.halves) { set in
            try await self.take(set)
        } orElse: { refused, error in
            logger.error(
                "an answer of the provider cannot be recorded",
                metadata: [
                    "task.id": "\(refused[0].submission.taskID)", "record.cause": "\(String(reflecting: error))",
                ])
            guard case .accepted = refused[0].answer else { throw error }
            // The task is not ready again: the provider has it. It waits as one of which nobody knows.
            let remark = "The provider's answer cannot be recorded."
            try await take([.init(submission: refused[0].submission, answer: .unknown(remark: remark))])
            unrecorded.insert(refused[0].submission.nonce)
        }
        for answered in answers {
            guard case .refused(let refusal) = answered.answer else { continue }
            let submission = answered.submission
            try await write(work) { queue, worker in
                try queue.refuse(submission, refusal, behind: try queue.fence(worker))
            }
        }
        return unrecorded
    }

    private func take(_ answers: [SubmissionDesk.Answered]) async throws {
        let recorded = try await writeAtOnce { queue, worker in
            try queue.record(answers.map { ($0.submission, $0.answer) }, by: worker)
        }
        for model in recorded.closedGates {
            logger.warning(
                "the provider takes nothing, and a gate is closed", metadata: ["gate.model": "\(model.rawValue)"])
        }
        await poll(recorded.accepted)
    }

    func recordEndings() async throws {
        while !Task.isCancelled {
            var found = await endings.takeAll()[...]
            while !found.isEmpty {
                let set = Array(found.prefix(Limits.recordedTogether))
                found = found.dropFirst(set.count)
                try await record(endings: set)
            }
        }
    }

    private func record(endings found: [FoundEnding]) async throws {
        let videos = store == nil ? [] : found.filter { $0.ending.state == .succeeded }
        if !videos.isEmpty { try await beginCopies(videos) }
        let set = store == nil ? found : found.filter { $0.ending.state != .succeeded }
        guard !set.isEmpty else { return }
        try await inSets(set, by: { SetParting.byCustomer($0, $1, \.task.userID) }) { set in
            let booked = try await self.writeAtOnce { queue, worker in try queue.end(set, by: worker) }
            countBooked(booked, of: set.map(\.task))
            for found in set {
                schedule.ended(found.task, keepsWatching: found.ending.state == .timedOut, now: .now)
            }
        } orElse: { refused, error in
            // They stay accepted, and are asked for again before long.
            logger.error(
                "ends of tasks cannot be recorded now",
                metadata: [
                    "task.id": "\(refused[0].task.taskID)", "task.count": "\(refused.count)",
                    "record.cause": "\(String(reflecting: error))",
                ])
            for found in refused { schedule.askAgain(found.task, now: .now) }
            await pollBell.ring()
        }
    }

    /// Records a set; where the database refuses something in it, the parts of it, and what cannot be parted goes the
    /// other way.
    func inSets<Element: Sendable>(
        _ set: [Element], by parting: ([Element], PostgresError) -> [[Element]],
        _ record: ([Element]) async throws -> Void, orElse: ([Element], PostgresError) async throws -> Void
    ) async throws {
        var sets = [set]
        while let next = sets.popLast() {
            do {
                try await record(next)
            } catch let error as PostgresError where error.isAboutRows {
                let parts = parting(next, error)
                if parts.count > 1 {
                    sets += parts.reversed()
                } else {
                    try await orElse(next, error)
                }
            }
        }
    }
}

/// How a set is parted that the database refuses.
enum SetParting {
    /// Halves; one part where there is but one element.
    static func halves<Element>(_ set: [Element], _: PostgresError) -> [[Element]] {
        guard set.count > 1 else { return [set] }
        return [Array(set.prefix(set.count / 2)), Array(set.dropFirst(set.count / 2))]
    }

    /// Halves; by the customers where a lock was not to be had: each waits for it but once.
    static func byCustomer<Element>(
        _ set: [Element], _ error: PostgresError, _ customer: (Element) -> String
    ) -> [[Element]] {
        guard error.code == .lockNotAvailable else { return halves(set, error) }
        return Dictionary(grouping: set, by: customer).sorted { $0.key < $1.key }.map(\.value)
    }
}

extension PostgresError {
    /// True where the server, or its way to us, refuses a statement for the rows that it is about: without them it may
    /// well take the others. What concerns the session, the server's state, or names and rights, does not.
    var isAboutRows: Bool {
        if code == .lockNotAvailable || code == .encoding { return true }
        let others = ["08", "0A", "25", "26", "40", "42", "53", "57", "58", "F0", "XX"]
        return code == .server && sqlState.map { !others.contains($0.category) } ?? false
    }
}
