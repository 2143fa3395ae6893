import Glibc
import NIOCore

/// Which addresses of the internet are anybody's to be sent to, and which belong to a network of one's own or to
/// nobody: the registries of special purposes of IANA (RFC 6890 and its successors).
enum PublicAddress {
    /// True for an address that is reached over the internet and stands for one machine there.
    static func contains(_ address: SocketAddress) -> Bool {
        guard let bytes = bytes(of: address) else { return false }
        return bytes.count == 4 ? isPublic(bytes, apartFrom: special4) : isPublic6(bytes)
    }

    private static func isPublic6(_ bytes: [UInt8]) -> Bool {
        // ::ffff:0:0/96: an address of IPv4 in other clothes.
        if bytes.starts(with: [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF]) {
            return isPublic(Array(bytes.suffix(4)), apartFrom: special4)
        }
        // Nothing but 2000::/3 is given out.
        return bytes[0] & 0xE0 == 0x20 && isPublic(bytes, apartFrom: special6)
    }

    private static func isPublic(_ bytes: [UInt8], apartFrom special: [Network]) -> Bool {
        !special.contains { $0.contains(bytes) }
    }

    private static let special4: [Network] = [
        Network([0], 8), Network([10], 8), Network([100, 64], 10), Network([127], 8), Network([169, 254], 16),
        Network([172, 16], 12), Network([192, 0, 0], 24), Network([192, 0, 2], 24), Network([192, 31, 196], 24),
        Network([192, 52, 193], 24), Network([192, 88, 99], 24), Network([192, 168], 16), Network([192, 175, 48], 24),
        Network([198, 18], 15), Network([198, 51, 100], 24), Network([203, 0, 113], 24),
        // Multicast, and what is reserved, with the broadcast address.
        Network([224], 4), Network([240], 4),
    ]

    /// Within 2000::/3.
    private static let special6: [Network] = [
        Network([0x20, 0x01, 0x00], 23),  // of protocols: Teredo, ORCHID and others
        Network([0x20, 0x01, 0x0D, 0xB8], 32),  // for documents
        Network([0x20, 0x02], 16),  // 6to4: leads to an address of IPv4
        Network([0x26, 0x20, 0x00, 0x4F, 0x80], 48),  // AS112
        Network([0x3F, 0xFF, 0x00], 20),  // for documents
    ]

    private struct Network {
        let prefix: [UInt8]
        let length: Int

        init(_ prefix: [UInt8], _ length: Int) {
            self.prefix = prefix
            self.length = length
        }

        func contains(_ bytes: [UInt8]) -> Bool {
            for bit in 0..<length {
                let mask: UInt8 = 0x80 >> UInt8(bit % 8)
                let wanted = bit / 8 < prefix.count ? prefix[bit / 8] : 0
                if wanted & mask != bytes[bit / 8] & mask { return false }
            }
            return true
        }
    }

    /// Four bytes or sixteen; nil for anything that is no address of the internet.
    private static func bytes(of address: SocketAddress) -> [UInt8]? {
        guard let text = address.ipAddress else { return nil }
        for (family, count) in [(AF_INET, 4), (AF_INET6, 16)] {
            var bytes = [UInt8](repeating: 0, count: count)
            if inet_pton(family, text, &bytes) == 1 { return bytes }
        }
        return nil
    }
}
