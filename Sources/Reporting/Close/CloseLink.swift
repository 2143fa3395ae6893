import Codecs
import Domain
import Postgres

/// A close as it is recorded: one link of an account's chain.
struct CloseLink: Sendable {
    let userID: String
    let month: Month
    let revision: Int64
    let openingBalance: Int64
    let closingBalance: Int64
    let statementSha256: String
    let previousHash: String
    let hash: String

    /// What a query must read of `daybook.month_close AS c`.
    static let columns = """
        c.user_id::text AS user_id, c.month, c.revision::bigint AS revision, c.opening_balance, c.closing_balance,
        c.statement_sha256, c.previous_hash, c.hash
        """

    init(_ row: Row) throws {
        userID = try row.text("user_id")
        month = try MonthCloses.month(row.date("month"))
        revision = try row.int("revision")
        openingBalance = try row.int("opening_balance")
        closingBalance = try row.int("closing_balance")
        statementSha256 = try row.text("statement_sha256")
        previousHash = try row.text("previous_hash")
        hash = try row.text("hash")
    }

    /// The close of an account's month; nil where there is none of that revision.
    static func read(_ userID: String, _ month: Month, revision: Int64, _ session: Session) throws -> CloseLink? {
        try session.query(
            """
            SELECT \(columns) FROM daybook.month_close AS c
            WHERE c.user_id = $1 AND c.month = $2 AND c.revision = $3
            """, [.uuid(userID), .date(month.firstDay), .int(revision)]
        ).first.map(CloseLink.init)
    }

    /// False where its hash is not that of its contents.
    var isGenuine: Bool {
        hash
            == StatementManifest.chainHash(
                previous: previousHash, userID: userID, month: month.description, opening: openingBalance,
                closing: closingBalance, statement: statementSha256)
    }
}

/// What a close has kept, compared with what it says of it.
struct KeptFiles {
    /// A file as it is recorded, and the digest of its content.
    struct File {
        let name: String
        let sha256: String
        let contentSha256: String
    }

    /// What does not agree.
    struct Defect: Error {
        /// The file's name as it is recorded; nil where it is the close itself.
        let file: String?
        let what: String

        var sentence: String { file.map { "\($0.prefix(200).debugDescription) \(what)" } ?? what }
    }

    /// The manifest of the close, and the names of its files.
    let manifest: StatementManifest
    let names: [StatementFileName]

    /// Compares every content with its digest, every digest with the manifest, and the manifest with the link of the
    /// chain. Throws the first thing that does not agree.
    init(_ link: CloseLink, files: [File], manifest content: [UInt8]?) throws(Defect) {
        guard link.isGenuine else { throw Defect(file: nil, what: "the close's hash is not that of its contents") }
        for file in files where file.contentSha256 != file.sha256 {
            throw Defect(file: file.name, what: "is not what its digest says")
        }
        guard let content, content.count <= Limits.manifestBytes else {
            throw Defect(file: StatementFileName.manifest, what: "was not kept")
        }
        manifest = try Self.manifest(content, of: link)
        names = try Self.names(files, manifest)
    }

    private static func manifest(_ content: [UInt8], of link: CloseLink) throws(Defect) -> StatementManifest {
        func refuse(_ what: String) -> Defect { Defect(file: StatementFileName.manifest, what: what) }
        guard let manifest = try? StatementManifest(json: content), (try? manifest.json()) == content else {
            throw refuse("is not as daybook wrote it")
        }
        let isSame =
            manifest.account.userId == link.userID && manifest.month == link.month.description
            && manifest.openingBalance == link.openingBalance && manifest.closingBalance == link.closingBalance
            && manifest.statementSha256 == link.statementSha256 && manifest.chain.previous == link.previousHash
            && manifest.chain.hash == link.hash
        guard isSame, StatementManifest.digest(of: manifest.files) == link.statementSha256 else {
            throw refuse("is not the manifest of what was closed")
        }
        if let signature = manifest.signature {
            guard let signed = try? manifest.signedBytes(), signature.isGenuine(over: signed) else {
                throw refuse("does not carry its own signature")
            }
        }
        return manifest
    }

    /// The names of exactly the files that the manifest lists, and of itself.
    private static func names(_ files: [File], _ manifest: StatementManifest) throws(Defect) -> [StatementFileName] {
        let baseName: String
        let listed: [(name: StatementFileName, file: StatementManifest.File)]
        do {
            (baseName, listed) = (try manifest.baseName(), try manifest.listed())
        } catch {
            throw Defect(file: StatementFileName.manifest, what: "is refused: \(error.sentence)")
        }
        var names: [StatementFileName] = []
        for file in files {
            guard let name = StatementFileName(file.name, of: baseName) else {
                throw Defect(file: file.name, what: "is no name of a file of this statement")
            }
            names.append(name)
            guard name.name != StatementFileName.manifest else { continue }
            guard let digest = listed.first(where: { $0.name == name })?.file.sha256 else {
                throw Defect(file: file.name, what: "is not listed in the manifest")
            }
            guard digest == file.sha256 else { throw Defect(file: file.name, what: "is not the one of the manifest") }
        }
        for (name, _) in listed where !names.contains(name) { throw Defect(file: name.text, what: "was not kept") }
        return names
    }
}
