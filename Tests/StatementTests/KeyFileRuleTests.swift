import Testing

@testable import Codecs

/// Whose key files are read, as whom.
@Suite struct KeyFileRuleTests {
    @Test(
        arguments: [
            // mode, owner, user
            (0o100600, 1000, 1000, true), (0o100400, 1000, 1000, true), (0o100600, 0, 0, true),
            // A secret that root hands to a group, as orchestrators mount it for a program that is not root.
            (0o100440, 0, 1000, true), (0o100640, 0, 1000, true), (0o100400, 0, 1000, true),
            (0o100440, 0, 0, false), (0o100440, 1000, 1000, false), (0o100640, 1000, 1000, false),
            (0o100444, 0, 1000, false), (0o100660, 0, 1000, false), (0o100600, 1001, 1000, false),
            (0o100600, 1000, 0, false),
        ] as [(UInt32, UInt32, UInt32, Bool)])
    func `a key is our own or root's, and nobody else's to read`(
        mode: UInt32, owner: UInt32, user: UInt32, isTaken: Bool
    ) {
        #expect((KeyFile.fault(mode: mode, owner: owner, user: user, path: "key") == nil) == isTaken)
    }
}
