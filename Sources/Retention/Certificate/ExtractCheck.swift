public import Codecs
public import Documents
internal import Domain
import Formats

/// Checks an extract by itself: without a database, and without the certificates that it was made of.
public struct ExtractCheck: Sendable {
    /// What is wrong, as sentences without their ends; nothing where all of it holds.
    public private(set) var findings: [String] = []
    /// What became of heads that were written down.
    public private(set) var held: [String] = []
    /// The digest of the last certificate in it.
    public let head: String
    /// How many certificates it shows the faces of.
    public var certificates: Int { faces.count }
    /// The keys that signed certificates with parts in it.
    public private(set) var keys: [String] = []
    private let extract: CertificateExtract
    private let faces: [CertificateFace]
    private let digests: [String]
    private var parts: [(face: CertificateFace, part: CertificatePart)] = []

    /// Reads and checks.
    ///
    /// - Parameters:
    ///   - trusted: The keys of which one must have signed every certificate that has a part in it.
    ///   - written: Heads of the chain that were written down elsewhere.
    ///
    /// Throws `badData` for what is no extract at all.
    public init(_ bytes: [UInt8], trusted: [VerifyingKey] = [], written: [WrittenHead] = []) throws {
        let text = String(decoding: bytes, as: UTF8.self)
        // A member twice, another order or a blank more: nothing that a decoder overlooks.
        guard let extract = try? CanonicalJSON.decode(CertificateExtract.self, from: text),
            extract.form == CertificateExtract.form, !extract.faces.isEmpty, !extract.parts.isEmpty,
            try CanonicalJSON.encode(extract) == bytes
        else {
            throw DaybookError.badData(
                "This is no extract of certificates as ",
                .take(.extractCertificates).then(" writes it, or it was altered."))
        }
        self.extract = extract
        digests = extract.faces.map { SHA256Digest.hex($0) }
        head = digests.last ?? ""
        faces = extract.faces.compactMap { Self.canonical(CertificateFace.self, $0) }
        guard faces.count == extract.faces.count else {
            findings.append("a certificate in it cannot be read")
            return
        }
        checkChain()
        for proof in extract.parts { check(proof, trusted) }
        let owners = Set(parts.map(\.part.userId))
        if owners.count > 1 { findings.append("it has parts of more than one account") }
        if Set(parts.map { [$0.face.sequence, $0.part.certificate] }).count != parts.count {
            findings.append("it has a part twice")
        }
        answer(written, isSigned: !trusted.isEmpty)
    }

    private static func canonical<Document: Codable>(_ type: Document.Type, _ text: String) -> Document? {
        guard let document = try? CanonicalJSON.decode(type, from: text),
            let bytes = try? CanonicalJSON.encode(document), bytes == Array(text.utf8)
        else { return nil }
        return document
    }

    private mutating func checkChain() {
        for (index, face) in faces.enumerated() where index > 0 {
            guard face.previousSha256 == digests[index - 1], face.sequence == faces[index - 1].sequence + 1 else {
                findings.append("certificate \(face.sequence) does not follow the one before it")
                continue
            }
        }
        if extract.headSha256 != head { findings.append("its head is not the digest of its last certificate") }
        for face in faces where face.signature != nil {
            if let fault = face.faultOfSignature(trusted: []) {
                findings.append("certificate \(face.sequence): \(fault)")
            }
        }
    }

    private mutating func check(_ proof: CertificateExtract.Proof, _ trusted: [VerifyingKey]) {
        guard let face = faces.first(where: { $0.sequence == proof.certificate }) else {
            return findings.append("it has a part of certificate \(proof.certificate), and not that")
        }
        let name = "its part of certificate \(face.sequence)"
        guard let salt = Hexadecimal.canonicalBytes(proof.salt), salt.count == 16,
            MerkleTree.root(of: MerkleTree.leaf(salt: salt, Array(proof.part.utf8)), proof.path) == face.rootSha256,
            let part = Self.canonical(CertificatePart.self, proof.part)
        else { return findings.append("\(name) is not one that the certificate commits to") }
        let isOwn =
            part.certificate == face.sequence && part.run == face.run && part.kind == face.kind
            && part.asOf == face.asOf
        let isCovered = face.covers.map { $0.contains { $0.certificate == part.certificate } } ?? false
        guard isOwn || isCovered else {
            return findings.append("\(name) is of certificate \(part.certificate), which is another")
        }
        if let fault = face.faultOfSignature(trusted: trusted) {
            findings.append("certificate \(face.sequence): \(fault)")
        } else if let key = face.signature?.publicKey, !keys.contains(key) {
            keys.append(key)
        }
        parts.append((face, part))
    }

