public import Digests
import Domain
import Foundation

/// Checks a statement's files without any database: digests, chain, signature, and every sum.
public struct StatementCheck {
    /// What a genuine statement is told to be.
    public struct Outcome: Sendable {
        public let sentence: String
        /// What could not be checked, in sentences.
        public let notes: [String]
    }

    private let folder: String
    private let trusted: VerifyingKey?

    /// - Parameters:
    ///   - folder: the folder of CSV files with `manifest.json`; workbook and page are beside it.
    ///   - trusted: the key that must have signed; nil takes the manifest's own, and says so.
    public init(folder: String, trusted: VerifyingKey?) {
        self.folder = URL(fileURLWithPath: folder).path
        self.trusted = trusted
    }

    /// Throws `badData` with the reason where the statement is not genuine, or does not add up.
    public func run() throws -> Outcome {
        let content = Array(try read(folder + "/manifest.json"))
        let manifest = try StatementManifest(json: content)
        // What a decoder would overlook, a second copy of a key for one, shows here.
        guard try manifest.json() == content else { throw refuse("manifest.json is not as daybook wrote it") }
        var notes: [String] = []
        try checkSignature(manifest, notes: &notes)
        try checkChain(manifest)
        try checkFiles(manifest, notes: &notes)
        let sums = try StatementSums(
            manifest: manifest,
            records: { try CSVFile.records(Array(try read("\(folder)/\($0).csv"))) })
        try sums.check()
        try noteForeignFiles(manifest, notes: &notes)
        let signed = manifest.signature == nil ? "is not signed, agrees with its manifest" : "is genuine"
        let isWhole = sums.checks.allSatisfy { ($0.credits ?? 0) == 0 }
        let checks = sums.checks.map { "\($0.line.rawValue) \($0.credits.map { String($0) } ?? "not known")" }
        return Outcome(
            sentence: "Statement \(manifest.number) of \(manifest.account.name) \(signed) and adds up"
                + (isWhole ? "" : ", but is not whole")
                + ": opening \(manifest.openingBalance), closing \(manifest.closingBalance), "
                + checks.joined(separator: ", ") + ".",
            notes: notes)
    }

    private func noteForeignFiles(_ manifest: StatementManifest, notes: inout [String]) throws {
        let known = Set(manifest.files.map { ($0.name as NSString).lastPathComponent } + ["manifest.json"])
        let foreign = try FileManager.default.contentsOfDirectory(atPath: folder).filter { !known.contains($0) }
        for name in foreign.sorted() {
            notes.append("\(name) is not listed in the manifest: it is no part of the statement and was not checked.")
        }
    }

    private func checkSignature(_ manifest: StatementManifest, notes: inout [String]) throws {
        guard let signature = manifest.signature else {
            guard trusted == nil else { throw refuse("it is not signed") }
            notes.append("It carries no signature: whoever made these files could have made others.")
            return
        }
        guard signature.algorithm == "Ed25519", let key = VerifyingKey(hex: signature.publicKey),
            let value = Hex.bytes(signature.value)
        else { throw refuse("its signature is not an Ed25519 signature") }
        if let trusted, trusted != key { throw refuse("it is signed with another key than the one you trust") }
        guard key.isGenuine(value, over: try manifest.signedBytes()) else {
            throw refuse("its signature is not that of its manifest")
        }
        if trusted == nil {
            notes.append("Signed with the key \(key.hex); compare it with the one that you were given, or use --key.")
        }
    }

    private func checkChain(_ manifest: StatementManifest) throws {
        guard StatementManifest.digest(of: manifest.files) == manifest.statementSha256 else {
            throw refuse("the digest of the statement is not that of its files")
        }
        let hash = StatementManifest.chainHash(
            previous: manifest.chain.previous, userID: manifest.account.userId, month: manifest.month,
            opening: manifest.openingBalance, closing: manifest.closingBalance, statement: manifest.statementSha256)
        guard hash == manifest.chain.hash else { throw refuse("the chain's hash is not that of its contents") }
    }

    private func checkFiles(_ manifest: StatementManifest, notes: inout [String]) throws {
        for file in manifest.files {
            let name = file.name.split(separator: "/").last.map(String.init) ?? file.name
            let beside = (folder as NSString).deletingLastPathComponent + "/" + name
            let isOwn = file.name.contains("/")
            let path =
                isOwn || FileManager.default.fileExists(atPath: "\(folder)/\(name)") ? "\(folder)/\(name)" : beside
            guard isOwn || FileManager.default.fileExists(atPath: path) else {
                notes.append("\(name) is not there and was not checked.")
                continue
            }
            guard FileDigest.of(Array(try read(path))) == file.sha256 else {
                throw refuse("\(name) is not the file that was written")
            }
        }
        let required = ["summary", "entries", "usage", "batches", "open_batches"]
        for name in required where !manifest.files.contains(where: { $0.name.hasSuffix("/\(name).csv") }) {
            throw refuse("its manifest names no \(name).csv")
        }
    }

    private func read(_ path: String) throws -> Data {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw refuse("\((path as NSString).lastPathComponent) is missing")
        }
        return data
    }

    private func refuse(_ why: String) -> DaybookError { .badData("The statement in \(folder) is refused: \(why).") }
}
