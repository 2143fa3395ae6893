import Domain
import Foundation
import Spreadsheet

/// A directory of one test's own, gone with the test.
final class Scratch {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "spreadsheet-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// A path in the directory.
    func file(_ name: String) -> String { path + "/" + name }

    /// 2026-11-01T00:00:00Z.
    static let created = Instant(microseconds: 1_793_491_200_000_000)

    /// A workbook in the directory.
    func workbook(_ name: String = "book.xlsx", title: String = "Test") throws -> Workbook {
        try Workbook(
            path: file(name), temporaryDirectory: path,
            properties: WorkbookProperties(created: Self.created, title: title))
    }

    /// Writes a workbook of one sheet and reads it back.
    func roundTrip(_ body: (Workbook, Sheet) throws -> Void) throws -> ReadWorkbook.Sheet {
        let book = try workbook()
        let sheet = try book.addSheet("Sheet")
        try body(book, sheet)
        try book.close()
        return try ReadWorkbook.read(file("book.xlsx")).sheets[0]
    }

    /// Names of the files in the directory.
    var files: [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: path).sorted()) ?? []
    }
}

extension Scratch {
    /// The text of one part of a workbook.
    func part(_ part: String, of name: String = "book.xlsx") throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "python3", "-c",
            "import sys, zipfile; sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))",
            file(name), part,
        ]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: data, as: UTF8.self)
    }
}

/// A file system of a few megabytes in memory, gone with the test.
final class TinyDisk {
    let path: String
    private let privilege: [String]

    /// Mounts it as root, or with sudo where that asks for no password; a machine that allows neither fails the test.
    init(kilobytes: Int, readOnly: Bool = false) throws {
        path = NSTemporaryDirectory() + "tiny-disk-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        let options = "size=\(kilobytes)k,mode=0777" + (readOnly ? ",ro" : "")
        for privilege in [[], ["sudo", "-n"]] {
            if try Self.run(privilege + ["mount", "-t", "tmpfs", "-o", options, "tmpfs", path]) {
                self.privilege = privilege
                return
            }
        }
        try? FileManager.default.removeItem(atPath: path)
        throw ReadFailure(description: "this test needs root, or sudo without a password, to mount a small tmpfs")
    }

    deinit {
        _ = try? Self.run(privilege + ["umount", "-l", path])
        try? FileManager.default.removeItem(atPath: path)
    }

    private static func run(_ arguments: [String]) throws -> Bool {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = arguments
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus == 0
    }
}
