import Foundation

/// Standard output is for results, standard error for everything else.
public enum Terminal {
    /// Writes a line of results.
    public static func show(_ line: String) {
        write(line, to: FileHandle.standardOutput)
    }

    /// Writes a line that is no result.
    public static func say(_ line: String) {
        write(line, to: FileHandle.standardError)
    }

    /// A reader that went away is no reason to fail: the files are what counts.
    private static func write(_ line: String, to file: FileHandle) {
        try? file.write(contentsOf: Data((line + "\n").utf8))
    }
}
