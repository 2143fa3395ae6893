import Domain
import Foundation

/// The address of a webhook in its parts, as it is connected to.
struct WebhookAddress: Sendable, Hashable {
    let scheme: String
    /// A name, or an address of IPv4 or IPv6, the latter without brackets.
    let host: String
    let port: Int

    /// Throws `badData` with the reason why nothing is sent there.
    init(_ text: String, allowsPlain: Bool) throws(DaybookError) {
        let allowed = allowsPlain ? ["https", "http"] : ["https"]
        guard let parts = URLComponents(string: text), let scheme = parts.scheme?.lowercased(),
            let named = parts.host, parts.user == nil, parts.password == nil, parts.fragment == nil
        else { throw .badData("\(text) is no address of a webhook: it must be like https://example.com/hook.") }
        guard allowed.contains(scheme) else {
            throw .badData("\(text) is not sent to: the address of a webhook begins with https://.")
        }
        let host = named.hasPrefix("[") && named.hasSuffix("]") ? String(named.dropFirst().dropLast()) : named
        // What a client and a resolver could read in two ways is not sent to.
        let isPlain =
            !host.isEmpty
            && host.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: ":"):
                    true
                default: false
                }
            }
        guard isPlain else {
            throw .badData("\(text) is not sent to: its host must be letters, digits, hyphens and full stops.")
        }
        let port = parts.port ?? (scheme == "https" ? 443 : 80)
        guard (1...65_535).contains(port) else { throw .badData("\(text) is not sent to: it has no such port.") }
        self.scheme = scheme
        self.host = host
        self.port = port
    }
}
