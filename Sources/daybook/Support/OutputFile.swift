import Domain
import Foundation
import Reporting

/// Writes a result to a file, complete or not at all, or to standard output.
enum OutputFile {
    static func write(_ bytes: [UInt8], to path: String?, mode: OutputMode) throws {
        guard let path else {
            try? FileHandle.standardOutput.write(contentsOf: Data(bytes))
            return
        }
        let url = URL(fileURLWithPath: path)
        let staging = try StagingFolder(output: url.deletingLastPathComponent().path, mode: mode)
        let sink = try staging.sink(url.lastPathComponent)
        try sink.write(bytes)
        _ = try sink.finish()
        try staging.publish(url.lastPathComponent)
    }
}
