import BatchEngine
import Console
import Domain
import Logging
import Postgres
import TestSupport
import Testing

/// What a worker logs when it begins afresh: why, with what helps.
@Suite struct WorkerLogTests {
    /// Hands on the cause of every line that has one.
    private struct Causes: LogHandler {
        let lines: AsyncStream<String>.Continuation
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        func log(event: LogEvent) {
            guard let cause = event.metadata?["worker.cause"] else { return }
            lines.yield("\(event.level): \(event.message): \(cause)")
        }

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }
    }

    /// Nobody hands a task over before a worker has a database.
    private struct NoProvider: Provider {
        func submit(_ request: ProviderRequest) async -> SubmissionAnswer { .unknown(remark: "nobody was asked") }
        func status(of providerTaskID: String) async -> ProviderStatus { .unreadable(remark: "nobody was asked") }
    }

    /// The first line of a worker that gets no connection because of an error.
    private static func line(
        _ error: any Error, explain: @escaping @Sendable (any Error) -> String
    ) async throws
        -> String?
    {
        let folder = try ScratchFolder()
        let (lines, continuation) = AsyncStream<String>.makeStream()
        let worker = Worker(
            provider: NoProvider(), settings: try WorkerSettings(spoolFolder: folder.file("spool")),
            logger: Logger(label: "test") { _ in Causes(lines: continuation) }, explain: explain
        ) {
            throw error
        }
        let work = Task { try await worker.run() }
        let line = await lines.first { _ in true }
        work.cancel()
        try await work.value
        return line
    }

    @Test(arguments: [
        (
            PostgresError(.standby, "The server is a standby: run this on the primary") as any Error,
            "The server is a standby: run this on the primary, by naming it with --database or DATABASE_URL."
        ),
        (
            DaybookError.configuration("There are no workers yet", .migrate),
            "There are no workers yet; run: daybook database migrate"
        ),
        (DaybookError(.tryAgain, "Nobody is there."), "Nobody is there."),
    ])
    func `the line says why, and goes on with what helps`(error: any Error, cause: String) async throws {
        let line = try await Self.line(error) { Failure.words(of: $0) }
        #expect(line == "error: a worker begins afresh: \(cause)")
    }

    @Test func `whoever explains nothing gets the error as it says itself`() async throws {
        let line = try await Self.line(DaybookError.configuration("There are no workers yet", .migrate)) { "\($0)" }
        #expect(line == "error: a worker begins afresh: There are no workers yet")
    }
}
