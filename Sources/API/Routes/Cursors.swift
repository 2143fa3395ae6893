import BatchEngine
import Domain
import Foundation

/// Where a part of a list ended, as callers carry it: a text that means nothing to them, and that each list reads
/// strictly. It names a place and not a count, so what is added meanwhile neither repeats nor hides anything.
protocol PageCursor: Sendable {
    /// Letters, digits, `-`, `_` and `.`.
    var text: String { get }
    /// Nil for what this list never gave out.
    init?(text: String)
}

extension PageCursor {
    /// The parts after the list's own letter.
    static func parts(_ text: String, _ letter: Character, _ count: Int) -> [Substring]? {
        guard text.first == letter else { return nil }
        let parts = text.dropFirst().split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == count ? parts : nil
    }
}

extension BatchCursor: PageCursor {
    var text: String { "b\(createdAt.microseconds).\(batchID)" }

    init?(text: String) {
        guard let parts = Self.parts(text, "b", 2), let micros = Int64(parts[0]),
            let batchID = UUIDInPath.parse(String(parts[1]))
        else { return nil }
        self.init(createdAt: Instant(microseconds: micros), batchID: batchID)
    }
}

extension ItemCursor: PageCursor {
    var text: String { "i\(index).\(itemID)" }

    init?(text: String) {
        guard let parts = Self.parts(text, "i", 2), let index = Int64(parts[0]),
            let itemID = UUIDInPath.parse(String(parts[1]))
        else { return nil }
        self.init(index: index, itemID: itemID)
    }
}

extension LedgerCursor: PageCursor {
    var text: String { "l\(createdAt.microseconds).\(turn).\(number).\(id)" }

    init?(text: String) {
        guard let parts = Self.parts(text, "l", 4), let micros = Int64(parts[0]), let turn = Int64(parts[1]),
            let number = Int64(parts[2]), parts[3].utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { return nil }
        self.init(createdAt: Instant(microseconds: micros), turn: turn, number: number, id: String(parts[3]))
    }
}

extension ResultCursor: PageCursor {
    var text: String {
        let bits = Data(rest).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
        return "r\(fullBytes).\(bits.filter { $0 != "=" })"
    }

    init?(text: String) {
        guard let parts = Self.parts(text, "r", 2), let full = Int(parts[0]) else { return nil }
        let letters = parts[1].replacing("-", with: "+").replacing("_", with: "/")
        let padding = String(repeating: "=", count: (4 - letters.utf8.count % 4) % 4)
        guard let bits = Data(base64Encoded: letters + padding) else { return nil }
        self.init(fullBytes: full, rest: Array(bits))
    }
}

extension QueryReader {
    /// Where the part before ended; nil for the beginning.
    func cursor<Cursor: PageCursor>(_ type: Cursor.Type = Cursor.self) throws -> Cursor? {
        guard let text = text("cursor") else { return nil }
        guard let cursor = Cursor(text: text) else {
            throw InvalidRequest("cursor", "must be what an answer of this list gave as its next one")
        }
        return cursor
    }
}
