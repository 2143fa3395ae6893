import Codecs
import Documents
import Domain
import Formats
import Foundation
import Schema

/// `manifest.json` of a statement: what was written, the chain of the closed months, and a signature over all of it.
struct StatementManifest: Codable, Sendable {
    struct File: Codable, Sendable {
        package let name: String
        let sha256: String
        let bytes: Int64
    }

    struct SQLFile: Codable, Sendable {
        let path: String
        let sha256: String
    }

    struct Profile: Codable, Sendable {
        package let name: String
        let version: Int64
        let sha256: String
    }

    struct Subject: Codable, Sendable {
        let userId: String
        let slug: String
        package let name: String
        let plan: String
    }

    /// The page as a program printed it: no figure, and another version of that program prints other bytes.
    struct Printed: Codable, Sendable {
        let name: String
        let sha256: String
        let bytes: Int64
        /// Name and version of the program.
        let program: String
    }

    /// The link of this month to the one before.
    struct Chain: Codable, Sendable {
        /// The hash of the last month that was closed before; empty where none was.
        let previous: String
        let hash: String
    }

    /// A difference that it was sent or closed with in spite of.
    struct Accepted: Codable, Sendable {
        let line: String
        let credits: Int64
        let month: String
        let reason: String
        let acceptedBy: String
        let acceptedAt: String

        init(_ acceptance: StatementAcceptance) {
            line = acceptance.line.rawValue
            credits = acceptance.credits
            month = acceptance.month.description
            reason = acceptance.reason
            acceptedBy = acceptance.acceptedBy
            acceptedAt = acceptance.acceptedAt.description
        }
    }

    let report: String
    let number: String
    let account: Subject
    let month: String
    let status: String
    let timeZone: String
    let periodStart: String
    let periodEnd: String
    let cutoff: String
    let snapshotAt: String
    let profile: Profile
    let openingBalance: Int64
    let closingBalance: Int64
    /// SHA-256 over the names and digests of the CSV files: the statement's own digest.
    let statementSha256: String
    let chain: Chain
    /// What somebody accepted of the differences; absent where nothing had to be.
    let accepted: [Accepted]?
    package let files: [File]
    /// What was printed of it; absent where nothing was.
    var printed: [Printed]?
    let sqlFiles: [SQLFile]
    let programVersion: String
    let generatedAt: String
    var signature: DocumentSignature?

    /// The document, keys in snake_case and in order.
    func json() throws -> [UInt8] {
        try CanonicalJSON.encode(self)
    }

    /// What is signed: the document with an empty value in the place of the signature.
    func signedBytes() throws -> [UInt8] {
        var unsigned = self
        unsigned.signature?.value = ""
        return try unsigned.json()
    }

    /// The same document with a signature.
    func signed(with key: SigningKey) throws -> StatementManifest {
        var signed = self
        signed.signature = DocumentSignature(awaiting: key)
        let value = Hexadecimal.text(key.sign(try signed.signedBytes()))
        signed.signature?.value = value
        return signed
    }

    /// The name of the statement's folder. Throws `badData` where no statement has such an account and month.
    func baseName() throws(DaybookError) -> String {
        guard number == "\(account.slug)-\(month)",
            let baseName = StatementFileName.baseName(slug: account.slug, month: month)
        else { throw .badData("manifest.json names no account and month that a statement could be of.") }
        return baseName
    }

    /// The files that it lists, by name. Throws `badData` for a path, and for a file that is listed twice.
    func listed() throws(DaybookError) -> [(name: StatementFileName, file: File)] {
        let baseName = try baseName()
        var listed: [(name: StatementFileName, file: File)] = []
        for file in files {
            guard let name = StatementFileName(file.name, of: baseName), name.name != StatementFileName.manifest else {
                throw .badData("manifest.json lists \(file.name.debugDescription), which names no file of a statement.")
            }
            guard !listed.contains(where: { $0.name == name }) else {
                throw .badData("manifest.json lists \(name.name) twice.")
            }
            listed.append((name, file))
        }
        return listed
    }

    /// The name under which a file is attached to a message: the customer's own and the month. Nil where that is none.
    func mailedName(_ ending: String) -> String? {
        ReportAttachments.name(customer: account.name, "\(month).\(ending)")
    }

    /// The digest over the figures of a statement: its CSV files, by name.
    static func digest(of files: [File]) -> String {
        let figures = files.filter { $0.name.hasSuffix(".csv") }.map { file in
            "\(file.name.split(separator: "/").last ?? "") \(file.sha256)\n"
        }
        return SHA256Digest.hex(figures.sorted().joined())
    }

