import Foundation

/// Standard output is for results, standard error for everything else.
enum Terminal {
    /// Writes a line of results.
    static func show(_ line: String) {
        write(line + "\n", to: stdout)
    }

    /// Writes a line that is no result.
    static func say(_ line: String) {
        write(line + "\n", to: stderr)
    }

    private static func write(_ text: String, to file: UnsafeMutablePointer<FILE>?) {
        guard let file else { return }
        fputs(text, file)
        fflush(file)
    }
}
