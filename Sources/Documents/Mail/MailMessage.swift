import Codecs
public import Domain
import Foundation

/// A message as mail servers want it: RFC 5322 with MIME, seven bits a byte, CRLF.
public struct MailMessage: Sendable {
    public struct Attachment: Sendable {
        public let name: String
        public let type: String
        public let content: [UInt8]
    }

    public let from: String
    public let to: String
    /// Who gets a copy, for everybody to see.
    public let copies: [String]
    public let subject: String
    public let body: String
    public let attachments: [Attachment]
    /// When it is said to be written.
    public let date: Instant

    public init(
        from: String, to: String, copies: [String] = [], subject: String, body: String,
        attachments: [Attachment] = [], date: Instant
    ) {
        self.from = from
        self.to = to
        self.copies = copies
        self.subject = subject
        self.body = body
        self.attachments = attachments
        self.date = date
    }

    /// True for `name@host` without blanks, line ends or anything else that could become a header.
    public static func isAddress(_ text: String) -> Bool { AccountBilling.isMailAddress(text) }

    /// Made of the contents: the same message has the same id.
    public var messageID: String {
        let host = from.split(separator: "@").last.map(String.init) ?? "localhost"
        let parts = [from, to] + copies + [subject, body] + attachments.map { FileDigest.of($0.content) }
        return "<\(SHA256Digest.hex(parts.joined(separator: "\u{0}")).prefix(32))@\(host)>"
    }

    /// The whole message.
    public func bytes() -> [UInt8] {
        let boundary = "daybook-" + SHA256Digest.hex(messageID).prefix(24)
        var lines = [
            "From: \(from)", "To: \(to)", "Subject: \(Self.encodedWords(subject))", "Date: \(Self.dateText(date))",
            "Message-ID: \(messageID)", "MIME-Version: 1.0",
        ]
        if !copies.isEmpty { lines.insert("Cc: \(copies.joined(separator: ",\r\n "))", at: 2) }
        let text =
            ["Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: base64", ""]
            + Self.base64(Array(body.replacing("\n", with: "\r\n").utf8))
        if attachments.isEmpty {
            lines += text
        } else {
            lines += ["Content-Type: multipart/mixed; boundary=\"\(boundary)\"", "", "--\(boundary)"] + text
            for attachment in attachments {
                lines += [
                    "--\(boundary)", "Content-Type: \(attachment.type)",
                    "Content-Disposition: attachment; \(Self.fileName(attachment.name))",
                    "Content-Transfer-Encoding: base64", "",
                ]
                lines += Self.base64(attachment.content)
            }
            lines.append("--\(boundary)--")
        }
        return Array((lines.joined(separator: "\r\n") + "\r\n").utf8)
    }

    private static func base64(_ content: [UInt8]) -> [String] {
        let text = Data(content).base64EncodedString(options: [.lineLength76Characters, .endLineWithCarriageReturn])
        return text.components(separatedBy: "\r")
    }

    /// RFC 2047: pieces of at most 45 bytes, never cut inside of a character.
    static func encodedWords(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 >= 0x80 || $0 < 0x20 }) || text.utf8.count > 60 else { return text }
        var words: [String] = []
        var piece: [UInt8] = []
        for scalar in text.unicodeScalars {
            let bytes = Array(String(scalar).utf8)
            if piece.count + bytes.count > 45 {
                words.append(word(piece))
                piece = []
            }
            piece += bytes
        }
        return (words + [word(piece)]).joined(separator: "\r\n ")
    }

    private static func word(_ bytes: [UInt8]) -> String { "=?utf-8?B?\(Data(bytes).base64EncodedString())?=" }

    /// RFC 2231 for a name that is not ASCII.
    private static func fileName(_ name: String) -> String {
        guard name.utf8.contains(where: { $0 >= 0x80 }) else {
            return "filename=\"\(name.filter { $0 != "\"" && $0 != "\\" && !$0.isNewline })\""
        }
        let encoded = name.utf8.map { byte -> String in
            let isPlain =
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: ".")
                || byte == UInt8(ascii: "-")
            return isPlain
                ? String(UnicodeScalar(byte)) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16).uppercased()
        }
        return "filename*=utf-8''\(encoded.joined())"
    }

    /// `Tue, 24 Nov 2026 22:00:00 +0000`.
    private static func dateText(_ instant: Instant) -> String {
        let names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
        let days = Int((instant.microseconds / 86_400_000_000))
        let day = CalendarDate(daysSinceEpoch: days).components
        let time = instant.description.dropFirst(11).prefix(8)
        return "\(weekdays[(days % 7 + 7) % 7]), \(day.day) \(names[day.month - 1]) \(day.year) \(time) +0000"
    }
}
