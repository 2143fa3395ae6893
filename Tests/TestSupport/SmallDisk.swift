import Foundation

/// A small file system in memory, mounted as root or with sudo.
public final class SmallDisk: Sendable {
    public let path: String
    private let prefix: [String]

    public init(kilobytes: Int) throws {
        path = NSTemporaryDirectory() + "/daybook-disk-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        prefix = getuid() == 0 ? [] : ["/usr/bin/sudo", "--non-interactive"]
        try Command.run(prefix + ["/bin/mount", "-t", "tmpfs", "-o", "size=\(kilobytes)k,mode=0777", "tmpfs", path])
    }

    deinit {
        _ = try? Command.run(prefix + ["/bin/umount", path])
        try? FileManager.default.removeItem(atPath: path)
    }

    /// Takes nothing more, and lets nothing go.
    public func makeReadOnly() throws { try Command.run(prefix + ["/bin/mount", "-o", "remount,ro", path]) }

    /// Fills the disk up to the last kilobytes.
    public func fill(leaving kilobytes: Int) throws {
        let free = try FileManager.default.attributesOfFileSystem(forPath: path)[.systemFreeSize] as? Int ?? 0
        try Data(count: max(free - kilobytes * 1024, 0)).write(to: URL(fileURLWithPath: path + "/ballast"))
    }
}
