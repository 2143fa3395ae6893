public import Documents
public import Domain
public import Postgres
import Schema

/// Lists what was closed and opened again, and whether the chain of each account holds and its files are what was
/// closed.
public struct CloseList: Sendable {
    public struct Entry: Sendable {
        public let slug: String
        public let month: String
        public let revision: Int64
        public let opening: Int64
        public let closing: Int64
        public let closedAt: Instant
        public let closedBy: String
        public let hash: String
        /// Why it was opened again; nil where it was not.
        public let reopened: String?
        /// False where the hash is not that of its contents, or not chained to the month before.
        public let isGenuine: Bool
        /// What is wrong with the files that were kept; nil where they are what was closed.
        public let defect: String?
    }

    /// What was found.
    public struct Outcome: Sendable {
        public let entries: [Entry]
        /// The head of all closes of all accounts.
        public let head: ChainHead
        /// What became of heads that were written down, a sentence each without its end.
        public var held: [String] = []
        public var lost: [Remark] = []

        public var isGenuine: Bool { lost.isEmpty && entries.allSatisfy { $0.isGenuine && $0.defect == nil } }
    }

    private let written: [String]

    /// - Parameter written: Heads that were written down elsewhere: of all closes as a digest or as the line that was
    ///   handed on, or the hash of one account's close, also as `SLUG=HASH`.
    public init(written: [String] = []) {
        self.written = written
    }

    /// Throws `usage` for what is no head.
    public func run(_ connection: Connection) async throws -> Outcome {
        let written = try written.map { try WrittenClose($0) }
        return try await connection.transaction(.snapshot) { session in
            try session.executeScript(ReportSession.settings)
            let names = try AccountNames(session)
            let known = try session.query(
                "SELECT to_regclass('daybook.month_close') IS NOT NULL AS exists, clock_timestamp() AS now")[0]
            guard try known.bool("exists") else {
                let head = ChainHead(
                    kind: .close, digest: ChainHead.none, sequence: 0, readAt: try known.instant("now"))
                return Self.answer(written, Outcome(entries: [], head: head), [], names)
            }
            let links = try Self.links(session)
            let defects = try Self.defects(links, session)
            let records = try CloseRecords(session)
            let outcome = Outcome(entries: try Self.entries(links, defects), head: records.head)
            return Self.answer(written, outcome, records.records, names)
        }
    }

    private struct Key: Hashable {
        let userID: String
        let month: Month
        let revision: Int64

        init(_ link: CloseLink) {
            (userID, month, revision) = (link.userID, link.month, link.revision)
        }
    }

    private static func links(_ session: Session) throws -> [(link: CloseLink, row: Row)] {
        try session.query(
            """
            SELECT \(CloseLink.columns), coalesce(a.slug, '(none)') AS slug, c.closed_by, c.closed_at, r.reason
            FROM daybook.month_close AS c
            LEFT JOIN daybook.account AS a ON a.user_id = c.user_id
            LEFT JOIN daybook.month_reopen AS r
                ON r.user_id = c.user_id AND r.month = c.month AND r.revision = c.revision
            ORDER BY c.user_id, c.month, c.revision
            """
        ).map { (link: try CloseLink($0), row: $0, slug: try $0.text("slug")) }
            .inNaturalOrder(of: \.slug).map { ($0.link, $0.row) }
    }

    private static func entries(_ links: [(link: CloseLink, row: Row)], _ defects: [Key: String]) throws -> [Entry] {
        var last: [String: String] = [:]
        return try links.map { link, row in
            let reopened = try row.optionalText("reason")
            // What was opened again is no link any more; the next revision starts from the same month before.
            let isChained = link.previousHash == last[link.userID] ?? ""
            if reopened == nil { last[link.userID] = link.hash }
            return Entry(
                slug: try row.text("slug"), month: link.month.description, revision: link.revision,
                opening: link.openingBalance, closing: link.closingBalance, closedAt: try row.instant("closed_at"),
                closedBy: try row.text("closed_by"), hash: link.hash, reopened: reopened,
                isGenuine: link.isGenuine && (isChained || reopened != nil), defect: defects[Key(link)])
        }
    }

