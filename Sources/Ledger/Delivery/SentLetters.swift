public import Documents
public import Domain
public import Postgres
import Schema

/// A letter to a customer, or to somebody who may become one: to whom, by whom, and with which paragraphs.
public struct LetterFacts: Sendable {
    /// The name of its template: introduction, follow-up, …
    public let letter: String
    public let recipient: String
    /// The account it is about; nil for somebody who has none.
    public let account: String?
    /// Whom it addresses, of which company, and who signs it; empty where the letter says nothing of it.
    public let addressee: String
    public let company: String
    public let signer: String
    public let sender: String
    public let useCase: String
    public let scale: String
    /// Who sends it: the name of the user who runs the program.
    public let author: String

    public init(
        letter: String, recipient: String, account: String?, addressee: String, company: String, signer: String,
        sender: String, useCase: String, scale: String, author: String
    ) {
        self.letter = letter
        self.recipient = recipient
        self.account = account
        self.addressee = addressee
        self.company = company
        self.signer = signer
        self.sender = sender
        self.useCase = useCase
        self.scale = scale
        self.author = author
    }
}

/// An introduction that nobody followed up.
public struct DueLetter: Sendable {
    public let facts: LetterFacts
    public let sentAt: Instant
    /// Days since it was sent, by the calendar in UTC.
    public let days: Int64
    /// True past the last of ``Limits/followUpDays``.
    public var isOverdue: Bool { days > Limits.followUpDays.upperBound }
}

/// The record of the letters that were sent. It is only added to.
public struct SentLetters: Sendable {
    /// The letter that is to be followed up.
    public static let introduction = "introduction"
    /// The letter that follows it up.
    public static let followUp = "follow-up"
    /// What ends the wait for a follow-up: the letter itself, or one that answers somebody who asked.
    private static let answers = [followUp, "technical"]

    private let connection: Connection

    public init(_ connection: Connection) {
        self.connection = connection
    }

    /// When a letter was sent to somebody before; nil where it never was. Throws where it could not be recorded: on a
    /// standby, in a database without the record, or of an account that is not there.
    public func sentBefore(_ facts: LetterFacts) async throws -> Instant? {
        try await connection.run { try $0.requireWritable() }
        return try await connection.transaction(TransactionOptions(readOnly: true)) { session in
            try Self.require(session)
            _ = try Self.userID(facts.account, session)
            return try session.query(
                """
                SELECT max(sent_at) AS sent_at FROM daybook.sent_letter
                WHERE letter = $1 AND lower(recipient) = lower($2)
                """, [.text(facts.letter), .text(facts.recipient)])[0].optionalInstant("sent_at")
        }
    }

    /// What became of a letter that was to go.
    public enum Fate: Sendable {
        /// It was taken, and that is recorded.
        case recorded
        /// It was not taken.
        case refused(String)
        /// It was given away, and whether it was taken is not known: nothing is recorded.
        case uncertain(String)
        /// It was taken, and that could not be recorded.
        case unrecorded(messageID: String, any Error)
    }

    /// Hands a letter over and records that it was taken, also where the task is cancelled meanwhile. Throws where
    /// nothing was sent.
    public func send(_ message: MailMessage, _ facts: LetterFacts, by channel: MailChannel) async throws -> Fate {
        let bytes = message.bytes()
        // A task of its own: a cancelled one could not record what became of the message.
        return try await Task {
            switch try await channel.hand(bytes, from: facts.sender, to: [facts.recipient], name: "letter.eml") {
            case .refused(let why): return .refused(why)
            case .uncertain(let why): return .uncertain(why)
            case .handedOver: break
            }
            do {
                try await record(
                    facts, channel: channel.name, at: nil, message: (message.messageID, FileDigest.of(bytes)))
                return .recorded
            } catch {
                return .unrecorded(messageID: message.messageID, error)
            }
        }.value
    }

    /// Records a letter that somebody sent by other means. Throws `usage` for an instant that has not come.
    public func tell(_ facts: LetterFacts, sentAt: Instant?) async throws {
        try await record(facts, channel: "told", at: sentAt, message: nil)
    }

    private func record(
        _ facts: LetterFacts, channel: String, at sentAt: Instant?, message: (id: String, sha256: String)?
    ) async throws {
        let values: [Value] = [
            .text(facts.letter), .text(facts.recipient), .text(facts.addressee), .text(facts.company),
            .text(facts.sender), .text(facts.signer), .text(facts.useCase), .text(facts.scale), .text(channel),
            message.map { .text($0.id) } ?? .null, message.map { .text($0.sha256) } ?? .null,
            sentAt.map(Value.instant) ?? .null, .text(facts.author),
        ]
        try await connection.transaction(TransactionOptions(lockTimeoutMilliseconds: 5000)) { session in
            try Self.require(session)
            let userID = try Self.userID(facts.account, session)
            if let sentAt {
                let now = try session.query("SELECT transaction_timestamp() AS now")[0].instant("now")
                guard sentAt <= now else {
                    throw DaybookError.usage("\(sentAt) has not come: a letter is recorded once it was sent.")
                }
            }
            try session.execute(
                """
                INSERT INTO daybook.sent_letter (
                    letter, recipient, addressee, company, sender, signer, use_case, scale, channel, message_id, sha256,
                    sent_at, author, user_id)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, coalesce($12, transaction_timestamp()), $13, $14)
                """, values + [userID.map(Value.uuid) ?? .null])
        }
    }

