import Synchronization

/// What a program says that is ended at once, in the middle of its work, by a second signal.
public enum LastWords {
    private static let source = Mutex<(@Sendable () -> String)?>(nil)

    /// Lets a command say what stands of its work. The closure is called from any thread, at any instant.
    public static func set(_ standing: @escaping @Sendable () -> String) {
        source.withLock { $0 = standing }
    }

    static var standing: String {
        source.withLock { $0 }?() ?? "What was committed before that stands; what was under way is undone."
    }
}
