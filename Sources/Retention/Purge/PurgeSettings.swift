public import Codecs
public import Domain
public import Reporting

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

    public init(
        asOf: CalendarDate? = nil, account: String? = nil, erasure: ErasureRequest? = nil, archive: ArchivePlace?,
        certificates: String, mode: OutputMode = .ownerOnly, templates: TemplateSet, signingKey: SigningKey? = nil,
        forced: Set<PurgeGuard.Danger> = [], expectedRows: Int64? = nil, pauses: PurgePauses = PurgePauses(),
        programVersion: String, host: String, hostClock: @escaping @Sendable () -> Instant
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
    }
}
