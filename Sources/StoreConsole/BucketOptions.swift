public import ArgumentParser
import Codecs
import Domain
public import ObjectStore

/// Where a bucket of videos is, and the key that opens it: the options of every command that reaches into one.
public struct BucketOptions: ParsableArguments {
    private static let standardRegion = "us-east-1"

    @Option(
        help: ArgumentHelp(
            "The address of the bucket's service, such as https://minio.example.com:9000. Default: Amazon's own of the "
                + "region.", valueName: "url"))
    public var storeEndpoint: String?
    @Option(help: ArgumentHelp("The bucket's region. Default: \(standardRegion).", valueName: "region"))
    public var storeRegion: String?
    @Option(
        help: ArgumentHelp(
            "A file with the bucket's access key and its secret, on one line or two. Default: AWS_ACCESS_KEY_ID and "
                + "AWS_SECRET_ACCESS_KEY.", valueName: "file"))
    public var storeKeyFile: String?

    public init() {}

    /// Refuses what is said of a bucket where the store is none.
    ///
    /// - Parameter others: Further options that are of a bucket alone, where they were given.
    public func validate(store: String?, others: [String] = []) throws {
        let given =
            [
                storeEndpoint.map { _ in "--store-endpoint" }, storeRegion.map { _ in "--store-region" },
                storeKeyFile.map { _ in "--store-key-file" },
            ].compactMap(\.self) + others
        guard given.isEmpty || store.map(BucketSettings.isBucket) == true else {
            throw ValidationError("\(given[0]) is of a bucket: say --store s3://BUCKET with it.")
        }
    }

    /// - Parameter store: `s3://BUCKET` or `s3://BUCKET/PREFIX`.
    public func settings(_ store: String, temporaryFolder: String) throws -> BucketSettings {
        try BucketSettings(
            store: store, endpoint: storeEndpoint, region: storeRegion ?? Self.standardRegion, key: try key(),
            temporaryFolder: temporaryFolder)
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
