import ArgumentParser
import BatchEngine
import Codecs
import Domain
import ObjectStore
import Postgres

/// Where videos are kept.
struct StoreOptions: ParsableArguments {
    private static let standardRegion = "us-east-1"
    private static let standardFolder = "/var/tmp"

    @Option(
        help: ArgumentHelp(
            "Where each video is copied to before its task counts as delivered: a folder, or s3://BUCKET/PREFIX; every "
                + "worker and server of a database names the same one. Without it videos stay at the provider, for "
                + "about two hours.", valueName: "dir"))
    var store: String?
    @Option(
        help: ArgumentHelp(
            "The address of the bucket's service, such as https://minio.example.com:9000. Default: Amazon's own of the "
                + "region.", valueName: "url"))
    var storeEndpoint: String?
    @Option(help: ArgumentHelp("The bucket's region. Default: \(standardRegion).", valueName: "region"))
    var storeRegion: String?
    @Option(
        help: ArgumentHelp(
            "A file with the bucket's access key and its secret, on one line or two. Default: AWS_ACCESS_KEY_ID and "
                + "AWS_SECRET_ACCESS_KEY.", valueName: "file"))
    var storeKeyFile: String?
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
        let ofBucket = [
            storeEndpoint.map { _ in "--store-endpoint" }, storeRegion.map { _ in "--store-region" },
            storeKeyFile.map { _ in "--store-key-file" }, storeTemporary.map { _ in "--store-temporary" },
        ].compactMap(\.self).first
        guard ofBucket == nil || store.map(BucketSettings.isBucket) == true else {
            throw ValidationError("\(ofBucket ?? "") is of a bucket: say --store s3://BUCKET with it.")
        }
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
        let settings = try BucketSettings(
            store: store, endpoint: storeEndpoint, region: storeRegion ?? Self.standardRegion, key: try key(),
            temporaryFolder: storeTemporary ?? Self.standardFolder)
        let bucket = try await BucketStore.open(settings, of: connection)
        return OpenedStore(videos: bucket) { try await bucket.shutdown() }
    }

    private func key() throws -> BucketKey {
        if let storeKeyFile {
            guard let text = String(validating: try KeyFile.secret(storeKeyFile), as: UTF8.self) else {
                throw DaybookError.configuration("The bucket's key in \(storeKeyFile) is no text.")
            }
            return try BucketKey(text: text)
        }
        guard let id = Setting.bucketKey.value(), let secret = Setting.bucketSecret.value() else {
            throw DaybookError.configuration(
                "The bucket's key is missing; put the access key and its secret into a file and name it with "
                    + "--store-key-file, or set \(Setting.bucketKey.rawValue) and \(Setting.bucketSecret.rawValue).")
        }
        return try BucketKey(id: id, secret: secret)
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