    /// What is wrong with the files of each close, one close after another: the server digests the contents, and of
    /// them the manifests alone come here.
    private static func defects(_ links: [(link: CloseLink, row: Row)], _ session: Session) throws -> [Key: String] {
        var defects: [Key: String] = [:]
        for (link, _) in links where link.isGenuine {
            let rows = try session.query(
                """
                SELECT name, sha256, encode(sha256(content), 'hex') AS content_sha256,
                    CASE WHEN name LIKE '%/manifest.json' THEN content END AS manifest
                FROM daybook.month_close_file
                WHERE user_id = $1 AND month = $2 AND revision = $3 ORDER BY name COLLATE "C"
                """, [.uuid(link.userID), .date(link.month.firstDay), .int(link.revision)])
            let manifests = try rows.compactMap { try $0.optionalBytes("manifest") }
            let files = try rows.map { row in
                KeptFiles.File(
                    name: try row.text("name"), sha256: try row.text("sha256"),
                    contentSha256: try row.text("content_sha256"))
            }
            do {
                _ = try KeptFiles(link, files: files, manifest: manifests.count == 1 ? manifests[0] : nil)
            } catch {
                defects[Key(link)] = error.sentence
            }
        }
        return defects
    }

    /// Adds what becomes of heads that were written down.
    private static func answer(
        _ written: [WrittenClose], _ outcome: Outcome, _ records: [CloseRecords.Record], _ names: AccountNames
    ) -> Outcome {
        var outcome = outcome
        for written in written {
            switch written.answer(outcome.entries, records, names) {
            case .held(let sentence): outcome.held.append(sentence)
            case .lost(let remark): outcome.lost.append(remark)
            }
        }
        return outcome
    }
}

/// A head of closes as somebody wrote it down: of all of them, or the hash of one account's.
private struct WrittenClose {
    enum Answer {
        case held(String)
        case lost(Remark)
    }

    let slug: String?
    let head: WrittenHead

    /// Throws `usage` for anything else.
    init(_ text: String) throws(DaybookError) {
        let parts = text.split(separator: "=", omittingEmptySubsequences: false).map(String.init)
        slug = parts.count == 2 ? parts[0] : nil
        head = try WrittenHead(slug == nil ? text : parts[1], of: .close)
        // One account's hash has no number among all records.
        guard slug == nil || head.sequence == nil else {
            throw .usage("Write an account's hash as SLUG=HASH, as it stands in the list.")
        }
    }

    func answer(_ entries: [CloseList.Entry], _ records: [CloseRecords.Record], _ names: AccountNames) -> Answer {
        if let entry = entries.last(where: { $0.hash == head.digest && (slug == nil || $0.slug == slug) }) {
            let state = entry.reopened == nil ? "in force" : "opened again"
            return .held("\(head.digest) is the close of \(entry.month) of \(entry.slug), which is \(state)")
        }
        if let slug {
            let lost = "\(slug) has no close with the hash \(head.digest) any more: "
            if let newest = entries.last(where: { $0.slug == slug && $0.reopened == nil })?.month {
                return .lost(Remark(lost + "its newest is \(newest)"))
            }
            guard !names.has(slug) else { return .lost(Remark(lost + "it has none in force")) }
            let unknown = names.unknown(slug)
            return .lost(Remark(lost + "t" + unknown.sentence.dropFirst(), unknown.advice))
        }
        func name(_ number: Int64) -> String {
            guard records.indices.contains(Int(number) - 1) else { return "record \(number)" }
            let record = records[Int(number) - 1]
            return
                "record \(number), the " + (record.isReopening ? "reopening" : "close")
                + " of \(record.month) of \(record.slug)"
        }
        switch head.answer(records.map(\.head), name) {
        case .holds(let place, let followed):
            return .held("\(head.digest) headed the closes at record \(place); \(followed) have followed")
        case .lost(let what): return .lost(Remark("the closes: " + what))
        }
    }
}
