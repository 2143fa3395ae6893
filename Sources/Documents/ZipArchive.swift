import Codecs
package import Domain

/// A ZIP archive (APPNOTE.TXT 6.3) of a few files: the same files give the same bytes, whenever and wherever.
///
/// It reads what it writes and nothing else: every byte between the files is what it would have written there. So no
/// program that opens such an archive finds other files in it than those that were read here.
package enum ZipArchive {
    package struct Member: Equatable {
        /// A file's name, or a folder's and a file's with a slash between them.
        package let name: String
        package let content: [UInt8]
    }

    /// What stands about a member before its bytes and in the list at the end.
    private struct Entry {
        package let name: [UInt8]
        let checksum: UInt32
        let packedSize: Int
        let size: Int
        let offset: Int

        /// 1980-01-01 00:00, the first instant that the format knows: an archive does not say when it was made.
        private static let date: [UInt8] = [0, 0, 0x21, 0]
        private static let deflated: [UInt8] = [8, 0]
        private static let version: [UInt8] = [20, 0]
        static let localLength = 30
        static let listedLength = 46

        /// What both places have in common.
        private var common: [UInt8] {
            Self.version + [0, 0] + Self.deflated + Self.date + ZipArchive.number32(Int(checksum))
                + ZipArchive.number32(packedSize) + ZipArchive.number32(size) + ZipArchive.number16(name.count) + [
                    0, 0,
                ]
        }
        /// Before the member's bytes.
        var local: [UInt8] { [0x50, 0x4B, 3, 4] + common + name }
        /// In the list at the end: no comment, first disk, no attributes.
        var listed: [UInt8] {
            [0x50, 0x4B, 1, 2] + Self.version + common + [UInt8](repeating: 0, count: 10)
                + ZipArchive.number32(offset) + name
        }
    }

    private static let endLength = 22

    private static func end(count: Int, size: Int, offset: Int) -> [UInt8] {
        [0x50, 0x4B, 5, 6, 0, 0, 0, 0] + number16(count) + number16(count) + number32(size) + number32(offset) + [0, 0]
    }

    /// Packs files in the order in which they are given. Throws `badData` where they are too many or too large.
    package static func make(_ members: [Member]) throws(DaybookError) -> [UInt8] {
        guard members.count <= Limits.statementFiles,
            members.reduce(0, { $0 + $1.content.count }) <= Limits.statementFileBytes
        else { throw .badData("These files are too many or too large for one archive; send them another way.") }
        var bytes: [UInt8] = []
        var list: [UInt8] = []
        for member in members {
            precondition(isName(member.name), "an archive holds names, not paths")
            let packed = Deflate.compress(member.content)
            let entry = Entry(
                name: Array(member.name.utf8), checksum: Deflate.checksum(member.content), packedSize: packed.count,
                size: member.content.count, offset: bytes.count)
            bytes += entry.local + packed
            list += entry.listed
        }
        return bytes + list + end(count: members.count, size: list.count, offset: bytes.count)
    }

    /// True for bytes that begin as an archive does.
    package static func isArchive(_ bytes: [UInt8]) -> Bool { bytes.starts(with: [0x50, 0x4B, 3, 4]) }

    /// Unpacks an archive. Throws `badData` for one that was not made here, or was altered.
    package static func read(_ bytes: [UInt8]) throws(DaybookError) -> [Member] {
        let end = bytes.count - endLength
        guard end >= 0 else { throw damaged }
        let (count, listOffset) = (number(bytes, end + 10, 2), number(bytes, end + 16, 4))
        guard count <= Limits.statementFiles, listOffset <= end,
            bytes[end...].elementsEqual(self.end(count: count, size: end - listOffset, offset: listOffset))
        else { throw damaged }
        var members: [Member] = []
        var (position, offset, room) = (listOffset, 0, Limits.statementFileBytes)
        for _ in 0..<count {
            guard position + Entry.listedLength <= end else { throw damaged }
            let nameEnd = position + Entry.listedLength + number(bytes, position + 28, 2)
            guard nameEnd <= end else { throw damaged }
            let entry = Entry(
                name: Array(bytes[(position + Entry.listedLength)..<nameEnd]),
                checksum: UInt32(number(bytes, position + 16, 4)), packedSize: number(bytes, position + 20, 4),
                size: number(bytes, position + 24, 4), offset: offset)
            let start = offset + Entry.localLength + entry.name.count
            let name = String(decoding: entry.name, as: UTF8.self)
            guard isName(name), !members.contains(where: { $0.name == name }), entry.size <= room,
                bytes[position..<nameEnd].elementsEqual(entry.listed), start + entry.packedSize <= listOffset,
                bytes[offset..<start].elementsEqual(entry.local),
                let content = Deflate.expand(Array(bytes[start..<(start + entry.packedSize)]), size: entry.size),
                Deflate.checksum(content) == entry.checksum
            else { throw damaged }
            members.append(Member(name: name, content: content))
            (position, offset, room) = (nameEnd, start + entry.packedSize, room - entry.size)
        }
        guard position == end, offset == listOffset else { throw damaged }
        return members
    }

    /// True for `NAME` and `FOLDER/NAME` of letters, digits, dots, hyphens and low lines, none of which begins with a
    /// dot.
    package static func isName(_ text: String) -> Bool {
        let parts = text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        return (1...2).contains(parts.count)
            && parts.allSatisfy { part in
                (1...255).contains(part.count) && part.first != UInt8(ascii: ".")
                    && part.allSatisfy { byte in
                        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
                            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || "._-".utf8.contains(byte)
                    }
            }
    }

    private static var damaged: DaybookError {
        .badData(
            "It is not an archive as daybook makes it, or it was altered; where you packed it yourself, unpack it and "
                + "check the folder.")
    }

    private static func number16(_ number: Int) -> [UInt8] { [UInt8(number & 0xFF), UInt8(number >> 8 & 0xFF)] }

    private static func number32(_ number: Int) -> [UInt8] {
        number16(number & 0xFFFF) + number16(number >> 16 & 0xFFFF)
    }

    private static func number(_ bytes: [UInt8], _ position: Int, _ count: Int) -> Int {
        (0..<count).reduce(0) { $0 | Int(bytes[position + $1]) << (8 * $1) }
    }
}
