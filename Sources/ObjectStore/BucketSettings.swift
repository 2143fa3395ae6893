public import Domain
import Foundation

/// Where a bucket is, and who we are there.
public struct BucketSettings: Sendable {
    /// Like `https://s3.eu-central-1.amazonaws.com` or `http://minio.internal:9000`, without a path.
    let endpoint: String
    /// The host of the endpoint, with its port where that is not the scheme's own.
    let host: String
    let region: String
    let bucket: String
    /// What all names in the bucket begin with: empty, or like `daybook/videos/`.
    let prefix: String
    let key: BucketKey
    /// Where a video lies until the bucket has it.
    let temporaryFolder: String

    static let scheme = "s3://"
    private static let plain = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")

    /// True where the name of a store is that of a bucket.
    public static func isBucket(_ store: String) -> Bool { store.hasPrefix(scheme) }

    /// - Parameter store: `s3://BUCKET` or `s3://BUCKET/PREFIX`.
    /// - Parameter endpoint: Nil for Amazon's own of the region.
    /// - Throws: `configuration` for what is no such name or address.
    public init(
        store: String, endpoint: String?, region: String, key: BucketKey, temporaryFolder: String
    ) throws(DaybookError) {
        let parts = store.dropFirst(Self.scheme.count).split(separator: "/", omittingEmptySubsequences: false)
        let names = parts.last == "" ? parts.dropLast() : parts[...]
        guard Self.isBucket(store), let bucket = names.first, 3...63 ~= bucket.count,
            names.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." && $0.allSatisfy(Self.plain.contains) }),
            store.utf8.count <= 300
        else {
            throw .configuration(
                "The store \(store) is no bucket: it is to be like s3://bucket or s3://bucket/prefix, of letters, "
                    + "digits, dots, hyphens and underscores.")
        }
        guard !region.isEmpty, region.allSatisfy(Self.plain.contains) else {
            throw .configuration("The region of a bucket is to be like eu-central-1.")
        }
        let address = endpoint ?? "https://s3.\(region).amazonaws.com"
        guard let url = URLComponents(string: address), let scheme = url.scheme?.lowercased(),
            ["http", "https"].contains(scheme), let host = url.host?.lowercased(), !host.isEmpty,
            ["", "/"].contains(url.path), url.query == nil, url.fragment == nil, url.user == nil, url.password == nil
        else {
            throw .configuration(
                "The address of a bucket's service is to be like https://s3.example.com, without a path or a name of "
                    + "a user.")
        }
        let own = url.port.flatMap { $0 == (scheme == "https" ? 443 : 80) ? nil : ":\($0)" } ?? ""
        self.host = host + own
        self.endpoint = "\(scheme)://\(host)\(own)"
        self.region = region
        self.bucket = String(bucket)
        prefix = names.dropFirst().map { "\($0)/" }.joined()
        self.key = key
        self.temporaryFolder = temporaryFolder
    }

    /// How people know it.
    var name: String { "\(Self.scheme)\(bucket)\(prefix.isEmpty ? "" : "/" + prefix.dropLast()) at \(endpoint)" }
}

/// An access key and its secret, which nobody is shown.
public struct BucketKey: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    let id: String
    let secret: String

    /// Throws `configuration` for what cannot be a key.
    public init(id: String, secret: String) throws(DaybookError) {
        let areVisible = [id, secret].allSatisfy { text in
            !text.isEmpty && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
        }
        guard areVisible, !id.contains("/"), !id.contains(",") else {
            throw .configuration("The key of the bucket is an access key and its secret, of visible letters of ASCII.")
        }
        self.id = id
        self.secret = secret
    }

    /// Reads what a file has: the access key, a blank or a new line, and the secret.
    public init(text: String) throws(DaybookError) {
        let words = text.split(whereSeparator: \.isWhitespace).map(String.init)
        guard words.count == 2 else {
            throw .configuration(
                "The file of the bucket's key is to have two words: the access key, and its secret.")
        }
        try self.init(id: words[0], secret: words[1])
    }

    public var description: String { "an access key" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
