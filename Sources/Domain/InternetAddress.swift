import Glibc

/// An address of the internet, of version 4 or 6. One of version 4 in the clothes of version 6 (`::ffff:192.0.2.1`, as
/// a socket for both versions has it) is the one that it stands for.
public struct InternetAddress: Sendable, Hashable, CustomStringConvertible {
    /// Four bytes or sixteen.
    public let bytes: [UInt8]

    fileprivate static let mappedStart = [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF]

    /// Reads an address without a port; nil for anything else. The zone behind a `%` is the machine's own matter.
    public init?(_ text: String) {
        let parts = text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
        guard let bytes = Self.read(String(parts[0])) else { return nil }
        self.init(bytes.count == 16 && bytes.starts(with: Self.mappedStart) ? Array(bytes.suffix(4)) : bytes)
    }

    fileprivate init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// The bytes of an address as it is written.
    fileprivate static func read(_ text: String) -> [UInt8]? {
        guard !text.utf8.contains(0) else { return nil }
        for (family, count) in [(AF_INET, 4), (AF_INET6, 16)] {
            var bytes = [UInt8](repeating: 0, count: count)
            if inet_pton(family, text, &bytes) == 1 { return bytes }
        }
        return nil
    }

    /// As RFC 5952 writes it.
    public var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(bytes.count == 4 ? AF_INET : AF_INET6, bytes, &text, socklen_t(text.count)) != nil else {
            preconditionFailure("four bytes or sixteen are an address")
        }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// Addresses that begin with the same bits, such as `192.0.2.0/24`.
public struct InternetNetwork: Sendable, Hashable, CustomStringConvertible {
    private let address: InternetAddress
    /// Bits that all have.
    private let length: Int

    /// Reads a network, or an address, which is the network of itself alone. Throws `usage` for anything else, and
    /// where the address has bits beyond the network's: one of the two is a mistake.
    public init(_ text: String) throws(DaybookError) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let written = parts.count == 2 ? Int(parts[1]) : Int.max
        guard let bytes = InternetAddress.read(String(parts[0])), let written,
            parts.count == 1 || (0...bytes.count * 8).contains(written)
        else {
            throw .usage("it must be an address or a network, such as 192.0.2.0/24 or 2001:db8::/48")
        }
        let bits = min(written, bytes.count * 8)
        let isMapped = bytes.count == 16 && bits >= 96 && bytes.starts(with: InternetAddress.mappedStart)
        address = InternetAddress(isMapped ? Array(bytes.suffix(4)) : bytes)
        length = isMapped ? bits - 96 : bits
        let first = InternetAddress(
            address.bytes.enumerated().map { index, byte in byte & Self.mask(of: index, length) })
        guard first == address else {
            throw .usage("\(text) has bits beyond its first \(bits); the network is \(first)/\(length)")
        }
    }

    public func contains(_ other: InternetAddress) -> Bool {
        guard other.bytes.count == address.bytes.count else { return false }
        return other.bytes.indices.allSatisfy { index in
            (other.bytes[index] ^ address.bytes[index]) & Self.mask(of: index, length) == 0
        }
    }

    public var description: String { "\(address)/\(length)" }

    /// The bits of a byte that lie within so many first ones.
    private static func mask(of index: Int, _ length: Int) -> UInt8 {
        let bits = min(max(length - index * 8, 0), 8)
        return bits == 0 ? 0 : 0xFF << UInt8(8 - bits)
    }
}
