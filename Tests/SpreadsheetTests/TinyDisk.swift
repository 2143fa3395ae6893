import Foundation

/// A file system of a few megabytes in memory, gone with the test.
final class TinyDisk {
    let path: String
    private let privilege: [String]

    /// Mounts it as root, or with sudo where that asks for no password; a machine that allows neither fails the test.
    init(kilobytes: Int, readOnly: Bool = false) throws {
        path = NSTemporaryDirectory() + "tiny-disk-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        let options = "size=\(kilobytes)k,mode=0777" + (readOnly ? ",ro" : "")
        for privilege in [[], ["sudo", "-n"]] {
            if try Self.run(privilege + ["mount", "-t", "tmpfs", "-o", options, "tmpfs", path]) {
                self.privilege = privilege
                return
            }
        }
        try? FileManager.default.removeItem(atPath: path)
        throw ReadFailure(description: "this test needs root, or sudo without a password, to mount a small tmpfs")
    }

    deinit {
        _ = try? Self.run(privilege + ["umount", "-l", path])
        try? FileManager.default.removeItem(atPath: path)
    }

    private static func run(_ arguments: [String]) throws -> Bool {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = arguments
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus == 0
    }
}
