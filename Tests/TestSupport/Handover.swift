import Foundation

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
