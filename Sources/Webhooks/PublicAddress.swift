import Domain
import NIOCore

/// Which addresses of the internet are anybody's to be sent to, and which belong to a network of one's own or to
/// nobody: the registries of special purposes of IANA (RFC 6890 and its successors).
enum PublicAddress {
    /// True for an address that is reached over the internet and stands for one machine there. One of version 4 in the
    /// clothes of version 6 is what it stands for.
    static func contains(_ address: SocketAddress) -> Bool {
        guard let address = address.ipAddress.flatMap(InternetAddress.init) else { return false }
        // Of version 6 nothing but 2000::/3 is given out.
        return (address.bytes.count == 4 || given6.contains(address)) && !special.contains { $0.contains(address) }
    }

    private static let given6 = network("2000::/3")

    private static let special = [
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        // Multicast, and what is reserved, with the broadcast address.
        "224.0.0.0/4", "240.0.0.0/4",
        "2001::/23",  // of protocols: Teredo, ORCHID and others
        "2001:db8::/32",  // for documents
        "2002::/16",  // 6to4: leads to an address of IPv4
        "2620:4f:8000::/48",  // AS112
        "3fff::/20",  // for documents
    ].map(network)

    private static func network(_ text: String) -> InternetNetwork {
        guard let network = try? InternetNetwork(text) else { preconditionFailure("\(text) is a network") }
        return network
    }
}