    /// The letters that were sent, the newest first.
    ///
    /// - Parameters:
    ///   - letter: Only those of this name.
    ///   - account: Only those about this account.
    ///   - since: Only those sent on this date or later, in UTC.
    public func list(letter: String?, account: String?, since: CalendarDate?) async throws -> Table {
        try await connection.transaction(.snapshot) { session in
            try Self.require(session)
            let userID = try Self.userID(account, session)
            let rows = try session.query(
                """
                SELECT l.*, a.slug FROM daybook.sent_letter AS l
                LEFT JOIN daybook.account AS a ON a.user_id = l.user_id
                WHERE ($1::text IS NULL OR l.letter = $1) AND ($2::uuid IS NULL OR l.user_id = $2)
                    AND ($3::date IS NULL OR l.sent_at >= $3::timestamp AT TIME ZONE 'UTC')
                ORDER BY l.sent_at DESC, l.letter_id DESC
                """,
                [
                    letter.map(Value.text) ?? .null, userID.map(Value.uuid) ?? .null,
                    since.map(Value.date) ?? .null,
                ])
            return Table(
                name: "letters", title: "Letters that were sent", note: "", columns: Self.columns,
                rows: try rows.map(Self.cells))
        }
    }

    private static let columns = [
        Column("sent_at", .instant), Column("letter", .text), Column("recipient", .text), Column("account", .text),
        Column("addressee", .text), Column("company", .text), Column("use_case", .text), Column("scale", .text),
        Column("sender", .text), Column("author", .text), Column("channel", .text), Column("message_id", .identifier),
        Column("sha256", .identifier), Column("recorded_by", .text), Column("recorded_at", .instant),
    ]

    private static func cells(_ row: Row) throws -> [Cell] {
        func text(_ column: String) throws -> Cell {
            let text = try row.optionalText(column) ?? ""
            return text.isEmpty ? .empty : .text(text)
        }
        return [
            .instant(try row.instant("sent_at")), try text("letter"), try text("recipient"), try text("slug"),
            try text("addressee"), try text("company"), try text("use_case"), try text("scale"), try text("sender"),
            try text("author"), try text("channel"), try text("message_id"), try text("sha256"),
            try text("recorded_by"), .instant(try row.instant("recorded_at")),
        ]
    }

    /// Whom the newest introduction reached at least ``Limits/followUpDays`` before a date, and who has got no
    /// follow-up since; the longest wait first.
    ///
    /// - Parameter asOf: As of the end of this date in UTC; nil for today, by the database's clock.
    public func due(asOf: CalendarDate?) async throws -> [DueLetter] {
        try await connection.transaction(.snapshot) { session in
            try Self.require(session)
            return try session.query(
                Self.dueSQL,
                [
                    asOf.map(Value.date) ?? .null, .text(Self.introduction), .texts(Self.answers),
                    .int(Limits.followUpDays.lowerBound),
                ]
            ).map { row in
                DueLetter(
                    facts: LetterFacts(
                        letter: try row.text("letter"), recipient: try row.text("recipient"),
                        account: try row.optionalText("slug"), addressee: try row.text("addressee"),
                        company: try row.text("company"), signer: try row.text("signer"),
                        sender: try row.text("sender"), useCase: try row.text("use_case"),
                        scale: try row.text("scale"), author: try row.text("author")),
                    sentAt: try row.instant("sent_at"), days: try row.int("days"))
            }
        }
    }

    /// What was sent after the date has not been sent yet.
    private static let dueSQL = """
        WITH day AS (
            SELECT coalesce($1::date, (transaction_timestamp() AT TIME ZONE 'UTC')::date) AS today
        ), sent AS (
            SELECT l.*, (l.sent_at AT TIME ZONE 'UTC')::date AS sent_on
            FROM daybook.sent_letter AS l, day AS d
            WHERE (l.sent_at AT TIME ZONE 'UTC')::date <= d.today
        ), introduction AS (
            SELECT DISTINCT ON (lower(recipient)) * FROM sent WHERE letter = $2
            ORDER BY lower(recipient), sent_at DESC, letter_id DESC
        )
        SELECT i.letter, i.recipient, a.slug, i.addressee, i.company, i.signer, i.sender, i.use_case, i.scale, i.author,
            i.sent_at, d.today - i.sent_on AS days
        FROM introduction AS i CROSS JOIN day AS d
        LEFT JOIN daybook.account AS a ON a.user_id = i.user_id
        WHERE d.today - i.sent_on >= $4
            AND NOT EXISTS (
                SELECT FROM sent AS s
                WHERE s.letter = ANY ($3) AND s.sent_at >= i.sent_at
                    AND (lower(s.recipient) = lower(i.recipient) OR s.user_id = i.user_id))
        ORDER BY i.sent_at, lower(i.recipient) COLLATE "C"
        """

    /// Throws `configuration` where the record is not there.
    private static func require(_ session: Session) throws {
        let known = try session.query("SELECT to_regclass('daybook.sent_letter') IS NOT NULL AS exists")
        guard try known[0].bool("exists") else {
            throw DaybookError.configuration("This database keeps no record of letters yet", .migrate)
        }
    }

    /// The owner of an account. Throws `usage` where there is no such account.
    private static func userID(_ slug: String?, _ session: Session) throws -> String? {
        try slug.map { try AccountNames(session).require($0).userID }
    }
}
