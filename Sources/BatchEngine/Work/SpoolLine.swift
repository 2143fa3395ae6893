import Codecs
import Domain
import Formats
import Foundation
import Postgres

/// Which database a spooled answer belongs to: the cluster's system identifier and the database's number in it. A
/// standby that is promoted has the same; a database that was dumped and restored, or upgraded, has another.
struct DatabaseIdentity: Hashable, Sendable, CustomStringConvertible {
    /// Two numbers with a hyphen between them, as they stand in names of files too.
    let description: String

    /// Nil where the text is no identity.
    init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        guard parts.count == 2, parts.allSatisfy({ 1...20 ~= $0.utf8.count && $0.utf8.allSatisfy(digits.contains) })
        else { return nil }
        description = String(text)
    }

    /// The identity of the session's database.
    init(of session: Session) throws {
        let text = try session.query(
            """
            SELECT c.system_identifier::text || '-' || d.oid::text AS identity
            FROM pg_catalog.pg_control_system() AS c, pg_catalog.pg_database AS d
            WHERE d.datname = pg_catalog.current_database()
            """)[0].text("identity")
        guard let identity = DatabaseIdentity(text) else {
            throw PostgresError(.decoding, "The server names itself in a way that is not known: \(text).")
        }
        self = identity
    }
}

/// A line of a spool: what the provider answered to one submission.
///
/// `2 DATABASE CUSTOMER NONCE ID CHECKSUM`, where the checksum is the beginning of the SHA-256 of what stands before
/// it: a line is whole, or it is not read. The version before wrote `CUSTOMER NONCE ID`, without saying of which
/// database.
enum SpoolLine: Hashable, Sendable {
    /// An accepted submission.
    struct Answer: Hashable, Sendable {
        let userID: String
        let nonce: [UInt8]
        let providerTaskID: String
    }

    /// An answer with its database, nil where the version before wrote it.
    case answer(Answer, of: DatabaseIdentity?)
    /// A later version of the program wrote it.
    case later
    case unreadable

    private static let version = 2
    private static let checksumBytes = 4

    /// The line as bytes, with its end.
    static func bytes(_ answer: Answer, of database: DatabaseIdentity) -> [UInt8] {
        let text = [
            "\(version)", database.description, answer.userID, Hexadecimal.text(answer.nonce), answer.providerTaskID,
        ].joined(separator: " ")
        return Array("\(text) \(checksum(text))\n".utf8)
    }

    /// Reads a line without its end; `isEnded` is false where the file ends before the line does.
    init(_ bytes: some Collection<UInt8>, isEnded: Bool) {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            self = .unreadable
            return
        }
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        if let version = Int(words[0]), version > Self.version {
            self = .later
        } else if words.count == 6, words[0] == "\(Self.version)", let database = DatabaseIdentity(words[1]),
            words[5] == Self.checksum(words[0..<5].joined(separator: " ")), let answer = Answer(words[2..<5])
        {
            // The checksum says that it is whole, also without its end.
            self = .answer(answer, of: database)
        } else if words.count == 3, isEnded, let answer = Answer(words[...]) {
            self = .answer(answer, of: nil)
        } else {
            self = .unreadable
        }
    }

    private static func checksum(_ text: String) -> String {
        Hexadecimal.text(Array(SHA256Digest.bytes(Array(text.utf8)).prefix(checksumBytes)))
    }
}

extension SpoolLine.Answer {
    /// Nil for anything that the database would refuse.
    fileprivate init?(_ words: ArraySlice<Substring>) {
        guard let user = words.first, let id = words.last, UUID(uuidString: String(user)) != nil,
            let nonce = Hexadecimal.bytes(words[words.startIndex + 1]), nonce.count == 16,
            1...Limits.providerTaskIDBytes ~= id.utf8.count, id.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { return nil }
        self.init(userID: String(user), nonce: nonce, providerTaskID: String(id))
    }
}
