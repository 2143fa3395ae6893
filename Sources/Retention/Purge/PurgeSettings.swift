public import Codecs
public import Documents
public import Domain
import Formats
internal import Foundation
public import Postgres

/// What a purge is told.
public struct PurgeSettings: Sendable {
    /// Nil for today.
    public var asOf: CalendarDate?
    public var account: String?
    /// What is to go at once, whatever the policies say; nil for what is due by them.
    public var erasure: ErasureRequest?
    /// Nil deletes without an archive.
    public var archive: ArchivePlace?
    /// The folder that certificates are written to.
    public var certificates: String
    /// Who may read the certificates; an archive is its owner's alone.
    public var mode: OutputMode
    public var templates: TemplateSet
    /// Signs the certificate; nil leaves it unsigned.
    public var signingKey: SigningKey?
    public var forced: Set<PurgeGuard.Danger>
    /// The plan's number of due rows, said out loud.
    public var expectedRows: Int64?
    public var pauses: PurgePauses
    public var programVersion: String
    /// The name of this machine.
    public var host: String
    /// The host's clock.
    public var hostClock: @Sendable () -> Instant
    /// Opens the store of the database's videos; nil where none was named.
    public var openVideos: @Sendable (DirectConnection) async throws -> (any VideoRemoval)?

    public init(
        asOf: CalendarDate? = nil, account: String? = nil, erasure: ErasureRequest? = nil, archive: ArchivePlace?,
        certificates: String, mode: OutputMode = .ownerOnly, templates: TemplateSet, signingKey: SigningKey? = nil,
        forced: Set<PurgeGuard.Danger> = [], expectedRows: Int64? = nil, pauses: PurgePauses = PurgePauses(),
        programVersion: String, host: String, hostClock: @escaping @Sendable () -> Instant,
        openVideos: @escaping @Sendable (DirectConnection) async throws -> (any VideoRemoval)? = { _ in nil }
    ) {
        self.asOf = asOf
        self.account = account
        self.erasure = erasure
        self.archive = archive
        self.certificates = certificates
        self.mode = mode
        self.templates = templates
        self.signingKey = signingKey
        self.forced = forced
        self.expectedRows = expectedRows
        self.pauses = pauses
        self.programVersion = programVersion
        self.host = host
        self.hostClock = hostClock
        self.openVideos = openVideos
    }

    /// Who issues the certificates of the run.
    var issuer: CertificateIssuer {
        CertificateIssuer(
            folder: certificates, key: signingKey, files: CertificateFiles(templates, mode: mode),
            programVersion: programVersion, host: host)
    }
}

/// Where archives are kept, and with which key.
public struct ArchivePlace: Sendable {
    /// The folder that holds one folder per run.
    public let folder: String
    /// A key of 32 bytes; nil leaves the files unencrypted.
    let key: [UInt8]?
    /// Days after which the archive of a run is destroyed.
    public let days: Int64

    /// - Parameter keyFile: A file with 32 bytes, or with 64 hexadecimal digits.
    public init(folder: String, keyFile: String? = nil, days: Int64 = Limits.archiveDays) throws(DaybookError) {
        self.folder = folder
        self.days = days
        key = try keyFile.map { path throws(DaybookError) in try Self.key(path) }
    }

    /// The name of the cipher, nil without one.
    var cipher: String? { key == nil ? nil : "AES-256-GCM" }

    static func key(_ path: String) throws(DaybookError) -> [UInt8] {
        let data = try KeyFile.secret(path)
        if data.count == AuthenticatedCipher.keyLength { return data }
        let digits = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        guard let bytes = Hexadecimal.bytes(digits), bytes.count == AuthenticatedCipher.keyLength else {
            throw .configuration(
                "The key file \(path) holds no key: it needs 32 bytes, or 64 hexadecimal digits "
                    + "(umask 077; openssl rand -hex 32 > \(path)).")
        }
        return bytes
    }
}

/// When a purge steps aside for others, and for how long.
public struct PurgePauses: Sendable, Hashable {
    /// Seconds of a replica's replay lag that are too many.
    public var lagSeconds: Int64
    /// Seconds that somebody's transaction may be open.
    public var transactionSeconds: Int64
    /// Seconds of waiting in a row after which the purge stops, to be resumed.
    public var mostSeconds: Int64
    /// True lets the purge rest in the middle of its statements while others are at work.
    public var rests: Bool

    public init(
        lagSeconds: Int64 = Limits.purgeLagSeconds, transactionSeconds: Int64 = Limits.purgeSnapshotSeconds,
        mostSeconds: Int64 = Limits.purgePauseSeconds, rests: Bool = true
    ) {
        self.lagSeconds = lagSeconds
        self.transactionSeconds = transactionSeconds
        self.mostSeconds = mostSeconds
        self.rests = rests
    }
}

/// What a running purge tells.
public enum PurgeProgress: Sendable {
    /// A table's walk: pages done of all, rows taken so far in the run and rows that the plan had.
    case sweeping(relation: String, donePages: Int64, pages: Int64, takenRows: Int64, plannedRows: Int64)
    /// It waits, and why.
    case pausing(String)
    /// A step in words.
    case step(String)
}