    /// The hash that the chain must have, by what the document says.
    var linkHash: String {
        Self.chainHash(
            previous: chain.previous, userID: account.userId, month: month, opening: openingBalance,
            closing: closingBalance, statement: statementSha256)
    }

    /// The hash that a closed month hands on: over the one before, whose month it is, its balances and its figures.
    static func chainHash(
        previous: String, userID: String, month: String, opening: Int64, closing: Int64, statement: String
    ) -> String {
        SHA256Digest.hex("daybook-chain-1\n\(previous)\n\(userID)\n\(month)\n\(opening)\n\(closing)\n\(statement)\n")
    }
}

extension StatementManifest {
    /// The manifest of a statement whose files are written, without a signature.
    init(
        _ subject: StatementAccount, month: Month, summary: StatementSummary, accepted: [StatementAcceptance]?,
        outputs: Outputs, queries: [QueryLibrary.File], snapshotAt: Instant, programVersion: String
    ) {
        let written = outputs.files.map { File(name: $0.name, sha256: $0.sha256, bytes: $0.bytes) }
            .sorted { $0.name < $1.name }
        let digest = Self.digest(of: written)
        let previous = subject.closed?.hash ?? ""
        let account = subject.account
        let contract = subject.contract
        self.init(
            report: "statement", number: "\(account.slug)-\(month)",
            account: Subject(
                userId: account.userID, slug: account.slug, name: account.name, plan: account.plan.rawValue),
            month: month.description, status: subject.scope.isFinal ? "final" : "preliminary",
            timeZone: account.timeZone, periodStart: subject.period.start.description,
            periodEnd: subject.period.end.description, cutoff: subject.cutoff.description,
            snapshotAt: snapshotAt.description,
            profile: Profile(
                name: contract.profile.name, version: contract.profile.version, sha256: contract.sha256),
            openingBalance: summary.openingBalance, closingBalance: summary.closingBalance, statementSha256: digest,
            chain: Chain(
                previous: previous,
                hash: Self.chainHash(
                    previous: previous, userID: account.userID, month: month.description,
                    opening: summary.openingBalance, closing: summary.closingBalance, statement: digest)),
            accepted: accepted?.map(Accepted.init), files: written, printed: nil,
            sqlFiles: queries.map { SQLFile(path: $0.path, sha256: $0.sha256) }, programVersion: programVersion,
            generatedAt: Instant(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000)).description)
    }

    /// Reads a document. Throws `badData` where it is not one.
    init(json: [UInt8]) throws(DaybookError) {
        do {
            self = try CanonicalJSON.decode(StatementManifest.self, from: Data(json))
        } catch {
            throw .badData("manifest.json is not the manifest of a statement.")
        }
    }
}

/// The name of one of a statement's files, as its manifest and its close write it: a file of its folder, or the
/// workbook or the page beside that. It is a name and never a path: of any other text none is made.
struct StatementFileName: Hashable, Sendable {
    static let manifest = Outputs.manifestName

    /// `statement-SLUG-2026-10`, the name of the folder.
    let baseName: String
    /// The name of the file itself.
    package let name: String
    /// The form of a file beside the folder; nil for one in it.
    let format: ReportFormat?

    /// The whole name below the folder of outputs.
    var text: String { format == nil ? baseName + "/" + name : name }

    /// Nil unless the text is the name of a file of that statement.
    init?(_ text: String, of baseName: String) {
        self.baseName = baseName
        if let format = ReportFormat.beside.first(where: {
            Array(text.utf8) == Array("\(baseName).\($0.rawValue)".utf8)
        }) {
            name = "\(baseName).\(format.rawValue)"
            self.format = format
            return
        }
        let folder = Array((baseName + "/").utf8)
        guard text.utf8.starts(with: folder) else { return nil }
        name = String(decoding: Array(text.utf8.dropFirst(folder.count)), as: UTF8.self)
        format = nil
        guard Self.isOwn(name) else { return nil }
    }

    /// The folder of an account's statement; nil where no account or month has such a name.
    static func baseName(slug: String, month: String) -> String? {
        guard Account.isSlug(slug), Month(month) != nil else { return nil }
        return "statement-\(slug)-\(month)"
    }

    /// `manifest.json`, or a CSV file named with small letters, digits and low lines.
    private static func isOwn(_ name: String) -> Bool {
        guard Array(name.utf8) != Array(manifest.utf8) else { return true }
        let (bytes, ending) = (Array(name.utf8), Array(".csv".utf8))
        guard bytes.count > ending.count, bytes.count <= Limits.slugLength,
            bytes.suffix(ending.count).elementsEqual(ending)
        else { return false }
        return bytes.dropLast(ending.count).allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "_")
        }
    }
}
