import BatchEngine
import Domain
import HTTPTypes
import Hummingbird

/// Proxies in front of the server whose word is taken for who asked them.
struct TrustedProxies: Sendable {
    let networks: [InternetNetwork]

    /// Who a request comes from. Each proxy adds whom it heard of at the end of `X-Forwarded-For`: what stands before
    /// the last that no trusted proxy wrote is the caller's own invention. Without proxies nothing of it is read.
    func address(of request: Request, at peer: String?) -> String? {
        guard let peer, var address = InternetAddress(peer) else { return peer }
        let heard = request.headers[values: .forwardedFor].joined(separator: ",")
            .split(separator: ",", omittingEmptySubsequences: false).suffix(Limits.forwardedAddresses)
        for text in heard.reversed() {
            guard networks.contains(where: { $0.contains(address) }), let next = Self.read(text) else { break }
            address = next
        }
        return address.description
    }

    /// An address, with a port or without: `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]:4711`.
    private static func read(_ text: Substring) -> InternetAddress? {
        let text = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        if let address = InternetAddress(text) { return address }
        guard text.hasPrefix("[") else { return InternetAddress(String(text.prefix { $0 != ":" })) }
        return InternetAddress(String(text.dropFirst().prefix { $0 != "]" }))
    }
}

extension HTTPField.Name {
    static let forwardedFor = known("x-forwarded-for")
}
