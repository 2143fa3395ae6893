import Domain
import Postgres

/// What a worker has counted and not written yet: what the provider answered, and how long the ends of tasks waited to
/// be booked. A pure value with as many entries as there are kinds.
struct WorkCounts: Sendable, Hashable {
    /// What is counted, by the words of `daybook.work_count`.
    enum Subject: String, Sendable, Hashable {
        case submission, status, callback
        case settledWithin = "settled_within"
        case settlingMilliseconds = "settling_milliseconds"
    }

    struct Key: Sendable, Hashable {
        let subject: Subject
        /// Empty where a count is of no model.
        let model: String
        /// Of ``Subject/settledWithin`` a bound of ``settlingBounds``, else a word; empty where there is one kind.
        let kind: String
    }

    /// Seconds between two writings: of a worker that is killed so many are lost.
    static let pauseSeconds: Int64 = 10
    /// Upper bounds in milliseconds of the classes by which waiting is counted; beyond the last it is ``beyond``.
    static let settlingBounds: [Int64] = [
        10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 60_000, 600_000,
    ]
    static let beyond = "+Inf"
    /// What an answer to a submission can be.
    static let submissionKinds = ["accepted", "busy", "rejected", "account", "unknown"]
    /// What an answer to a poll can be.
    static let statusKinds = ["running", "succeeded", "failed", "moderated", "not_found", "unreadable"]

    private(set) var counts: [Key: Int64] = [:]

    var isEmpty: Bool { counts.isEmpty }

    mutating func add(_ answer: SubmissionAnswer, _ model: VideoModel) {
        let kind =
            switch answer {
            case .accepted: "accepted"
            case .unknown: "unknown"
            case .refused(let refusal):
                switch refusal.kind {
                case .temporary: "busy"
                case .task: "rejected"
                case .account: "account"
                }
            }
        add(.submission, model.rawValue, kind)
    }

    mutating func add(_ status: ProviderStatus, _ model: VideoModel) {
        let kind =
            switch status {
            case .running: "running"
            case .succeeded: "succeeded"
            case .failed(let failure): failure.reason == .error ? "failed" : "moderated"
            case .notFound: "not_found"
            case .unreadable: "unreadable"
            }
        add(.status, model.rawValue, kind)
    }

    /// What an id turned out to be that a callback named.
    mutating func add(_ outcome: Hint.Outcome) { add(.callback, "", outcome.rawValue) }

    /// The end of a task was booked so long after the provider had told it.
    mutating func add(settledAfter duration: Duration, _ model: VideoModel) {
        let milliseconds = max(Int64(duration / .milliseconds(1)), 0)
        let bound = Self.settlingBounds.first { milliseconds <= $0 }
        add(.settledWithin, model.rawValue, bound.map(String.init) ?? Self.beyond)
        add(.settlingMilliseconds, model.rawValue, "", milliseconds)
    }

    /// Takes back what could not be written.
    mutating func add(_ other: WorkCounts) { counts.merge(other.counts, uniquingKeysWith: +) }

    private mutating func add(_ subject: Subject, _ model: String, _ kind: String, _ count: Int64 = 1) {
        counts[Key(subject: subject, model: model, kind: kind), default: 0] += count
    }
}

extension WorkCounts {
    /// What all workers have counted since ever; nothing where the database has no place for it yet.
    init(_ session: Session) throws {
        let place = try session.query("SELECT to_regclass('daybook.work_count') IS NOT NULL AS exists")
        guard try place[0].bool("exists") else { return }
        for row in try session.query("SELECT subject, model, kind, count FROM daybook.work_count") {
            guard let subject = Subject(rawValue: try row.text("subject")) else { continue }
            add(subject, try row.text("model"), try row.text("kind"), try row.int("count"))
        }
    }

    subscript(_ subject: Subject, _ model: String, _ kind: String) -> Int64 {
        counts[Key(subject: subject, model: model, kind: kind)] ?? 0
    }
}

extension WorkQueue {
    /// Adds what a worker has counted to what all have.
    func add(_ counts: WorkCounts) throws {
        let counts = Array(counts.counts)
        _ = try rowsAtOnce(
            "SELECT daybook.add_work_counts($1, $2, $3, $4)::text",
            [
                .texts(counts.map(\.key.subject.rawValue)), .texts(counts.map(\.key.model)),
                .texts(counts.map(\.key.kind)), .ints(counts.map(\.value)),
            ])
    }
}

extension Incarnation {
    /// Writes what was counted now and then; an idle worker has nothing to write.
    func writeCountsRegularly() async throws {
        while true {
            try await Task.sleep(for: .seconds(WorkCounts.pauseSeconds))
            await writeCounts()
        }
    }

    /// What cannot be written is kept for the next time: nothing else waits for it.
    func writeCounts() async {
        let taken = counts
        guard !taken.isEmpty else { return }
        counts = WorkCounts()
        do {
            try await writeAtOnce { queue, _ in try queue.add(taken) }
        } catch {
            counts.add(taken)
        }
    }

    /// The provider told of an end just now, if it did not before.
    func found(_ ending: TaskEnding, of task: AcceptedTask) -> FoundEnding {
        foundAt[task.taskID] = foundAt[task.taskID] ?? .now
        return FoundEnding(task, ending)
    }

    /// Of these tasks the ends of some were booked just now; those of the others were before.
    func countBooked(_ booked: Set<String>, of tasks: [AcceptedTask]) {
        for task in tasks {
            guard let foundAt = foundAt.removeValue(forKey: task.taskID), booked.contains(task.taskID) else { continue }
            counts.add(settledAfter: ContinuousClock.now - foundAt, task.model)
        }
    }

    func count(_ outcome: Hint.Outcome) { counts.add(outcome) }
}
