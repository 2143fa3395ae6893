internal import Codecs
internal import Domain
import Formats
public import Postgres
internal import Schema

/// What can be handed to one customer: its parts of certificates, each with the way to the root that the face of the
/// certificate names, and the faces up to the head of the chain. It names nobody else.
struct CertificateExtract: Codable, Sendable, Hashable {
    /// A part and its place in the tree of a certificate.
    struct Proof: Codable, Sendable, Hashable {
        /// The certificate whose face has the root.
        let certificate: Int64
        let salt: String
        /// The part as it was digested, to the byte.
        let part: String
        let path: [MerkleTree.Step]
    }

    static let form = "daybook retention extract 1"

    let form: String
    /// The digest of the last face.
    let headSha256: String
    /// One certificate after the other, as they were digested, to the byte.
    let faces: [String]
    let parts: [Proof]
}

/// Makes extracts of the chain.
public struct Extraction: Sendable {
    /// What was extracted.
    public struct Outcome: Sendable {
        /// The bytes of the extract.
        public let document: [UInt8]
        /// What cannot be shown, as sentences.
        public let remarks: [String]
    }

    private let account: String
    private let number: Int64?

    /// - Parameters:
    ///   - account: The slug of the account, also one that it had.
    ///   - run: Only certificates about this run; nil for all.
    public init(account: String, run: Int64?) {
        self.account = account
        number = run
    }

    /// Extracts in one snapshot; it changes nothing.
    ///
    /// Throws `usage` where nothing is the account's, and `badData` where what is cannot be shown or is not as it was
    /// certified.
    public func run(_ connection: Connection) async throws -> Outcome {
        let found = try await connection.transaction(.snapshot) { session in
            try RetentionSession.prepare(session)
            try RetentionSession.requireTables(session)
            try RetentionSession.requireFaces(session)
            return try find(session)
        }
        guard !found.parts.isEmpty else { throw refusal(found) }
        guard let last = found.faces.last else { throw refusal(found) }
        let first = found.parts.map(\.certificate).min() ?? 0
        let extract = CertificateExtract(
            form: CertificateExtract.form, headSha256: SHA256Digest.hex(last.text),
            faces: found.faces.filter { $0.sequence >= first }.map(\.text), parts: found.parts)
        let document = try CanonicalJSON.encode(extract)
        // Nobody is handed what does not hold.
        let checked = try ExtractCheck(document)
        guard checked.findings.isEmpty else {
            throw DaybookError.badData(
                "The chain of certificates is not as it was certified, so nothing was extracted; see: ",
                .take(.verifyRetention))
        }
        return Outcome(document: document, remarks: found.remarks)
    }

    /// What there is of the account.
    private struct Found {
        var faces: [(sequence: Int64, text: String)] = []
        var parts: [CertificateExtract.Proof] = []
        /// Certificates of before there were parts, that no index divides.
        var undivided: [Int64] = []
        /// Certificates that are older than the account.
        var older: [Int64] = []
        /// Certificates with a part that no chain of faces leads to the head from.
        var cutOff: [Int64] = []

        var remarks: [String] {
            var remarks: [String] = []
            if !undivided.isEmpty {
                remarks.append(
                    Extraction.leftOut(undivided) + "What was issued before certificates had parts cannot be shown "
                        + "without the names of all others; the next certificate that is issued divides it.")
            }
            if !cutOff.isEmpty {
                remarks.append(
                    Extraction.leftOut(cutOff) + "A certificate without parts, which an older program issued, lies "
                        + "between that and the head of the chain.")
            }
            return remarks
        }
    }

    private static func leftOut(_ numbers: [Int64]) -> String {
        "Left out: certificate " + numbers.map(String.init).joined(separator: ", ") + ". "
    }

    private func refusal(_ found: Found) -> DaybookError {
        if !found.remarks.isEmpty { return .badData(found.remarks.joined(separator: " ")) }
        let about = number.map { " about run \($0)" } ?? ""
        if !found.older.isEmpty {
            return .usage(
                "\(account) became an account after everything that was certified\(about): nothing in it is theirs.")
        }
        return .usage("There is no certificate\(about); see: ", .take(.listRecord))
    }

    private func find(_ session: Session) throws -> Found {
        let user = try AccountNames.userID(everCalled: account, session)
        let rows = try session.query(
            "SELECT sequence, face IS NULL AS is_undivided FROM daybook.retention_certificate ORDER BY sequence")
        var found = Found()
        var divided: Set<Int64> = []
        for row in rows {
            let sequence = try row.int("sequence")
            // One at a time: a document names every account and every file of an archive.
            let one = try session.query(
                "SELECT run_id, document, face FROM daybook.retention_certificate WHERE sequence = $1",
                [.int(sequence)])[0]
            guard let face = try one.optionalText("face") else {
                found.faces = []
                found.cutOff += found.parts.map(\.certificate)
                found.parts = []
                if try number == nil || one.int("run_id") == number { found.undivided.append(sequence) }
                continue
            }
            found.faces.append((sequence, face))
            let certificate = try CanonicalJSON.decode(Certificate.self, from: try one.text("document"))
            divided.formUnion((certificate.indexed ?? []).map(\.part.certificate))
            let leaves = try certificate.leaves()
            let tree = MerkleTree(leaves.map(\.digest))
            let own = leaves.filter { leaf in
                leaf.part.map { $0.userId == user && (number == nil || $0.run == number) } ?? false
            }
            for leaf in own {
                guard let path = tree.path(of: leaf.digest) else { continue }
                found.parts.append(
                    CertificateExtract.Proof(
                        certificate: sequence, salt: leaf.salt, part: String(decoding: leaf.text, as: UTF8.self),
                        path: path))
            }
            if try own.isEmpty && (number == nil || one.int("run_id") == number) { found.older.append(sequence) }
        }
        found.undivided.removeAll { divided.contains($0) }
        return found
    }
}
