// Over 300 lines: every member of the document stands here, of the whole and of the parts that are cut out of it.
internal import Codecs
import Documents
internal import Domain
import Formats
internal import Postgres

/// What a certificate says, as its JSON document.
struct Certificate: Codable, Sendable {
    struct Policy: Codable, Sendable, Hashable {
        let account: String
        let dataClass: String
        let retentionDays: Int64
        let timeZone: String
        let cutoff: String
    }

    struct Taken: Codable, Sendable, Hashable {
        let account: String
        let dataClass: String
        let action: String
        let rows: Int64
        let oldest: String
        let newest: String
        /// Of videos that are gone, how many were not there when the purge came; nil for every other class.
        var missingVideos: Int64?
        /// The bytes of those that were.
        var videoBytes: Int64?

        /// True for what is in no archive, and what nothing brings back.
        var isOfVideos: Bool { dataClass == DataClass.videoFiles.rawValue }
    }

    struct Kept: Codable, Sendable, Hashable {
        let account: String
        let dataClass: String
        let rows: Int64
    }

    struct Hold: Codable, Sendable, Hashable {
        let scope: HoldScope
        let reference: String
        let matter: String
        let requestedBy: String
        let placedAt: String
        /// Whose data it covers; nil where nobody knows, and in certificates without parts.
        let userId: String?
    }

    struct Archive: Codable, Sendable {
        let folder: String
        let cipher: String?
        let expiresAt: String?
        let manifestSha256: String
        let segments: [Segment]
    }

    struct Segment: Codable, Sendable {
        let fileName: String
        let dataClass: String
        let rows: Int64
        let sha256: String
    }

    /// Rows that were redacted and are in their table no more: they could not be filled again.
    struct NotRestored: Codable, Sendable {
        let dataClass: String
        let rows: Int64
    }

    /// A table of a look into an archive.
    struct LookTable: Codable, Sendable, Hashable {
        let table: String
        let dataClass: String
        let rows: Int64
    }

    /// A look into an archive, or the end of one.
    struct Look: Codable, Sendable, Hashable {
        let lookId: Int64
        let reason: String
        /// The first instant after its last day.
        let until: String
        let lookedBy: String
        let lookedAt: String
        let tables: [LookTable]
        /// Nil while it lasts.
        var droppedBy: String?
        var droppedAt: String?
    }

    /// A month of the ledger whose rows were replaced by balances.
    struct CarriedMonth: Codable, Sendable {
        let month: String
        let rows: Int64
        let heldRows: Int64
        let openRows: Int64
        let balances: Int64
        let credits: Int64
        /// SHA-256 of the balances as they are in the ledger; each names the SHA-256 of the rows it stands for.
        let balancesSha256: String
    }

    struct Carried: Codable, Sendable {
        let cutoff: String
        let years: Int64
        let months: [CarriedMonth]
        let costsSha256: String
        let batchesSha256: String
    }

    /// What was asked to be erased at once, and what is left of it.
    struct Erased: Codable, Sendable, Hashable {
        struct Owed: Codable, Sendable, Hashable {
            let dataClass: String
            let reason: String
            let rows: Int64
        }

        /// An account or a video.
        let scope: HoldScope
        let reference: String
        let reason: String
        let requestedBy: String
        /// What began before it was to go.
        let before: String
        /// Rows that something keeps.
        let owed: [Owed]
    }

    let kind: CertificateKind
    let sequence: Int64
    /// SHA-256 of the certificate before it; 64 zeros before the first.
    let previousSha256: String
    let issuedAt: String
    let issuedBy: String
    let programVersion: String
    let host: String
    let run: Int64
    let asOf: String
    /// The account that the purge was limited to; empty for everybody.
    let limitedTo: String
    let startedAt: String
    let startedBy: String
    /// The refusals that were overruled by name.
    let forced: [String]
    let planSha256: String
    let policySha256: String
    let holdSha256: String
    let policies: [Policy]
    let taken: [Taken]
    let droppedPartitions: [String]
    /// Rows that would have gone but for a hold, at the end of the run.
    let held: [Kept]
    let holds: [Hold]
    /// Rows that were due and are still there.
    let remaining: [Kept]
    let archive: Archive?
    /// What a run of the financial retention did; nil in every other certificate.
    let carried: Carried?
    /// What a restore could not put back; nil where it put back everything, and in every other certificate.
    let notRestored: [NotRestored]?
    /// The look that began or ended; nil in every other certificate.
    let look: Look?
    /// What an erasure was about; nil in every other certificate.
    let erased: Erased?
    /// Nil where no key was given.
    var signature: DocumentSignature?
    /// What keeps the parts apart; nil in certificates of before there were parts.
    var divided: Divided?
    /// The parts of earlier certificates that had none; nil in every certificate but one of kind `index`.
    var indexed: [Indexed]?

    var rows: Int64 { taken.reduce(0) { $0 + $1.rows } }

    static let genesis = ChainHead.none
}

extension Certificate.Erased {
    /// What a run erased as it was recorded; nil for a purge.
    init?(run: Int64, owed: [OwedRows], _ session: Session) throws {
        guard let erasure = try Erasure.of(run: run, session) else { return nil }
        self.init(
            scope: erasure.scope, reference: erasure.reference, reason: erasure.reason,
            requestedBy: erasure.requestedBy, before: erasure.before.description,
            owed: owed.map { Owed(dataClass: $0.dataClass.rawValue, reason: $0.reason.rawValue, rows: $0.rows) })
    }

    /// True if it is about the same as another, whatever is left of either.
    func isSameRequest(as other: Self) -> Bool {
        (scope, reference, reason, requestedBy, before)
            == (other.scope, other.reference, other.reason, other.requestedBy, other.before)
    }
}

/// What a certificate is about.
///
/// A later program may know more kinds than this: what they say stays readable, to the byte.
enum CertificateKind: RawRepresentable, Codable, Sendable, Hashable {
    case purge, erasure, carry
    case archiveExpiry, archiveLost, restore
    case look, lookDropped
    /// Gives parts to earlier certificates, which had none.
    case index
    case unknown(String)

    static let known: [Self] = [
        .purge, .erasure, .carry, .archiveExpiry, .archiveLost, .restore, .look, .lookDropped, .index,
    ]

    init(rawValue: String) {
        self = Self.known.first { $0.rawValue == rawValue } ?? .unknown(rawValue)
    }

    var rawValue: String {
        switch self {
        case .purge: "purge"
        case .erasure: "erasure"
        case .carry: "carry"
        case .archiveExpiry: "archive_expiry"
        case .archiveLost: "archive_lost"
        case .restore: "restore"
        case .look: "look"
        case .lookDropped: "look_dropped"
        case .index: "index"
        case .unknown(let name): name
        }
    }

    /// True for what a run ends in: its rows are gone.
    var endsRun: Bool {
        switch self {
        case .purge, .erasure, .carry: true
        default: false
        }
    }
}

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

    /// A leaf of the tree: the whole certificate, or a part. SHA-256 of its text and its salt goes into the root, so
    /// that a part can be shown with the way to the root, and nothing of the others.
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
