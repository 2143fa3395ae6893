public import Codecs
import Documents
public import Domain
import Foundation

/// Checks a statement's files without any database: digests, chain, signature, and every sum.
public struct StatementCheck {
    /// What became of one file.
    public struct File: Sendable {
        public enum State: String, Sendable {
            /// It is the file that was written.
            case genuine = "is genuine"
            case altered = "is not the file that was written"
            case missing = "is not there and was not checked"
            case unlisted = "is not listed in the manifest: it is no part of the statement and was not checked"
        }

        public let path: String
        public let state: State
    }

    /// Who vouches for the statement.
    public enum Standing: Sendable {
        /// Nobody does.
        case unsigned
        /// The key that its manifest names, which nobody compared with one that he trusts.
        case signed(key: String)
        /// The key that is trusted.
        case trusted
    }

    /// What the statement is told to be.
    public struct Outcome: Sendable {
        /// What was found, in one sentence. It speaks of what was checked.
        public let sentence: String
        public let files: [File]
        public let standing: Standing
        /// Why it is refused; nil for a genuine statement.
        public let refusal: DaybookError?
    }

    private static let tables = ["summary", "entries", "usage", "batches", "open_batches"]

    private let path: String
    private let further: [String]
    private let trusted: VerifyingKey?

    /// - Parameters:
    ///   - path: the folder of CSV files with `manifest.json`, that manifest alone, or the archive that was mailed.
    ///     Workbook and page are looked for in the folder and beside it.
    ///   - further: files that must be of the statement, whatever their names are now.
    ///   - trusted: the key that must have signed; nil takes the manifest's own, and says so.
    public init(_ path: String, further: [String] = [], trusted: VerifyingKey?) {
        self.path = path
        self.further = further
        self.trusted = trusted
    }

    /// What is found while files are looked at.
    private struct Findings {
        package var files: [File] = []
        var reasons: [String] = []
        /// The tables' bytes, by the file's name: what was digested is what is added up.
        var tables: [String: [UInt8]] = [:]
        var areAllTablesThere: Bool { StatementCheck.tables.allSatisfy { tables[$0 + ".csv"] != nil } }
        var hasChecked: Bool { files.contains { $0.state == .genuine } }

        mutating func note(_ path: String, _ state: File.State, as name: String? = nil) {
            files.append(File(path: path, state: state))
            guard state == .altered else { return }
            reasons.append("\(name ?? (path as NSString).lastPathComponent) is not the file that was written")
        }
    }

    /// Throws `badData` with the reason where the manifest is not genuine; what is wrong with a file is its outcome.
    public func run() throws -> Outcome {
        let source = try StatementSource(path)
        let manifest = try StatementManifest(json: source.manifest)
        // What a decoder would overlook, a second copy of a key for one, shows here.
        guard try manifest.json() == source.manifest else { throw refuse("manifest.json is not as daybook wrote it") }
        let standing = try checkSignature(manifest)
        try checkChain(manifest)
        var findings = Findings()
        try checkFiles(manifest, source, &findings)
        try checkFurther(manifest, &findings)
        try findUnlisted(manifest, source, &findings)
        if findings.reasons.isEmpty, !findings.hasChecked { findings.reasons.append("none of its files is there") }
        let sums = try findings.reasons.isEmpty && findings.areAllTablesThere ? sums(manifest, findings.tables) : nil
        return Outcome(
            sentence: sentence(manifest, sums), files: findings.files, standing: standing,
            refusal: findings.reasons.isEmpty ? nil : refuse(findings.reasons.joined(separator: "; ")))
    }

    private func sentence(_ manifest: StatementManifest, _ sums: StatementSums?) -> String {
        let subject = "Statement \(manifest.number) of \(manifest.account.name)"
        let standing = manifest.signature == nil ? "is not signed, agrees with its manifest" : "is genuine"
        let balances = "opening \(manifest.openingBalance), closing \(manifest.closingBalance)"
        guard let sums else {
            return "\(subject) \(standing): \(balances). Not all of its CSV files are there, so nothing was added up."
        }
        let isWhole = sums.checks.allSatisfy { ($0.credits ?? 0) == 0 }
        let checks = sums.checks.map { "\($0.line.rawValue) \($0.credits.map { String($0) } ?? "not known")" }
        return "\(subject) \(standing) and adds up" + (isWhole ? "" : ", but is not whole") + ": \(balances), "
            + checks.joined(separator: ", ") + "."
    }

