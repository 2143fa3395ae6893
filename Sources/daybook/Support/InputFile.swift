import Domain
import Foundation

/// Reads a file that somebody else made.
enum InputFile {
    /// All of it. Throws `usage` where there is none, and `badData` where it is larger than a bound.
    static func bytes(_ path: String, atMost limit: Int) throws -> [UInt8] {
        guard let file = FileHandle(forReadingAtPath: path), let data = try? file.read(upToCount: limit + 1) else {
            throw DaybookError.usage("There is no file \(path) that can be read.")
        }
        guard data.count <= limit else {
            throw DaybookError.badData("\(path) is larger than \(limit >> 20) MiB: it is not what is looked for here.")
        }
        return Array(data)
    }
}
