public import Domain
public import Postgres

/// Hands statements over, each once an account and month, and records it.
public struct StatementDelivery: Sendable {
    /// Where messages go.
    public enum Channel: Sendable {
        /// A folder of `.eml` files.
        case outbox(String)
        /// A submission server, `smtp://host:587` or `smtps://host`; curl takes name and password from ~/.netrc.
        case smtp(String)
        /// A command that takes the message on its standard input, such as `/usr/sbin/sendmail -t -i`.
        case sendmail([String])

        var name: String {
            switch self {
            case .outbox: "outbox"
            case .smtp: "smtp"
            case .sendmail: "sendmail"
            }
        }
    }

    /// What became of one statement.
    public struct Outcome: Sendable {
        public let slug: String
        public let recipient: String
        /// `handed over`, or why not.
        public let remark: String
    }

    private let month: Month
    private let channel: Channel
    private let from: String
    private let letter: LetterTemplate
    private let isForced: Bool
    private let mode: OutputMode

    /// Throws `usage` for a sender that is no address.
    ///
    /// - Parameter mode: Who may read the messages of an outbox.
    public init(
        month: Month, channel: Channel, from: String, letter: LetterTemplate, isForced: Bool,
        mode: OutputMode = .ownerOnly
    ) throws(DaybookError) {
        guard MailMessage.isAddress(from) else { throw .usage("\"\(from)\" is no mail address.") }
        self.month = month
        self.channel = channel
        self.from = from
        self.letter = letter
        self.isForced = isForced
        self.mode = mode
    }

    /// Hands the statements over, one transaction each: what was handed over stays recorded, whatever comes after it.
    public func run(_ statements: [StatementReport.Outcome], _ connection: Connection) async throws -> [Outcome] {
        var outcomes: [Outcome] = []
        for statement in statements {
            outcomes.append(
                try await connection.transaction(TransactionOptions(lockTimeoutMilliseconds: 5000)) { session in
                    try deliver(statement, session)
                })
        }
        return outcomes
    }

    private func deliver(_ statement: StatementReport.Outcome, _ session: Session) throws -> Outcome {
        let slug = statement.account.slug
        func outcome(_ remark: String) -> Outcome {
            Outcome(slug: slug, recipient: statement.email, remark: remark)
        }
        guard MailMessage.isAddress(statement.email) else { return outcome("not sent: no mail address is known") }
        // The account's row is the lock of its deliveries.
        try session.execute(
            "SELECT FROM daybook.account WHERE user_id = $1 FOR UPDATE", [.uuid(statement.account.userID)])
        let sent = try session.query(
            """
            SELECT coalesce(max(sequence), 0)::bigint AS sequence, max(sent_at) AS sent_at
            FROM daybook.statement_delivery WHERE user_id = $1 AND month = $2
            """, [.uuid(statement.account.userID), .date(month.firstDay)])[0]
        if let sentAt = try sent.optionalInstant("sent_at"), !isForced {
            return outcome("not sent: it was handed over at \(sentAt); --force sends it again")
        }
        let now = try session.query("SELECT transaction_timestamp() AS now")[0].instant("now")
        let message = try message(statement, date: now)
        let bytes = message.bytes()
        try session.execute(
            """
            INSERT INTO daybook.statement_delivery (user_id, month, sequence, recipient, channel, message_id, sha256)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            """,
            [
                .uuid(statement.account.userID), .date(month.firstDay), .int(try sent.int("sequence") + 1),
                .text(statement.email), .text(channel.name), .text(message.messageID), .text(FileDigest.of(bytes)),
            ])
        try hand(bytes, to: statement.email, name: "statement-\(slug)-\(month).eml")
        return outcome("handed over")
    }

    private func message(_ statement: StatementReport.Outcome, date: Instant) throws -> MailMessage {
        var values = [
            "customer": statement.account.name, "month": month.title, "number": "\(statement.account.slug)-\(month)",
            "verdict": Self.verdict(statement.summary), "from": from,
        ]
        for line in StatementLine.allCases {
            values[line.rawValue] = statement.summary[line].map { GroupedNumber.text($0) } ?? "not known"
        }
        let filled = try letter.fill(values)
        let attachments = try StatementAttachments(statement, month: month).all
        return MailMessage(
            from: from, to: statement.email, subject: filled.subject, body: filled.body, attachments: attachments,
            date: date)
    }

    /// What the checks allow to be said.
    private static func verdict(_ summary: StatementSummary) -> String {
        let checks = StatementLine.checks.map { summary[$0] }
        if checks.contains(where: { ($0 ?? 0) != 0 }) {
            return "Not all of the checks are 0: the table Differences of the statement says where the credits are."
        }
        return checks.contains(nil)
            ? "The checks that could be made are 0; a check that is \"not known\" needs a wallet."
            : "The checks are 0: every credit is explained, entry by entry and batch by batch."
    }

    private func hand(_ bytes: [UInt8], to recipient: String, name: String) throws {
        switch channel {
        case .outbox(let folder):
            let staging = try StagingFolder(output: folder, mode: mode)
            let sink = try staging.sink(name)
            try sink.write(bytes)
            _ = try sink.finish()
            try staging.publish(name)
        case .smtp(let url):
            try Submission.run(
                [
                    "/usr/bin/curl", "--silent", "--show-error", "--ssl-reqd", "--netrc-optional", "--max-time", "60",
                    "--proto", "=smtp,smtps", "--url", url, "--mail-from", from, "--mail-rcpt", recipient,
                    "--upload-file", "-",
                ], input: bytes)
        case .sendmail(let command): try Submission.run(command, input: bytes)
        }
    }
}