    private func sums(_ manifest: StatementManifest, _ tables: [String: [UInt8]]) throws -> StatementSums {
        let sums = try StatementSums(manifest: manifest) { try CSVFile(tables[$0 + ".csv"] ?? []) }
        try sums.check()
        return sums
    }

    private func checkSignature(_ manifest: StatementManifest) throws -> Standing {
        guard let signature = manifest.signature else {
            guard trusted == nil else { throw refuse("it is not signed") }
            return .unsigned
        }
        guard let key = signature.key else { throw refuse("its signature is not an Ed25519 signature") }
        if let trusted, trusted != key { throw refuse("it is signed with another key than the one you trust") }
        guard signature.isGenuine(over: try manifest.signedBytes()) else {
            throw refuse("its signature is not that of its manifest")
        }
        return trusted == nil ? .signed(key: key.hex) : .trusted
    }

    private func checkChain(_ manifest: StatementManifest) throws {
        guard StatementManifest.digest(of: manifest.files) == manifest.statementSha256 else {
            throw refuse("the digest of the statement is not that of its files")
        }
        guard manifest.linkHash == manifest.chain.hash else {
            throw refuse("the chain's hash is not that of its contents")
        }
        for name in Self.tables where !manifest.files.contains(where: { $0.name.hasSuffix("/\(name).csv") }) {
            throw refuse("its manifest names no \(name).csv")
        }
    }

    /// Every copy of every listed file: a genuine one in one place excuses no other in another.
    private func checkFiles(
        _ manifest: StatementManifest, _ source: StatementSource, _ findings: inout Findings
    ) throws {
        for (name, file) in try manifest.listed() {
            let copies = try source.copies(of: name, mailed: name.format.flatMap { manifest.mailedName($0.rawValue) })
            for copy in copies {
                let isGenuine = FileDigest.of(copy.content) == file.sha256
                findings.note(copy.path, isGenuine ? .genuine : .altered)
                if isGenuine, name.format == nil { findings.tables[name.name] = copy.content }
            }
            guard copies.isEmpty else { continue }
            findings.note(name.name, .missing)
            if name.format == nil, source.kind != .manifest { findings.reasons.append("\(name.name) is missing") }
        }
    }

    private func checkFurther(_ manifest: StatementManifest, _ findings: inout Findings) throws {
        for path in further {
            // The user's own word for a file may be a link.
            let resolved = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
            guard let content = try StatementSource.read(resolved) else { throw refuse("\(path) is missing") }
            let digest = FileDigest.of(content)
            let known = manifest.files.map(\.sha256) + (manifest.printed ?? []).map(\.sha256)
            findings.note(path, known.contains(digest) ? .genuine : .altered, as: path)
        }
    }

    /// Files that the manifest does not list. A workbook or a page that bears the statement's own name is refused:
    /// whoever opens it takes it for the statement.
    private func findUnlisted(
        _ manifest: StatementManifest, _ source: StatementSource, _ findings: inout Findings
    ) throws {
        let baseName = try manifest.baseName()
        let listed = try manifest.listed().map(\.name)
        for format in ReportFormat.beside where !listed.contains(where: { $0.format == format }) {
            guard let name = StatementFileName("\(baseName).\(format.rawValue)", of: baseName) else { continue }
            for copy in try source.copies(of: name, mailed: manifest.mailedName(format.rawValue)) {
                findings.note(copy.path, .unlisted)
                let name = (copy.path as NSString).lastPathComponent
                findings.reasons.append("\(name) bears its name and is not listed in the manifest")
            }
        }
        let mailed = ReportFormat.beside.compactMap { manifest.mailedName($0.rawValue) }
        for name in source.foreign(listed: listed, baseName: baseName, mailed: mailed) {
            findings.note(name, .unlisted)
        }
    }

    private func refuse(_ why: String) -> DaybookError { .badData("The statement in \(path) is refused: \(why).") }
}
