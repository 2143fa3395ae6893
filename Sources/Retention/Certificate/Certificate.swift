internal import Codecs
import Documents
internal import Domain
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
    }

    struct Kept: Codable, Sendable, Hashable {
        let account: String
        let dataClass: String
        let rows: Int64
    }

    struct Hold: Codable, Sendable, Hashable {
        let scope: String
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

        let scope: String
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
