import Codecs
import Documents
import Domain
import Postgres
import Schema

/// The statement of a closed month, as it was kept: what was sent stays what it was.
///
/// The only way to one is to read it from the database, and there is none whose files, manifest and close do not agree.
struct KeptStatement {
    let subject: StatementAccount
    let manifest: StatementManifest
    private let baseName: String
    private let files: [(name: StatementFileName, content: [UInt8])]

    /// Reads what was kept. Throws `badData`, with account, month and file, where it is not what was closed.
    init(_ subject: StatementAccount, month: Month, revision: Int64, _ session: Session) throws {
        self.subject = subject
        let userID = subject.account.userID
        func refuse(_ what: String) -> DaybookError {
            .badData("The closed month \(month) of \(subject.account.slug) is refused: \(what).")
        }
        guard let link = try CloseLink.read(userID, month, revision: revision, session) else {
            throw refuse("its close is missing")
        }
        let rows = try session.query(
            """
            SELECT name, sha256, content FROM daybook.month_close_file
            WHERE user_id = $1 AND month = $2 AND revision = $3 ORDER BY name COLLATE "C"
            """, [.uuid(userID), .date(month.firstDay), .int(revision)]
        ).map { row in
            (
                name: try row.text("name"), sha256: try row.text("sha256"),
                content: try row.optionalBytes("content") ?? []
            )
        }
        let manifests = rows.filter { $0.name.hasSuffix("/" + StatementFileName.manifest) }
        do {
            let kept = try KeptFiles(
                link,
                files: rows.map {
                    KeptFiles.File(name: $0.name, sha256: $0.sha256, contentSha256: FileDigest.of($0.content))
                }, manifest: manifests.count == 1 ? manifests[0].content : nil)
            manifest = kept.manifest
            baseName = try kept.manifest.baseName()
            files = zip(kept.names, rows).map { ($0, $1.content) }
        } catch let defect as KeptFiles.Defect {
            throw refuse(defect.sentence)
        }
    }

    /// Puts the files of some formats into the staging folder. The CSV files and the manifest always belong to them.
    func write(staging: StagingFolder, formats: Set<ReportFormat>) throws -> Outputs {
        let outputs = try Outputs(staging: staging, baseName: baseName, formats: formats)
        for (name, content) in files {
            if let format = name.format {
                if formats.contains(format) { try outputs.writeBeside(content, extension: format.rawValue) }
            } else if name.name == StatementFileName.manifest {
                try outputs.writeManifest(content)
            } else {
                try outputs.write(content, to: name.name)
            }
        }
        return outputs
    }

    /// What the statement came to, from its own files.
    func outcome(email: String) throws -> StatementReport.Outcome {
        var summary = StatementSummary()
        for record in try CSVFile(content("summary.csv")).records where record.isWhole {
            guard let line = record["line"].flatMap(StatementLine.init(rawValue:)) else { continue }
            summary.set(line, record.integer("credits"))
        }
        return StatementReport.Outcome(
            account: subject.account, summary: summary, entries: try CSVFile(content("entries.csv")).records.count,
            email: email, isFinal: subject.scope.isFinal, isClosed: true)
    }

    /// The content of a file in the statement's folder; empty where it has none of that name.
    func content(_ name: String) -> [UInt8] {
        files.first { $0.name.format == nil && $0.name.name == name }?.content ?? []
    }
}

/// What a close has kept, compared with what it says of it.
struct KeptFiles {
    /// A file as it is recorded, and the digest of its content.
    struct File {
        package let name: String
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
