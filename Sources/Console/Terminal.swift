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

    /// True where a line can change in its place: standard error is a terminal.
    public static let hasChangingLine = isatty(STDERR_FILENO) == 1

    /// Puts a text in the place of the line that changes; an empty one takes it away.
    public static func change(to text: String) {
        FileHandle.standardError.write(Data("\r\u{1B}[K\(text)".utf8))
    }

    /// A reader that went away is no reason to fail: the files are what counts.
    private static func write(_ line: String, to file: FileHandle) {
        try? file.write(contentsOf: Data((line + "\n").utf8))
    }
}
