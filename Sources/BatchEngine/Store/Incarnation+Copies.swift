public import Domain
import Logging
import Postgres

/// Where a worker copies videos to, and from.
public struct WorkerStore: Sendable {
    public let videos: any VideoStore
    public let source: any VideoSource
    /// What stands before the path of a video's address: empty, or like `https://api.example.com`.
    public let publicURL: String

    public init(videos: any VideoStore, source: any VideoSource, publicURL: String) {
        self.videos = videos
        self.source = source
        self.publicURL = publicURL
    }

    /// The address under which the API serves a video.
    func address(of taskID: String) -> String { "\(publicURL)/v1/videos/\(taskID)/content" }

    public static let isNotTheDatabases = DaybookError.configuration(
        "The videos of this database are kept in a store, and this worker has none or another one:", .nameStore)
}

/// How a worker copies videos: each before its task ends, a few at a time, beside everything else that it does.
extension Incarnation {
    /// Polls found these videos: their copies begin, and nothing is asked about them any more.
    func beginCopies(_ found: [FoundEnding]) async throws {
        try await inSets(found, by: { SetParting.byCustomer($0, $1, \.task.userID) }) { set in
            let records = try await self.writeAtOnce { queue, worker in try queue.beginCopies(set, by: worker) }
            for found in set { schedule.ended(found.task, keepsWatching: false, now: .now) }
            await copy(records, of: set.map(\.task))
        } orElse: { refused, error in
            logger.error(
                "videos cannot be recorded as found now",
                metadata: [
                    "task.id": "\(refused[0].task.taskID)", "task.count": "\(refused.count)",
                    "record.cause": "\(String(reflecting: error))",
                ])
            for found in refused { schedule.askAgain(found.task, now: .now) }
            await pollBell.ring()
        }
    }

    /// Copies these videos from now on.
    func copy(_ records: [WorkQueue.CopyRecord], of tasks: [AcceptedTask]) async {
        guard !records.isEmpty else { return }
        let now = ContinuousClock.now
        let known = Dictionary(tasks.map { ($0.taskID, $0) }) { first, _ in first }
        for record in records {
            guard let task = known[record.taskID] else { continue }
            let left = Duration.seconds(max(record.secondsLeft, 0)) / Int(rate)
            copySchedule.add(
                VideoCopy(task: task, url: record.url, attempts: record.attempts, giveUpAt: now + left), now: now)
        }
        await copyBell.ring()
    }

    func copyVideos() async throws {
        guard let store else { return }
        try await withThrowingDiscardingTaskGroup { group in
            while true {
                try Task.checkCancellation()
                for copy in copySchedule.takeDue(now: .now) { group.addTask { await self.copy(copy, to: store) } }
                for copy in copySchedule.takeExpired(now: .now) { await giveUp(copy, "The store takes nothing.") }
                let next = copySchedule.nextDueAt().map { max($0 - .now, .milliseconds(5)) } ?? .seconds(60)
                await copyBell.wait(atMost: min(next, copySchedule.isBlocked ? .seconds(1) : .seconds(60)))
            }
        }
    }

    private func copy(_ copy: VideoCopy, to store: WorkerStore) async {
        do {
            let video = try await fetch(copy, to: store)
            let wasBlocked = copySchedule.isBlocked
            let isCurrent = copySchedule.succeeded(copy, now: .now) != nil
            if wasBlocked, !copySchedule.isBlocked { logger.notice("the store of videos takes them again") }
            if isCurrent {
                let ending = TaskEnding.succeeded(
                    copy.task.taskID, videoURL: store.address(of: copy.task.taskID))
                await copied.put(.init(task: copy.task, ending: ending, video: video))
            }
        } catch is CancellationError {
            return
        } catch {
            guard !Task.isCancelled else { return }
            await failed(copy, error as? VideoFault ?? .line("The line to the provider broke."))
        }
        await copyBell.ring()
    }

    /// Throws ``VideoFault``, and `CancellationError`. What came of a video that did not come whole, or that the store
    /// did not take, is kept for the next try.
    private func fetch(_ copy: VideoCopy, to store: WorkerStore) async throws -> StoredVideo {
        let taskID = copy.task.taskID
        let kept = keptParts.take(taskID)
        let part: VideoPart
        if let kept { part = kept } else { part = VideoPart(try await store.videos.begin(taskID)) }
        let room = CopyRoom()
        defer { copyBytes -= room.bytes }
        do {
            try await part.fetch(copy.url, from: store.source) { size in
                guard await self.reserve(size) else { throw VideoFault.crowded }
                room.bytes += size
            }
            return try await store.videos.keep(part.writer, of: taskID, part.contentType)
        } catch {
            keptParts.keep(part, of: taskID)
            throw error
        }
    }

