import Domain
import Foundation

/// Where Grsai is, who we are there, and how long we wait.
public struct GrsaiSettings: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The address before `/v1/…`, without a slash at its end.
    public let baseURL: String
    /// The account's key. It is sent as `Authorization: Bearer …` and appears nowhere else.
    let key: String
    /// Seconds within which a connection stands, TLS included.
    public let connectSeconds: Int64
    /// Seconds from the call to the last byte of the answer to a submission. What takes longer is unknown.
    public let submissionSeconds: Int64
    /// Seconds from the call to the last byte of any other answer.
    public let pollSeconds: Int64

    /// - Throws: `DaybookError` of kind `configuration` for an address that is not `http` or `https`, that has a user,
    ///   a query or a fragment in it, for a key that cannot stand in a header, and for times that are not positive.
    public init(
        baseURL: String, key: String, connectSeconds: Int64 = 10, submissionSeconds: Int64 = 60, pollSeconds: Int64 = 20
    ) throws {
        guard let parts = URLComponents(string: baseURL), let scheme = parts.scheme?.lowercased(),
            scheme == "http" || scheme == "https", let host = parts.host, !host.isEmpty,
            parts.user == nil, parts.password == nil, parts.query == nil, parts.fragment == nil
        else {
            throw DaybookError.configuration(
                "The provider's address must be like https://grsaiapi.com: http or https, a host, no user and no query."
            )
        }
        guard !key.isEmpty, key.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw DaybookError.configuration("The provider's key must be printable characters without spaces.")
        }
        guard connectSeconds > 0, submissionSeconds > 0, pollSeconds > 0 else {
            throw DaybookError.configuration("The provider's timeouts must be at least one second.")
        }
        var address = baseURL
        while address.hasSuffix("/") { address.removeLast() }
        self.baseURL = address
        self.key = key
        self.connectSeconds = connectSeconds
        self.submissionSeconds = submissionSeconds
        self.pollSeconds = pollSeconds
    }

    public var description: String { "Grsai at \(baseURL)" }
    public var debugDescription: String { description }
    /// Without the key, so that neither a dump nor a crash report shows it.
    public var customMirror: Mirror { Mirror(self, children: ["baseURL": baseURL]) }
}
