public import Foundation

/// A folder of one test's own, which is removed with its last reference.
public final class ScratchFolder: Sendable {
    public let path: String

    public init() throws {
        path = NSTemporaryDirectory() + "/daybook-test-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// The path of a file in the folder.
    public func file(_ name: String) -> String { path + "/" + name }

    /// Writes a text file and gives its path.
    public func write(_ text: String, to name: String) throws -> String {
        try text.write(toFile: file(name), atomically: false, encoding: .utf8)
        return file(name)
    }

    /// Writes a text file that nobody else can read, such as a key, and gives its path.
    public func write(secret text: String, to name: String) throws -> String {
        let path = try write(text, to: name)
        guard chmod(path, 0o600) == 0 else { throw TestSupportError("\(path) cannot be protected.") }
        return path
    }

    /// The permissions of everything below the folder in octal, by its relative path; a folder's name ends in "/".
    public func permissions() throws -> [String: String] {
        var permissions: [String: String] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: path) {
            var status = stat()
            guard lstat(file(name), &status) == 0 else { throw TestSupportError("\(name) went away.") }
            let ending = status.st_mode & S_IFMT == S_IFDIR ? "/" : ""
            permissions[name + ending] = String(status.st_mode & 0o7777, radix: 8)
        }
        return permissions
    }

    /// Every file below the folder with its bytes, by its relative path.
    public func contents() throws -> [String: Data] {
        var contents: [String: Data] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: path) {
            var isFolder: ObjCBool = false
            let exists = FileManager.default.fileExists(atPath: file(name), isDirectory: &isFolder)
            if exists, !isFolder.boolValue { contents[name] = FileManager.default.contents(atPath: file(name)) }
        }
        return contents
    }
}

/// Text for the process of its own in which an exit test runs: its body cannot capture anything before Swift 6.3.
public enum Handover {
    /// Leaves text for the processes that this one starts; give it a name that no other test uses.
    public static func give(_ text: String, _ name: String) throws {
        try Data(text.utf8).write(to: file(of: getpid(), name), options: .atomic)
    }

    /// What the process that started this one has left under a name.
    public static func take(_ name: String) throws -> String {
        String(decoding: try Data(contentsOf: file(of: getppid(), name)), as: UTF8.self)
    }

    /// Removes what was left, once the other process is over.
    public static func end(_ name: String) throws {
        try FileManager.default.removeItem(at: file(of: getpid(), name))
    }

    private static func file(of process: pid_t, _ name: String) -> URL {
        FileManager.default.temporaryDirectory.appending(path: "daybook-handover-\(process)-\(name)")
    }
}
