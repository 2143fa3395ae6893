import Digests
public import Domain
import Foundation

/// A CSV file to import, plain or compressed with gzip.
public struct ImportFile: Sendable {
    private static let pieceSize = 1 << 18

    public let path: String

    public init(path: String) {
        self.path = path
    }

    /// Reads the file record by record. `-` is standard input.
    ///
    /// Throws `badData` with the place of the first defect of the format.
    public func records(_ record: ([CSVReader.Field]) throws -> Void) throws {
        var reader = CSVReader()
        do {
            try pieces { try reader.read($0, record: record) }
            try reader.finish(record: record)
        } catch let defect as CSVDefect {
            throw DaybookError.badData("\(path), \(defect); nothing was imported.")
        } catch is Decompressor.Damage {
            throw DaybookError.badData("\(path) is not a whole gzip file; nothing was imported.")
        }
    }

    private func pieces(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        if path == "-" { return try Self.read(FileHandle.standardInput, body) }
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), !isFolder.boolValue,
            let file = FileHandle(forReadingAtPath: path)
        else { throw DaybookError.badData("There is no file \(path) that can be read.") }
        guard path.hasSuffix(".gz") else { return try Self.read(file, body) }
        let decompressor = Decompressor()
        try Self.read(file) { try decompressor.read($0, body) }
        try decompressor.finish()
    }

    private static func read(_ handle: FileHandle, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        while let piece = try handle.read(upToCount: pieceSize), !piece.isEmpty { try piece.withUnsafeBytes(body) }
    }
}
