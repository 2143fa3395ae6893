import Domain
import Formats
import Foundation
import Schema
import TestSupport
import Testing

@testable import Codecs
@testable import Documents

/// gzip's format is read as the program of that name reads it.
@Suite struct DecompressorTests {
    /// What somebody may have called gzip's, by what is done to two whole members.
    enum Form: String, CaseIterable, CustomTestStringConvertible {
        case oneMember, twoMembers, emptyMember, zerosAfter, zerosAndMore, more, halfAMember, halfAHeader, nothing
        case otherSum, otherLength, otherBytes, plainText

        var testDescription: String { rawValue }

        func bytes(_ first: [UInt8], _ second: [UInt8], empty: [UInt8]) -> [UInt8] {
            var altered = first
            switch self {
            case .oneMember: return first
            case .twoMembers: return first + second
            case .emptyMember: return first + empty
            case .zerosAfter: return first + [UInt8](repeating: 0, count: 700)
            case .zerosAndMore: return first + [0, 0, 0] + second
            case .more: return first + Array("more".utf8)
            case .halfAMember: return first + second.prefix(second.count / 2)
            case .halfAHeader: return first + second.prefix(5)
            case .nothing: return []
            case .otherSum: altered[altered.count - 6] ^= 1
            case .otherLength: altered[altered.count - 1] ^= 1
            case .otherBytes: altered[altered.count / 2] ^= 0x55
            case .plainText: return Array("slug,name\r\n".utf8)
            }
            return altered
        }
    }

    private static let text = (0..<20_000).map { "\($0),\($0 &* 2_654_435_761 % 1_000_003)\r\n" }.joined()

    private static func compressed(_ text: String) throws -> [UInt8] {
        try Array(text.utf8).withUnsafeBytes { try Compressor.compressing().update($0, isLast: true) }
    }

    /// Nil where the program finds something wrong.
    private static func programs(_ bytes: [UInt8]) throws -> [UInt8]? {
        let folder = try ScratchFolder()
        try Data(bytes).write(to: URL(fileURLWithPath: folder.file("content.gz")))
        let (file, content) = (folder.file("content.gz"), folder.file("content"))
        let command = "gzip --decompress --stdout --quiet < '\(file)' > '\(content)'"
        guard (try? Command.run(["/bin/sh", "-c", command])) != nil else { return nil }
        return Array(try Data(contentsOf: URL(fileURLWithPath: content)))
    }

    private static func ours(_ bytes: [UInt8], pieces: Int) throws -> [UInt8]? {
        let decompressor = Decompressor()
        var content: [UInt8] = []
        do {
            for start in stride(from: 0, to: bytes.count, by: pieces) {
                try bytes[start..<min(start + pieces, bytes.count)].withUnsafeBytes { piece in
                    try decompressor.read(piece) { content += $0 }
                }
            }
            try decompressor.finish()
        } catch is Decompressor.Damage {
            return nil
        }
        return content
    }

    @Test(arguments: Form.allCases) func `a file is whole where the program finds it whole`(form: Form) throws {
        let bytes = form.bytes(
            try Self.compressed(Self.text), try Self.compressed("the second\r\n"), empty: try Self.compressed(""))
        let expected = try Self.programs(bytes)
        #expect((expected == nil) == ![.oneMember, .twoMembers, .emptyMember, .zerosAfter].contains(form))
        for pieces in [1, 7, 4096, 1 << 20] {
            #expect(try Self.ours(bytes, pieces: pieces) == expected, "in pieces of \(pieces)")
        }
    }

    @Test func `what comes of little is handed out in small pieces`() throws {
        let bytes = try [UInt8](repeating: 0x61, count: 64 << 20).withUnsafeBytes {
            try Compressor.compressing().update($0, isLast: true)
        }
        var (largest, sum) = (0, 0)
        let decompressor = Decompressor()
        try bytes.withUnsafeBytes { bytes in
            try decompressor.read(bytes) { piece in (largest, sum) = (max(largest, piece.count), sum + piece.count) }
        }
        try decompressor.finish()
        #expect(sum == 64 << 20 && largest <= 1 << 16 && bytes.count < 1 << 20)
    }

    @Test func `a file to import may have several members, and ends where they end`() throws {
        let folder = try ScratchFolder()
        let file = ImportFile(path: folder.file("rows.csv.gz"))
        func records(_ bytes: [UInt8]) throws -> [[String]] {
            try Data(bytes).write(to: URL(fileURLWithPath: file.path))
            var records: [[String]] = []
            try file.records { records.append($0.map(\.text)) }
            return records
        }
        // A record may begin in one member and end in the next.
        let members = try Self.compressed("a,b\r\n1,") + Self.compressed("2\r\n")
        #expect(try records(members) == [["a", "b"], ["1", "2"]])
        for damaged in [members.dropLast(), members + [1]] {
            let error = #expect(throws: DaybookError.self) { _ = try records(Array(damaged)) }
            #expect(error?.kind == .badData)
            #expect(error?.sentence == "\(file.path) is not a whole gzip file; nothing was imported.")
        }
    }
}

/// Our own CSV files are read back by the names of their columns, wherever those stand.
@Suite struct CSVFileTests {
    @Test func `a field is found by the name of its column`() throws {
        let file = try CSVFile(Array("\u{FEFF}credits,line\r\n7,delivered\r\n-3,\"un,reconciled\"\r\n1\r\n".utf8))
        #expect(file.columns == ["credits", "line"])
        #expect(file.records.map { $0["line"] } == ["delivered", "un,reconciled", nil])
        #expect(file.records.map { $0.integer("credits") } == [7, -3, 1])
        #expect(file.records.map(\.isWhole) == [true, true, false])
        #expect(file.records[0]["none"] == nil)
    }

    @Test func `a record takes another text in a column, or goes without one`() throws {
        let record = try CSVFile(Array("a,b,c\r\n1,2,3\r\n".utf8)).records[0]
        #expect(record.with("9", in: "b").fields == ["1", "9", "3"])
        #expect(record.without("b").fields == ["1", "3"])
        #expect(record.without("b")["c"] == "3")
    }
}

/// Whose key files are read, as whom.
@Suite struct KeyFileRuleTests {
    @Test(
        arguments: [
            // mode, owner, user
            (0o100600, 1000, 1000, true), (0o100400, 1000, 1000, true), (0o100600, 0, 0, true),
            // A secret that root hands to a group, as orchestrators mount it for a program that is not root.
            (0o100440, 0, 1000, true), (0o100640, 0, 1000, true), (0o100400, 0, 1000, true),
            (0o100440, 0, 0, false), (0o100440, 1000, 1000, false), (0o100640, 1000, 1000, false),
            (0o100444, 0, 1000, false), (0o100660, 0, 1000, false), (0o100600, 1001, 1000, false),
            (0o100600, 1000, 0, false),
        ] as [(UInt32, UInt32, UInt32, Bool)])
    func `a key is our own or root's, and nobody else's to read`(
        mode: UInt32, owner: UInt32, user: UInt32, isTaken: Bool
    ) {
        #expect((KeyFile.fault(mode: mode, owner: owner, user: user, path: "key") == nil) == isTaken)
    }
}
