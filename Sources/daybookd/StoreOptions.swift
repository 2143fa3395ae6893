import ArgumentParser
import BatchEngine
import Domain
import ObjectStore
import Postgres
import StoreConsole

/// Where videos are kept.
struct StoreOptions: ParsableArguments {
    private static let standardFolder = "/var/tmp"

    @Option(
        help: ArgumentHelp(
            "Where each video is copied to before its task counts as delivered: a folder, or s3://BUCKET/PREFIX; every "
                + "worker and server of a database names the same one. Without it videos stay at the provider, for "
                + "about two hours.", valueName: "dir"))
    var store: String?
    @OptionGroup var bucket: BucketOptions
    @Option(
        help: ArgumentHelp(
            "The folder for videos on their way to a bucket, up to \(temporaryMegabytes) MB of them, which are gone "
                + "with the process. Default: \(standardFolder).", valueName: "dir"))
    var storeTemporary: String?
    @Option(
        name: .customLong("public-url"),
        help: ArgumentHelp(
            "What stands before /v1/videos/... in the addresses of the store's videos, such as "
                + "https://api.example.com. Default: that of --callback-base, or nothing.", valueName: "url"),
        transform: { text in
            guard let address = try? WebhookAddress(text, allowsPlain: true), !text.contains("?"), address.port > 0
            else { throw ValidationError("it must be like https://api.example.com") }
            return text
        })
    var publicURL: String?

    private static let temporaryMegabytes = (Limits.copyBytesUnderWay + Limits.keptPartsBytes) >> 20

    func validate() throws {
        guard publicURL == nil || store != nil else {
            throw ValidationError("--public-url is of a store: say --store with it.")
        }
        try bucket.validate(store: store, others: storeTemporary.map { _ in ["--store-temporary"] } ?? [])
    }

    /// The store of the connection's database; nil where it has none, and none is named.
    func open(_ connection: Connection) async throws -> OpenedStore? {
        guard let store else {
            guard try await connection.run({ try StoreMark.known(to: $0) }) == nil else {
                throw WorkerStore.isNotTheDatabases
            }
            return nil
        }
        guard BucketSettings.isBucket(store) else {
            let folder = try await connection.run { try VideoFolder(store, of: $0) }
            return OpenedStore(videos: folder) {}
        }
        let settings = try bucket.settings(store, temporaryFolder: storeTemporary ?? Self.standardFolder)
        let opened = try await BucketStore.open(settings, of: connection)
        return OpenedStore(videos: opened) { try await opened.shutdown() }
    }
}

/// A store, and what ends its connections.
struct OpenedStore: Sendable {
    let videos: any VideoStore
    let shutdown: @Sendable () async throws -> Void

    init(videos: any VideoStore, shutdown: @escaping @Sendable () async throws -> Void) {
        self.videos = videos
        self.shutdown = shutdown
    }
}
