import Domain
import Foundation

/// The address of a webhook in its parts: one rule for what is taken from customers and for what is sent to.
public struct WebhookAddress: Sendable, Hashable {
    /// Why nothing is sent to an address.
    public struct Defect: Error, Sendable, Hashable {
        /// A clause that follows the address or its name.
        public let reason: String
    }

    /// A name, or an address of IPv4 or IPv6, the latter without brackets.
    public let host: String
    public let port: Int

    /// - Parameter allowsPlain: True takes http:// too: for tests.
    public init(_ text: String, allowsPlain: Bool) throws(Defect) {
        guard text.utf8.count <= Limits.webhookURLLength else {
            throw Defect(reason: "has more than \(Limits.webhookURLLength) characters")
        }
        let isPlain = text.unicodeScalars.allSatisfy { $0.value > 0x20 && $0.value < 0x7F }
        guard isPlain, let parts = URLComponents(string: text), let scheme = parts.scheme?.lowercased(),
            scheme == "https" || (allowsPlain && scheme == "http"), let named = parts.host, !named.isEmpty,
            parts.user == nil, parts.password == nil, parts.fragment == nil
        else { throw Defect(reason: "must be an https:// address with a host, and without a user or a fragment") }
        let host = named.hasPrefix("[") && named.hasSuffix("]") ? String(named.dropFirst().dropLast()) : named
        let port = parts.port ?? (scheme == "https" ? 443 : 80)
        // What a client and a resolver could read in two ways is not sent to.
        guard !host.isEmpty, host.utf8.allSatisfy(Self.isOfHosts), Limits.ports.contains(port), port > 0 else {
            throw Defect(
                reason: "must have a host of letters, digits, hyphens, underscores and full stops, and a port up to "
                    + "\(Limits.ports.upperBound)")
        }
        self.host = host
        self.port = port
    }

    private static func isOfHosts(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"),
            UInt8(ascii: ":"):
            true
        default: false
        }
    }
}
