internal import Codecs
internal import Domain
import Formats
internal import Postgres

/// What a certificate says of one account, and of nobody else.
struct CertificatePart: Codable, Sendable, Hashable {
    /// The slug by which the run knew the account.
    let account: String
    let userId: String
    /// The certificate that it is a part of.
    let certificate: Int64
    let kind: CertificateKind
    let run: Int64
    let asOf: String
    /// False where the run was limited to others, or is older than the account: then nothing of it was taken.
    let isCovered: Bool
    let policies: [Certificate.Policy]
    let taken: [Certificate.Taken]
    let held: [Certificate.Kept]
    let holds: [Certificate.Hold]
    let remaining: [Certificate.Kept]
    /// What of it was asked to be erased at once; nil in every other part.
    let erased: Certificate.Erased?
    /// Whether what was taken is in an archive, and until when.
    let isArchived: Bool
    let archiveExpiresAt: String?

    /// - Parameter holds: Those of the account, and of its batches and videos.
    init(_ certificate: Certificate, of account: Certificate.Account, holds: [Certificate.Hold]) {
        // A slug of today may have been another's when the run began: without a cutoff nothing is the account's.
        func own<Row>(_ rows: [Row], _ slug: (Row) -> String) -> [Row] {
            account.isCovered ? rows.filter { slug($0) == account.account } : []
        }
        self.account = account.account
        userId = account.userId
        self.certificate = certificate.sequence
        kind = certificate.kind
        run = certificate.run
        asOf = certificate.asOf
        isCovered = account.isCovered
        policies = own(certificate.policies, \.account)
        taken = own(certificate.taken, \.account)
        held = own(certificate.held, \.account)
        self.holds = holds
        remaining = own(certificate.remaining, \.account)
        erased = account.isCovered ? certificate.erased : nil
        isArchived = certificate.archive != nil
        archiveExpiresAt = certificate.archive?.expiresAt
    }
}

extension Certificate {
    /// An account that has a part of its own, and what keeps others from guessing it.
    struct Account: Codable, Sendable, Hashable {
        let account: String
        let userId: String
        /// True if the run had a cutoff for it.
        let isCovered: Bool
        /// 32 hexadecimal digits, known to whoever has the certificate and to whom it was shown.
        let salt: String
    }

    /// What keeps the parts apart.
    struct Divided: Codable, Sendable, Hashable {
        let rootSha256: String
        /// The salt of the leaf that stands for the whole certificate.
        let salt: String
        let accounts: [Account]
    }

    /// A part of an earlier certificate that had none.
    struct Indexed: Codable, Sendable, Hashable {
        let certificateSha256: String
        let salt: String
        let part: CertificatePart
    }

    /// A leaf of the tree: the whole certificate, or a part.
    struct Leaf {
        let part: CertificatePart?
        let salt: String
        let text: [UInt8]
        let digest: [UInt8]

        init(_ part: CertificatePart?, salt: String, _ text: [UInt8]) {
            self.part = part
            self.salt = salt
            self.text = text
            digest = MerkleTree.leaf(salt: Hexadecimal.canonicalBytes(salt) ?? [], text)
        }
    }

    /// 128 bits of the system's random generator.
    static func newSalt() -> String {
        var generator = SystemRandomNumberGenerator()
        return Hexadecimal.text((0..<16).map { _ in UInt8.random(in: 0...255, using: &generator) })
    }

    /// The same certificate with a part for each account, not signed yet.
    func divided(among accounts: [Account]) throws -> Certificate {
        var divided = self
        divided.divided = Divided(rootSha256: "", salt: Self.newSalt(), accounts: accounts)
        return try divided.redivided()
    }

    /// The same with the root that its parts and salts have.
    func redivided() throws -> Certificate {
        var copy = self
        guard let divided else { return self }
        copy.divided = Divided(
            rootSha256: MerkleTree(try leaves().map(\.digest)).root, salt: divided.salt, accounts: divided.accounts)
        return copy
    }

    /// The leaves of its tree: the whole of it without what divides and signs it, then part by part. None without
    /// parts.
    func leaves() throws -> [Leaf] {
        guard let divided else { return [] }
        var whole = self
        whole.divided = nil
        whole.signature = nil
        let parts =
            divided.accounts.map { account in
                let part = CertificatePart(self, of: account, holds: holds.filter { $0.userId == account.userId })
                return (part: part, salt: account.salt)
            } + (indexed ?? []).map { (part: $0.part, salt: $0.salt) }
        return [Leaf(nil, salt: divided.salt, try CanonicalJSON.encode(whole))]
            + (try parts.map { Leaf($0.part, salt: $0.salt, try CanonicalJSON.encode($0.part)) })
    }
}

/// The parts of certificates that were issued before there were any: the next certificate of kind `index` commits to
/// them.
///
/// Such a certificate keeps its bytes, and its digest covers it as a whole: it cannot be shown without every name in
/// it. What an index adds is the issuer's word for what it says of whom, given when the index was issued.
struct CertificateIndex {
    let parts: [Certificate.Indexed]

    /// Those that no index has yet, in the session's transaction.
    init(_ session: Session) throws {
        let rows = try session.query(
            """
            SELECT c.sequence, c.run_id, c.document, c.sha256 FROM daybook.retention_certificate AS c
            WHERE c.face IS NULL AND c.sequence > coalesce((
                SELECT max(i.sequence) FROM daybook.retention_certificate AS i WHERE i.kind = 'index'), 0)
            ORDER BY c.sequence
            """)
        var parts: [Certificate.Indexed] = []
        let owners = rows.isEmpty ? [:] : try HoldInForce.owners(session)
        for row in rows {
            let certificate = try CanonicalJSON.decode(Certificate.self, from: try row.text("document"))
            for account in try CertificateReader(run: try row.int("run_id"), session: session).accounts() {
                let holds = certificate.holds.filter { hold in
                    hold.scope == "account"
                        ? account.account == hold.reference || account.userId == hold.reference
                        : owners[hold.scope + " " + hold.reference] == account.userId
                }
                parts.append(
                    Certificate.Indexed(
                        certificateSha256: try row.text("sha256"), salt: account.salt,
                        part: CertificatePart(certificate, of: account, holds: holds)))
            }
        }
        self.parts = parts
    }

    /// What an index says of an earlier certificate that this does not say; nil where they agree.
    ///
    /// - Parameters:
    ///   - earlier: The certificates without parts, by their numbers, with what headed the chain with them.
    static func fault(_ index: Certificate, earlier: [Int64: (certificate: Certificate, sha256: String)]) -> String? {
        for indexed in index.indexed ?? [] {
            let part = indexed.part
            guard let of = earlier[part.certificate], of.sha256 == indexed.certificateSha256 else {
                return "it divides certificate \(part.certificate), which is another"
            }
            let account = Certificate.Account(
                account: part.account, userId: part.userId, isCovered: part.isCovered, salt: indexed.salt)
            let holds = part.holds.filter { of.certificate.holds.contains($0) }
            guard CertificatePart(of.certificate, of: account, holds: holds) == part else {
                return "what it says of certificate \(part.certificate) is not what that says"
            }
        }
        return nil
    }
}
