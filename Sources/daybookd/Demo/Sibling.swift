import Domain
import Foundation

/// Programs that were built or installed beside this one.
enum Sibling {
    /// Throws `configuration` where there is none of that name.
    static func path(_ name: String) throws(DaybookError) -> String {
        let own =
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
        let path = URL(fileURLWithPath: own).deletingLastPathComponent().appending(path: name).path
        guard FileManager.default.isExecutableFile(atPath: path) else {
            throw .configuration("There is no \(name) beside daybookd; build it: swift build --product \(name)")
        }
        return path
    }
}