    /// Whether the chain still holds what headed it when somebody wrote that down.
    ///
    /// The extract begins in the middle of the chain: what lies before is not in it.
    private mutating func answer(_ written: [WrittenHead], isSigned: Bool) {
        var covered: Int64 = 0
        for head in written {
            guard let place = digests.firstIndex(of: head.digest),
                head.sequence == nil || head.sequence == faces[place].sequence
            else {
                findings.append("no certificate in it is the head \(head.digest)")
                continue
            }
            let sequence = faces[place].sequence
            covered = max(covered, sequence)
            held.append("\(head.digest) is certificate \(sequence); \(faces.count - 1 - place) have followed")
        }
        guard !written.isEmpty, !isSigned else { return }
        for (face, _) in parts where face.sequence > covered {
            findings.append("certificate \(face.sequence) was issued after every head that you gave")
        }
    }

    /// The slugs by which the account was known, the newest last.
    public var accounts: [String] {
        parts.reduce(into: []) { names, part in
            if names.last != part.part.account { names.append(part.part.account) }
        }
    }

    /// What the parts say, line by line.
    public var table: Table {
        Table(
            name: "extract", title: "What the certificates say", note: "",
            columns: [
                Column("certificate", .integer), Column("run", .integer), Column("issued_at", .text),
                Column("what", .text), Column("data_class", .text), Column("rows", .integer), Column("oldest", .text),
                Column("newest", .text), Column("under", .text), Column("archive", .text),
            ],
            rows: parts.flatMap { face, part in Self.rows(face, part) })
    }

    private static func rows(_ face: CertificateFace, _ part: CertificatePart) -> [[Cell]] {
        // An index names its own instant; what it divides was issued before.
        let issuedAt = part.certificate == face.sequence ? face.issuedAt : "before \(face.issuedAt)"
        let archive =
            switch part.kind {
            case .archiveExpiry: "destroyed"
            case .archiveLost: "lost"
            default: part.isArchived ? "until \(part.archiveExpiresAt ?? "")" : "none"
            }
        func row(_ what: String, _ of: [String], rows: Int64? = nil, _ under: String = "") -> [Cell] {
            // No archive has videos.
            let archive = of[0] == DataClass.videoFiles.rawValue ? "none" : archive
            return [.integer(part.certificate), .integer(part.run), .text(issuedAt), .text(what), .text(of[0])]
                + [rows.map(Cell.integer) ?? .empty, .text(of[1]), .text(of[2]), .text(under), .text(archive)]
        }
        let taken = part.taken.map { taken in
            let policy = part.policies.first { $0.dataClass == taken.dataClass }
            return row(
                verb(part.kind, taken.action), [taken.dataClass, taken.oldest, taken.newest], rows: taken.rows,
                policy.map { "\($0.retentionDays) days, before \($0.cutoff)" } ?? "")
        }
        let nothing =
            part.isCovered ? "nothing of the account was taken" : "nothing of the account: it was not about it"
        return (taken.isEmpty ? [row(nothing, ["", "", ""])] : taken)
            + part.held.map { row("kept for a hold", [$0.dataClass, "", ""], rows: $0.rows) }
            + part.remaining.map { row("due and still there", [$0.dataClass, "", ""], rows: $0.rows) }
            + (part.erased.map {
                [row("asked to be erased at once", ["", "", ""], "\($0.reason), asked by \($0.requestedBy)")]
            } ?? [])
            + part.holds.map { hold in
                row("hold in force", ["", "", ""], "\(hold.matter), asked by \(hold.requestedBy) at \(hold.placedAt)")
            }
    }

    private static func verb(_ kind: CertificateKind, _ action: String) -> String {
        switch kind {
        case .archiveExpiry: "its archive was destroyed"
        case .archiveLost: "its archive is lost"
        case .restore: "was put back"
        case .look: "its archive was looked into"
        case .lookDropped: "a look into its archive was ended"
        case .purge, .erasure, .carry, .index, .unknown:
            DataClass.Action(rawValue: action).map(past) ?? "was replaced by balances"
        }
    }

    private static func past(_ action: DataClass.Action) -> String {
        switch action {
        case .delete: "was deleted"
        case .redact: "was redacted"
        case .fold: "was folded"
        }
    }
}
