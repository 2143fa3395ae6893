import ArgumentParser
import Documents
import Domain
import Foundation
import Reporting

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

/// Who may read what a command writes.
struct ModeOption: ParsableArguments {
    @Option(
        name: .customLong("mode"),
        help: ArgumentHelp(
            "The permissions of the files that are written, in octal, such as 0640 for a group that reads along; a "
                + "folder that is made gets those that go with it. Default: 0600, the owner alone.",
            valueName: "octal"),
        transform: { text in
            guard let mode = OutputMode(text) else {
                throw ValidationError(
                    "\"\(text.prefix(20))\" is no mode of a file, such as 0640: three or four octal digits with which "
                        + "the owner reads and writes, nobody executes, and not everybody writes.")
            }
            return mode
        })
    var chosen: OutputMode?

    var mode: OutputMode { chosen ?? .ownerOnly }

    /// Refuses permissions for what goes to standard output.
    func require(output: String?) throws {
        guard output != nil || chosen == nil else {
            throw ValidationError("--mode is of a file that is written: name it with --output, or leave --mode out.")
        }
    }
}
