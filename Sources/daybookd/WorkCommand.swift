import ArgumentParser
import BatchEngine
import Codecs
import Console
import Domain
import Foundation
import Grsai
import Logging
import Postgres
import ServiceLifecycle
import UnixSignals
import Webhooks

/// `daybookd work`
struct WorkCommand: AsyncParsableCommand, EndsGracefully {
    static let configuration = CommandConfiguration(
        commandName: "work", abstract: "Hand ready tasks to the provider, ask how they stand, and settle batches.",
        discussion: """
            Prints "working" each time that it begins, and logs to standard error. Run as many as you like, on as \
            many machines as you like: they share nothing but the database. At SIGTERM or SIGINT a worker claims \
            nothing more, waits about a minute for the submissions under way, and leaves the rest to the others, \
            or to its successor. Killed, it loses nothing either: within five seconds another one takes over.
            """)

    @OptionGroup(title: "Provider") var provider: ProviderOptions
    @OptionGroup(title: "Worker") var worker: WorkerOptions
    @OptionGroup(title: "Store") var store: StoreOptions
    @OptionGroup(title: "Database") var database: DatabaseOptions

    func run() async throws {
        let client = try provider.client()
        let source = HTTPVideoSource(providerURL: provider.address)
        do {
            try await work(client, source)
            try await source.shutdown()
            try await client.shutdown()
        } catch {
            try? await source.shutdown()
            try? await client.shutdown()
            throw error
        }
    }

    private func work(_ client: GrsaiClient, _ source: HTTPVideoSource) async throws {
        let settings = try await database.settings()
        let probe = try await Connection.open(settings)
        let videos: OpenedStore?
        do {
            try await probe.run { session in
                try session.requireDirect(for: "A worker")
                try session.requireWritable()
                try EngineSchema.require(session)
                try EngineSchema.requireRights(session)
            }
            videos = try await store.open(probe)
            await probe.close()
        } catch {
            await probe.close()
            throw error
        }
        let logger = Logger(label: "daybookd")
        do {
            let worker = try worker.worker(client, settings, logger, store: worker.store(videos, source, store)) {
                Terminal.show("working")
            }
            let group = ServiceGroup(
                configuration: ServiceGroupConfiguration(
                    services: [worker], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
            try await group.run()
            try await videos?.shutdown()
        } catch {
            try? await videos?.shutdown()
            throw error
        }
    }
}

/// How a worker works.
struct WorkerOptions: ParsableArguments {
    private static let standard = (slots: 32, chunk: 8, polls: 128)

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Submissions under way at once, in this worker. Default: \(standard.slots).", valueName: "n"),
        transform: WholeNumber.within(Limits.workerParts))
    var slots: Int?
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Tasks of one customer that are claimed before it is the next one's turn. Default: \(standard.chunk).",
            valueName: "n"), transform: WholeNumber.within(Limits.workerParts))
    var chunk: Int?
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Questions to the provider under way at once: as many as it takes. Default: \(standard.polls).",
            valueName: "n"), transform: WholeNumber.within(Limits.workerParts))
    var polls: Int?
    @Option(
        help: ArgumentHelp(
            "Where the provider reports progress: this API's own address, such as https://api.example.com. Without it "
                + "a submission whose answer was lost cannot be recognised, and ends at its deadline.",
            valueName: "url"))
    var callbackBase: String?
    @Option(
        help: ArgumentHelp(
            "The folder for answers of the provider that the database does not know yet. Default: "
                + "/var/spool/daybook for root, else .local/state/daybook/spool in one's home.", valueName: "dir"))
    var spool: String?

    /// The names of the options that were given.
    var given: [String] {
        [
            slots.map { _ in "--slots" }, chunk.map { _ in "--chunk" }, polls.map { _ in "--polls" },
            callbackBase.map { _ in "--callback-base" }, spool.map { _ in "--spool" },
        ].compactMap(\.self)
    }

    /// `/var/spool/daybook` for root, and a folder of one's own for everybody else.
    private static var standardSpool: String {
        getuid() == 0 ? "/var/spool/daybook" : NSHomeDirectory() + "/.local/state/daybook/spool"
    }

    /// The worker on a database, with its provider.
    func worker(
        _ client: GrsaiClient, _ database: ConnectionSettings, _ logger: Logger, store: WorkerStore?,
        onBegin: @escaping @Sendable () async -> Void = {}
    ) throws -> Worker {
        Worker(
            provider: client, settings: try settings(), store: store, logger: logger,
            explain: { Failure.words(of: $0) },
            onBegin: onBegin
        ) {
            try await Connection.open(database).direct(for: "A worker")
        }
    }

    /// Where its videos go, and under which address they are found there.
    func store(_ videos: OpenedStore?, _ source: HTTPVideoSource, _ options: StoreOptions) -> WorkerStore? {
        videos.map { WorkerStore(videos: $0.videos, source: source, publicURL: publicURL(options)) }
    }

    func publicURL(_ options: StoreOptions) -> String {
        let base = options.publicURL ?? callbackBase ?? ""
        return base.hasSuffix("/") ? String(base.dropLast()) : base
    }

    private func settings() throws -> WorkerSettings {
        let base = callbackBase.map { $0.hasSuffix("/") ? String($0.dropLast()) : $0 }
        return try WorkerSettings(
            slots: slots ?? Self.standard.slots, chunk: chunk ?? Self.standard.chunk,
            polls: polls ?? Self.standard.polls, callbackBase: base.map { $0 + "/callbacks" },
            spoolFolder: spool ?? Self.standardSpool)
    }
}

/// Where the provider is, and who we are there.
struct ProviderOptions: ParsableArguments {
    private static let standardAddress = "https://grsaiapi.com"

    @Option(
        name: .customLong("provider"),
        help: ArgumentHelp("The provider's address. Default: \(standardAddress).", valueName: "url"))
    var namedProvider: String?
    @Option(help: ArgumentHelp("A file with the provider's key. Default: GRSAI_API_KEY.", valueName: "file"))
    var providerKeyFile: String?

    /// The names of the options that were given.
    var given: [String] {
        [namedProvider.map { _ in "--provider" }, providerKeyFile.map { _ in "--provider-key-file" }].compactMap(\.self)
    }

    var address: String { namedProvider ?? Self.standardAddress }

    func client() throws -> GrsaiClient {
        GrsaiClient(settings: try GrsaiSettings(baseURL: address, key: try key()))
    }

    private func key() throws -> String {
        if let providerKeyFile {
            guard let text = String(validating: try KeyFile.secret(providerKeyFile), as: UTF8.self) else {
                throw DaybookError.configuration("The provider's key in \(providerKeyFile) is no text.")
            }
            return text.trimmingCharacters(in: .whitespacesAndNewlines)
        }
        guard let key = Setting.providerKey.value() else {
            throw DaybookError.configuration(
                "The provider's key is missing; put it into a file and name it with --provider-key-file, or set "
                    + "\(Setting.providerKey.rawValue).")
        }
        return key
    }
}
