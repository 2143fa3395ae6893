import Codecs
import Domain
public import Formats
import Foundation
import Postgres

/// A CSV file to import, plain or compressed with gzip.
public struct ImportFile: Sendable {
    private static let pieceSize = 1 << 18

    public let path: String
    /// What did not happen, for the sentence of a defect.
    private let consequence: String

    public init(path: String, consequence: String = "nothing was imported") {
        self.path = path
        self.consequence = consequence
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
            throw DaybookError.badData("\(path), \(defect); \(consequence).")
        } catch is Decompressor.Damage {
            throw DaybookError.badData("\(path) is not a whole gzip file; \(consequence).")
        }
    }

    /// Reads the file as one JSON document. `-` is standard input.
    ///
    /// Throws `badData` where it is none, or longer than ``Limits/monitorExportBytes``.
    public func document() throws -> JSON {
        var bytes: [UInt8] = []
        do {
            try pieces {
                guard bytes.count + $0.count <= Limits.monitorExportBytes else {
                    throw DaybookError.badData(
                        "\(path) has more than \(Limits.monitorExportBytes >> 20) MiB; export less at once, a week "
                            + "or a target, and \(consequence).")
                }
                bytes.append(contentsOf: $0)
            }
            return try JSON(parsing: bytes)
        } catch let defect as JSONDefect {
            throw DaybookError.badData("\(path) is no JSON document: \(defect); \(consequence).")
        } catch is Decompressor.Damage {
            throw DaybookError.badData("\(path) is not a whole gzip file; \(consequence).")
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

/// PostgreSQL's text format of COPY.
enum CopyText {
    /// One row: values separated by tabs, nil as `\N`.
    static func line(_ values: [String?]) -> [UInt8] {
        var bytes: [UInt8] = []
        for (index, value) in values.enumerated() {
            if index > 0 { bytes.append(0x09) }
            guard let value else {
                bytes.append(contentsOf: "\\N".utf8)
                continue
            }
            for byte in value.utf8 {
                switch byte {
                case UInt8(ascii: "\\"): bytes.append(contentsOf: "\\\\".utf8)
                case 0x09: bytes.append(contentsOf: "\\t".utf8)
                case 0x0A: bytes.append(contentsOf: "\\n".utf8)
                case 0x0D: bytes.append(contentsOf: "\\r".utf8)
                default: bytes.append(byte)
                }
            }
        }
        bytes.append(0x0A)
        return bytes
    }
}

/// The IANA names of the time zones that the database knows: the same rules decide about months later.
struct TimeZoneNames {
    private let names: Set<String>

    init(_ session: Session) throws {
        let rows = try session.query("SELECT name FROM pg_timezone_names WHERE name NOT LIKE 'posix/%'")
        names = try Set(rows.map { try $0.text("name") })
    }

    func contains(_ name: String) -> Bool { names.contains(name) }
}
