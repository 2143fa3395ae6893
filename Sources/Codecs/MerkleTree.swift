import Formats

/// A tree of SHA-256 digests (as in RFC 6962): its root commits to every leaf, and a path shows one leaf to whoever
/// knows the root, without the others.
public struct MerkleTree: Sendable {
    /// One digest on the way from a leaf to the root.
    public struct Step: Codable, Sendable, Hashable {
        /// On which side of what was calculated so far it stands.
        public enum Side: String, Codable, Sendable {
            case left, right
        }

        public let side: Side
        /// 64 hexadecimal digits.
        public let sha256: String
    }

    /// The leaves by their digests, bytewise: where one stands says nothing about what it is of.
    private let leaves: [[UInt8]]

    /// A tree of leaves in whatever order.
    public init(_ leaves: [[UInt8]]) {
        self.leaves = leaves.sorted { $0.lexicographicallyPrecedes($1) }
    }

    /// The digest of a leaf: of a zero byte, its salt and its text. Who does not know the salt cannot try out texts.
    public static func leaf(salt: [UInt8], _ text: [UInt8]) -> [UInt8] { SHA256Digest.bytes([0] + salt + text) }

    private static func node(_ left: [UInt8], _ right: [UInt8]) -> [UInt8] { SHA256Digest.bytes([1] + left + right) }

    /// 64 hexadecimal digits; those of no bytes for a tree without leaves.
    public var root: String { Hexadecimal.text(leaves.isEmpty ? SHA256Digest.bytes([]) : Self.root(leaves[...])) }

    /// The way from a leaf to the root; nil where it is none of the tree's.
    public func path(of leaf: [UInt8]) -> [Step]? {
        leaves.firstIndex(of: leaf).map { Self.path(of: $0, in: leaves[...]) }
    }

    /// What the root is of a tree in which a path leads from the leaf; nil where a digest is none.
    public static func root(of leaf: [UInt8], _ path: [Step]) -> String? {
        var digest = leaf
        for step in path {
            guard let other = Hexadecimal.canonicalBytes(step.sha256), other.count == 32 else { return nil }
            digest = step.side == .left ? node(other, digest) : node(digest, other)
        }
        return Hexadecimal.text(digest)
    }

    private static func root(_ leaves: ArraySlice<[UInt8]>) -> [UInt8] {
        guard leaves.count > 1 else { return leaves[leaves.startIndex] }
        let middle = middle(of: leaves)
        return node(root(leaves[..<middle]), root(leaves[middle...]))
    }

    private static func path(of place: Int, in leaves: ArraySlice<[UInt8]>) -> [Step] {
        guard leaves.count > 1 else { return [] }
        let middle = middle(of: leaves)
        let (left, right) = (leaves[..<middle], leaves[middle...])
        return place < middle
            ? path(of: place, in: left) + [Step(side: .right, sha256: Hexadecimal.text(root(right)))]
            : path(of: place, in: right) + [Step(side: .left, sha256: Hexadecimal.text(root(left)))]
    }

    /// After the largest power of two that is less than the number of leaves.
    private static func middle(of leaves: ArraySlice<[UInt8]>) -> Int {
        var width = 1
        while width * 2 < leaves.count { width *= 2 }
        return leaves.startIndex + width
    }
}
