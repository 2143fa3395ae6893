import ArgumentParser
import BatchEngine
import Domain
import Foundation
import Grsai
import Logging
import Postgres

/// How a worker works.
struct WorkerOptions: ParsableArguments {
    private static let standard = (slots: 32, chunk: 8)

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
        help: ArgumentHelp(
            "Where the provider reports progress: this API's own address, such as https://api.example.com. Without it "
                + "a submission whose answer was lost cannot be recognised, and ends at its deadline.",
            valueName: "url"))
    var callbackBase: String?
    @Option(
        help: ArgumentHelp(
            "The folder for answers of the provider that the database does not know yet. Default: "
                + "\(WorkerOptions.standardSpool).", valueName: "dir"))
    var spool: String?

    /// The names of the options that were given.
    var given: [String] {
        [
            slots.map { _ in "--slots" }, chunk.map { _ in "--chunk" }, callbackBase.map { _ in "--callback-base" },
            spool.map { _ in "--spool" },
        ].compactMap(\.self)
    }

    /// `/var/spool/daybook` for root, and a folder of one's own for everybody else.
    private static var standardSpool: String {
        getuid() == 0 ? "/var/spool/daybook" : NSHomeDirectory() + "/.local/state/daybook/spool"
    }

    /// The worker on a database, with its provider.
    func worker(
        _ client: GrsaiClient, _ database: ConnectionSettings, _ logger: Logger,
        onBegin: @escaping @Sendable () async -> Void = {}
    ) throws -> Worker {
        Worker(provider: client, settings: try settings(), logger: logger, onBegin: onBegin) {
            try await Connection.open(database).direct(for: "A worker")
        }
    }

    private func settings() throws -> WorkerSettings {
        let base = callbackBase.map { $0.hasSuffix("/") ? String($0.dropLast()) : $0 }
        return try WorkerSettings(
            slots: slots ?? Self.standard.slots, chunk: chunk ?? Self.standard.chunk,
            callbackBase: base.map { $0 + "/callbacks" }, spoolFolder: spool ?? Self.standardSpool)
    }
}
