import Codecs
import Formats
import Testing

/// The tree of digests under a certificate.
@Suite struct MerkleTreeTests {
    private static func leaves(_ count: Int) -> [[UInt8]] {
        (0..<count).map { MerkleTree.leaf(salt: [UInt8(truncatingIfNeeded: $0)], Array("part \($0)".utf8)) }
    }

    @Test func `every leaf of a tree of any size leads to its root, and no other text or salt does`() throws {
        for count in 1...33 {
            let leaves = Self.leaves(count)
            let tree = MerkleTree(leaves)
            for leaf in leaves {
                let path = try #require(tree.path(of: leaf))
                #expect(MerkleTree.root(of: leaf, path) == tree.root)
                for other in [MerkleTree.leaf(salt: [], Array("part".utf8))] + leaves where other != leaf {
                    #expect(MerkleTree.root(of: other, path) != tree.root)
                }
            }
            #expect(tree.path(of: MerkleTree.leaf(salt: [], [])) == nil)
        }
    }

    @Test func `the root is the same in whatever order the leaves come, and another with one more or one less`() {
        let leaves = Self.leaves(12)
        #expect(MerkleTree(leaves.shuffled()).root == MerkleTree(leaves).root)
        let roots = Set((0...13).map { MerkleTree(Self.leaves($0)).root })
        #expect(roots.count == 14)
    }

    @Test func `what stands above leaves is never taken for one`() throws {
        let leaves = Self.leaves(2)
        let tree = MerkleTree(leaves)
        let sorted = leaves.sorted { $0.lexicographicallyPrecedes($1) }
        #expect(Hexadecimal.text(MerkleTree.leaf(salt: sorted[0], sorted[1])) != tree.root)
        let step = try #require(tree.path(of: leaves[0])?.first)
        #expect(step.sha256.utf8.count == 64)
    }
}
