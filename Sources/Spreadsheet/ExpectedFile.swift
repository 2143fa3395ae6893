import Glibc

/// What must stand in a finished workbook: the library does not notice when its own temporary files are cut short.
struct ExpectedFile {
    /// Bytes of each sheet's rows.
    let sheetRowBytes: [Int64]
    /// Charts that stand on sheets.
    let charts: Int
    /// Tables of sheets.
    let tables: Int

    /// Bytes that stand around the rows of every sheet, whatever it holds: declaration, root element with its two
    /// namespaces, dimension, view, format of rows, the ends of the data, page margins.
    private static let bytesAroundRows: Int64 = 430

    /// Throws where the file at a path lacks a part, or a part is smaller than what was written into it.
    func check(path: String) throws(SpreadsheetError) {
        let sizes: [String: Int64]
        do throws(ZipDirectory.Damage) {
            sizes = try ZipDirectory(path: path).sizes
        } catch {
            throw SpreadsheetError(.incomplete, "\(path) came out incomplete: \(error.reason).")
        }
        for (name, size) in sizes.sorted(by: { $0.key < $1.key }) where size == 0 {
            throw SpreadsheetError(.incomplete, "\(path) came out incomplete: \(name) is empty.")
        }
        for (name, least) in parts {
            guard let size = sizes[name] else {
                throw SpreadsheetError(.incomplete, "\(path) came out incomplete: \(name) is missing.")
            }
            guard size >= least else {
                throw SpreadsheetError(
                    .incomplete,
                    "\(path) came out incomplete: \(name) has \(size) of at least \(least) bytes; "
                        + "was there room for temporary files?")
            }
        }
    }

    private var parts: [(name: String, leastBytes: Int64)] {
        let fixed = [
            "[Content_Types].xml", "_rels/.rels", "docProps/app.xml", "docProps/core.xml", "xl/workbook.xml",
            "xl/styles.xml", "xl/theme/theme1.xml", "xl/_rels/workbook.xml.rels",
        ]
        return fixed.map { ($0, 1) }
            + sheetRowBytes.enumerated().map { index, bytes in
                ("xl/worksheets/sheet\(index + 1).xml", bytes + Self.bytesAroundRows)
            }
            + (0..<charts).map { ("xl/charts/chart\($0 + 1).xml", 1) }
            + (0..<tables).map { ("xl/tables/table\($0 + 1).xml", 1) }
    }
}

/// The list of parts at the end of a ZIP file (APPNOTE.TXT 6.3, 4.3.12 and 4.3.16), without ZIP64.
struct ZipDirectory {
    /// Why a file is no whole ZIP file.
    struct Damage: Error {
        let reason: String
    }

    /// Bytes of every part before compression, by name.
    let sizes: [String: Int64]

    /// Reads the list and checks that it ends where the file ends, and that every part begins where the list says.
    init(path: String) throws(Damage) {
        guard let file = fopen(path, "rb") else { throw Damage(reason: SpreadsheetError.reason(errno)) }
        defer { fclose(file) }
        guard fseeko(file, 0, SEEK_END) == 0 else { throw Damage(reason: SpreadsheetError.reason(errno)) }
        let fileSize = Int(ftello(file))
        let end = try Self.read(file, at: fileSize - Self.endLength, count: Self.endLength)
        guard end.number32(0) == 0x0605_4B50 else { throw Damage(reason: "its list of parts does not end") }
        let (count, size, offset) = (end.number16(10), end.number32(12), end.number32(16))
        guard offset + size + Self.endLength == fileSize else { throw Damage(reason: "bytes are missing") }
        let list = try Self.read(file, at: offset, count: size)
        sizes = try Self.sizes(list, count: count, partsEnd: offset, file)
    }

    private static func sizes(
        _ list: [UInt8], count: Int, partsEnd: Int, _ file: UnsafeMutablePointer<FILE>
    ) throws(Damage) -> [String: Int64] {
        var sizes: [String: Int64] = [:]
        var position = 0
        for _ in 0..<count {
            guard position + entryLength <= list.count, list.number32(position) == 0x0201_4B50 else {
                throw Damage(reason: "its list of parts is broken")
            }
            let nameEnd = position + entryLength + list.number16(position + 28)
            guard nameEnd <= list.count else { throw Damage(reason: "its list of parts is broken") }
            let name = String(decoding: list[(position + entryLength)..<nameEnd], as: UTF8.self)
            let (compressed, start) = (list.number32(position + 20), list.number32(position + 42))
            guard start + localLength + compressed <= partsEnd,
                try read(file, at: start, count: 4).number32(0) == 0x0403_4B50
            else { throw Damage(reason: "\(name) lies outside the file") }
            sizes[name] = Int64(list.number32(position + 24))
            position = nameEnd + list.number16(position + 30) + list.number16(position + 32)
        }
        guard sizes.count == count, position == list.count else {
            throw Damage(reason: "its list of parts is broken")
        }
        return sizes
    }

    private static func read(_ file: UnsafeMutablePointer<FILE>, at offset: Int, count: Int) throws(Damage) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: max(count, 0))
        guard offset >= 0, fseeko(file, offset, SEEK_SET) == 0, fread(&bytes, 1, bytes.count, file) == bytes.count
        else { throw Damage(reason: "bytes are missing") }
        return bytes
    }

    /// Bytes of the record at the file's end; the library writes no comment after it.
    private static let endLength = 22
    /// Bytes of a part's entry in the list, before its name.
    private static let entryLength = 46
    /// Bytes before a part's name where the part stands.
    private static let localLength = 30
}

extension [UInt8] {
    /// Two bytes, the low one first.
    fileprivate func number16(_ position: Int) -> Int {
        Int(self[position]) | Int(self[position + 1]) << 8
    }

    /// Four bytes, the lowest first.
    fileprivate func number32(_ position: Int) -> Int {
        number16(position) | number16(position + 2) << 16
    }
}