    /// Room for the bytes of one copy more; false where there is none now. One alone always has it.
    private func reserve(_ size: Int64) -> Bool {
        guard copyBytes == 0 || copyBytes + size <= Limits.copyBytesUnderWay else { return false }
        copyBytes += size
        return true
    }

    private func failed(_ copy: VideoCopy, _ fault: VideoFault) async {
        var copy = copy
        if case .store(let sentence) = fault {
            // Once for as long as it goes on: where there is room for a few, it goes on with pauses.
            let isNews = storeFailedAt.map { ContinuousClock.now - $0 > .seconds(Limits.storeQuietSeconds) } ?? true
            storeFailedAt = .now
            if isNews {
                logger.error(
                    "the store of videos takes nothing: copying waits, and is tried again",
                    metadata: ["store.cause": "\(sentence)", "store.pause": "\(Limits.storePauseSeconds) s"])
            }
        }
        let decision = copySchedule.failed(copy, fault, now: .now)
        switch decision {
        case .again(counts: true):
            // The address may have been renewed: the provider says it to whoever asks.
            if case .succeeded(let url, _) = await provider.status(of: copy.task.providerTaskID), !Task.isCancelled {
                copySchedule.moved(copy, to: url)
                copy.url = url
            }
            let noted = copy
            try? await writeAtOnce { queue, worker in try queue.noteFailure(of: noted, fault.sentence, by: worker) }
        case .giveUp(let sentence): await giveUp(copy, sentence)
        case .again: break
        case nil: _ = keptParts.take(copy.task.taskID)
        }
    }

    /// A store that cannot remove it now keeps a file that no record names.
    private func remove(_ taskID: String, from store: WorkerStore) async {
        do {
            try await store.videos.remove(taskID)
        } catch let fault as VideoFault {
            logger.warning(
                "what was left of a video cannot be removed",
                metadata: ["task.id": "\(taskID)", "store.cause": "\(fault.sentence)"])
        } catch {}
    }

    private func giveUp(_ copy: VideoCopy, _ sentence: String) async {
        _ = keptParts.take(copy.task.taskID)
        logger.warning(
            "a video is given up: its task fails",
            metadata: [
                "task.id": "\(copy.task.taskID)", "copy.cause": "\(sentence)",
            ])
        try? await writeAtOnce { queue, worker in try queue.noteFailure(of: copy, sentence, by: worker) }
        await copied.put(.init(task: copy.task, ending: .notFetched(copy.task.taskID), video: nil))
    }

    /// Records copies that have ended, as many at a time as there are.
    func recordCopies() async throws {
        guard let store else { return }
        while !Task.isCancelled {
            var ended = await copied.takeAll()[...]
            while !ended.isEmpty {
                let set = Array(ended.prefix(Limits.recordedTogether))
                ended = ended.dropFirst(set.count)
                try await record(copies: set, store)
            }
        }
    }

    private func record(copies set: [WorkQueue.EndedCopy], _ store: WorkerStore) async throws {
        try await inSets(set, by: { SetParting.byCustomer($0, $1, \.task.userID) }) { set in
            let ended = try await self.writeAtOnce { queue, worker in try queue.end(set, by: worker) }
            countBooked(ended, of: set.map(\.task))
            // What a worker before this one may have left of a video that nobody has.
            for copy in set where copy.video == nil && ended.contains(copy.task.taskID) {
                await remove(copy.task.taskID, from: store)
            }
        } orElse: { refused, error in
            // They stay accepted, with their videos in the store, and are recorded before long.
            logger.error(
                "ends of copies cannot be recorded now",
                metadata: [
                    "task.id": "\(refused[0].task.taskID)", "task.count": "\(refused.count)",
                    "record.cause": "\(String(reflecting: error))",
                ])
            Task { [copied] in
                try await Task.sleep(for: .seconds(5))
                for copy in refused { await copied.put(copy) }
            }
        }
    }
}

/// The bytes that are reserved for a copy under way.
///
/// Unchecked: the one task that copies writes and reads it, one after the other.
private final class CopyRoom: @unchecked Sendable {
    var bytes: Int64 = 0
}
