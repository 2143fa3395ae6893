import Domain
import Foundation

/// Finds the folders `reports` and `templates`: beside the installed program, or in the checkout that it was built in.
enum InstalledFiles {
    /// The folder of that name in the installation.
    static func folder(_ name: String) throws(DaybookError) -> String {
        for candidate in candidates(name) {
            var isFolder: ObjCBool = false
            if FileManager.default.fileExists(atPath: candidate, isDirectory: &isFolder), isFolder.boolValue {
                return candidate
            }
        }
        throw .configuration(
            "The folder \(name) is not installed beside daybook; run make install again, or name it with --\(name).")
    }

    private static func candidates(_ name: String) -> [String] {
        let program =
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
        var folder = URL(fileURLWithPath: program).deletingLastPathComponent()
        var candidates = [folder.deletingLastPathComponent().appending(path: "share/daybook/\(name)").path]
        // A build lies below .build of its checkout.
        while folder.path != "/" {
            if folder.lastPathComponent == ".build" {
                candidates.append(folder.deletingLastPathComponent().appending(path: name).path)
            }
            folder = folder.deletingLastPathComponent()
        }
        return candidates
    }
}
