import Domain
import Logging

/// Sends submissions, spools what the provider answers, and keeps the answers until they are recorded.
actor SubmissionDesk {
    /// A submission and what became of it.
    struct Answered: Sendable {
        let submission: Submission
        let answer: SubmissionAnswer
    }

    nonisolated let answers = Mailbox<Answered>()
    nonisolated let spool: AnswerSpool
    private let provider: any Provider
    private let settings: WorkerSettings
    private let logger: Logger
    /// Claimed and not recorded yet.
    private(set) var underWay = 0

    init(provider: any Provider, spool: AnswerSpool, settings: WorkerSettings, logger: Logger) {
        self.provider = provider
        self.spool = spool
        self.settings = settings
        self.logger = logger
    }

    var freeSlots: Int { max(settings.slots - underWay, 0) }

    func begin(_ count: Int) { underWay += count }

    /// Answers were recorded: the database has them, and the spool need not, but for those that it refuses.
    func recorded(_ answers: [Answered], keeping unrecorded: Set<[UInt8]> = []) {
        underWay -= answers.count
        spool.forget(answers.map(\.submission.nonce).filter { !unrecorded.contains($0) })
    }

    /// Sends once. The intent to do so is committed.
    nonisolated func submit(_ submission: Submission) async {
        let answer = await provider.submit(submission.request(callbackBase: settings.callbackBase))
        if case .accepted(let providerTaskID) = answer {
            let accepted = AnswerSpool.Answer(
                userID: submission.userID, nonce: submission.nonce, providerTaskID: providerTaskID)
            do {
                try spool.append(accepted)
            } catch {
                logger.error("an answer could not be spooled", metadata: ["spool.cause": "\(error)"])
            }
        }
        await answers.put(Answered(submission: submission, answer: answer))
    }
}

/// Where one task leaves things for another, which takes all there is at once.
actor Mailbox<Element: Sendable> {
    private var items: [Element] = []
    private var waiter: CheckedContinuation<Void, Never>?

    /// Things that nobody has taken yet.
    var count: Int { items.count }

    func put(_ item: Element) {
        items.append(item)
        wake()
    }

    /// Puts things back in front of the others, because they could not be dealt with.
    func putBack(_ returned: [Element]) {
        items = returned + items
        wake()
    }

    /// Waits until there is something and takes it all; nothing where the caller was cancelled.
    func takeAll() async -> [Element] {
        if items.isEmpty, !Task.isCancelled {
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    // Cancelled meanwhile: its wake-up found nobody.
                    if Task.isCancelled { continuation.resume() } else { waiter = continuation }
                }
            } onCancel: {
                Task { await self.wake() }
            }
        }
        defer { items = [] }
        return items
    }

    private func wake() {
        waiter?.resume()
        waiter = nil
    }
}
