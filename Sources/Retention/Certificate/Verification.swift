public import Codecs
public import Documents
public import Domain
import Formats
internal import Foundation
public import Postgres
internal import Schema

/// Walks the chain of certificates, recomputes every digest, and asks the database again.
public struct Verification: Sendable {
    /// One thing that is not as it was certified.
    public struct Finding: Sendable, Hashable {
        /// What it is about: a certificate, a file, a run.
        public let subject: String
        public let what: Remark

        init(subject: String, what: String, _ advice: Advice? = nil) {
            self.subject = subject
            self.what = Remark(what, advice)
        }
    }

    /// What was looked at.
    public struct Outcome: Sendable {
        public var certificates: Int64 = 0
        public var archivedFiles: Int64 = 0
        /// The digest that heads the chain; compare it with one that was written down elsewhere.
        public var head = Certificate.genesis
        /// The date of the newest purge of everybody, as of which nothing due may be left; nil before the first.
        public var asOf: CalendarDate?
        public var findings: [Finding] = []
        /// How many certificates each key has signed, by its hexadecimal digits.
        public var signed: [String: Int64] = [:]
        /// What became of heads that were written down, where everything up to them is there.
        public var held: [String] = []
        /// What headed the chain, one after the other.
        var digests: [String] = []
    }

    private let files: CertificateFiles
    private let trusted: [VerifyingKey]
    private let written: [WrittenHead]
    private let programVersion: String

    /// - Parameters:
    ///   - templates: How the printable pages look.
    ///   - trusted: The keys of which one must have signed every certificate; none takes unsigned ones.
    ///   - written: Heads of the chain that were written down elsewhere.
    ///   - programVersion: The version that renders them now.
    public init(
        templates: TemplateSet, trusted: [VerifyingKey] = [], written: [WrittenHead] = [], programVersion: String
    ) {
        files = CertificateFiles(templates)
        self.trusted = trusted
        self.written = written
        self.programVersion = programVersion
    }

    /// Verifies in one snapshot; it changes nothing. What a purge or an expiry did meanwhile is no finding.
    public func run(_ connection: Connection) async throws -> Outcome {
        let (seen, suspected) = try await connection.transaction(.snapshot) { session in
            try LedgerLock.share(session)
            try RetentionSession.prepare(session)
            try RetentionSession.requireTables(session)
            try RetentionSession.requireFaces(session)
            var outcome = Outcome()
            try chain(&outcome, session)
            answerWritten(&outcome)
            let suspected = try runs(&outcome, session)
            let residue = try Residue(session)
            outcome.asOf = residue.asOf
            outcome.findings += residue.findings
            outcome.findings += try OwedRows.findings(session)
            return (outcome, suspected)
        }
        var outcome = seen
        if !suspected.isEmpty {
            outcome.findings += try await connection.transaction { session in
                try RetentionSession.prepare(session)
                return try suspected.filter { try $0.isStill(session) }.map(\.finding)
            }
        }
        return outcome
    }

    /// What would be a finding if its run were still in the state in which the snapshot has it.
    private struct Suspicion: Sendable {
        let run: Int64
        let state: String
        let finding: Finding

        func isStill(_ session: Session) throws -> Bool {
            let rows = try session.query(
                """
                SELECT state = 'running' AS is_open, state || ' ' || archive_state AS state,
                    pg_is_in_recovery() AS is_replica
                FROM daybook.purge_run WHERE run_id = $1
                """, [.int(run)])
            guard let row = rows.first, try row.text("state") == state else { return false }
            // Whether an open run is under way only its lock says, and a replica does not show that.
            return try !row.bool("is_open") || (!row.bool("is_replica") && PurgeLock.holder(session) == nil)
        }
    }

    private func chain(_ outcome: inout Outcome, _ session: Session) throws {
        let sequences = try session.query("SELECT sequence FROM daybook.retention_certificate ORDER BY sequence")
        var (carried, looks): ([Certificate], [Certificate]) = ([], [])
        var undivided: [Int64: (certificate: Certificate, sha256: String)] = [:]
        for sequence in try sequences.map({ try $0.int("sequence") }) {
            let row = try session.query(
                """
                SELECT kind, run_id, document, face, sha256, previous_sha256, folder
                FROM daybook.retention_certificate WHERE sequence = $1
                """, [.int(sequence)])[0]
            let subject = "certificate \(sequence)"
            func find(_ what: String) { outcome.findings.append(Finding(subject: subject, what: what)) }
            if sequence != outcome.certificates + 1 { find("the one before it is missing from the chain") }
            outcome.certificates = sequence
            let (document, digest) = (try row.text("document"), try row.text("sha256"))
            let certificate = try? CanonicalJSON.decode(Certificate.self, from: document)
            let face = try row.optionalText("face")
            let isWhole =
                certificate?.isWhole(document, face: face, sha256: digest) ?? (SHA256Digest.hex(document) == digest)
            if !isWhole { find("its document in the database was altered") }
            if try row.text("previous_sha256") != outcome.head { find("it does not follow the one before it") }
            outcome.head = digest
            outcome.digests.append(digest)
            if let certificate {
                if certificate.divided == nil { undivided[sequence] = (certificate, digest) }
                if let fault = CertificateIndex.fault(certificate, earlier: undivided) { find(fault) }
                let isSame =
                    try certificate.sequence == sequence && certificate.run == row.int("run_id")
                    && certificate.kind.rawValue == row.text("kind")
                    && certificate.previousSha256 == row.text("previous_sha256")
                if !isSame { find("its document is not the one of its place in the chain") }
                if let fault = certificate.faultOfSignature(document, trusted: trusted) {
                    find(fault)
                } else if let signature = certificate.signature {
                    outcome.signed[signature.publicKey, default: 0] += 1
                }
                if certificate.kind.endsRun { try compare(certificate, find, session) }
                if certificate.carried != nil { carried.append(certificate) }
                if certificate.look != nil { looks.append(certificate) }
            } else {
                find("its document cannot be read")
            }
            let folder = try row.text("folder")
            compare(CertificateFiles.path(folder, sequence, "json"), Array(document.utf8), by: nil, find)
            // What cannot be read, and was found so above, has no page to compare with.
            guard let certificate else { continue }
            compare(
                CertificateFiles.path(folder, sequence, "html"), Array(try files.page(document, digest).utf8),
                by: certificate.programVersion, find)
        }
        outcome.findings += try CarriedEvidence.verify(carried, session) + LookEvidence.verify(looks, session)
    }

    /// Whether the chain still holds what headed it when somebody wrote that down.
    private func answerWritten(_ outcome: inout Outcome) {
        for head in written {
            switch head.answer(outcome.digests, { "certificate \($0)" }) {
            case .holds(let place, let followed):
                outcome.held.append("\(head.digest) is certificate \(place); \(followed) have followed")
            case .lost(let what): outcome.findings.append(Finding(subject: "the chain", what: what))
            }
        }
    }

    /// A file of a certificate against the bytes that it must have; a page also names the version that made it.
    private func compare(_ path: String, _ bytes: [UInt8], by version: String?, _ find: (String) -> Void) {
        guard let file = FileManager.default.contents(atPath: path) else {
            find("its file \(path) is missing")
            return
        }
        guard Array(file) != bytes else { return }
        if let version, version != programVersion {
            find("its page \(path) was made by another version, \(version), and is not what this one makes of it")
        } else {
            find("its file \(path) was altered")
        }
    }

    /// A purge's certificate against what its transactions recorded.
    private func compare(_ certificate: Certificate, _ find: (String) -> Void, _ session: Session) throws {
        let reader = CertificateReader(run: certificate.run, session: session)
        // Certificates of earlier versions list the same in the order of the bytes.
        let taken = try reader.taken().inNaturalOrder(of: \.account)
        let isSame =
            taken.count == certificate.taken.count
            && zip(taken, certificate.taken.inNaturalOrder(of: \.account)).allSatisfy {
                $0.account == $1.account && $0.dataClass == $1.dataClass && $0.rows == $1.rows && $0.oldest == $1.oldest
                    && $0.newest == $1.newest && $0.missingVideos == $1.missingVideos && $0.videoBytes == $1.videoBytes
            }
        if !isSame { find("what it says was taken is not what was recorded") }
        let segments = try ArchiveManifest.segments(certificate.run, session).map {
            "\($0.fileName) \($0.sha256) \($0.rows)"
        }
        let certified = (certificate.archive?.segments ?? []).map { "\($0.fileName) \($0.sha256) \($0.rows)" }
        if certificate.archive != nil, segments != certified { find("its archive is not the one that was recorded") }
        if try reader.policies() != certificate.policies.inNaturalOrder(of: \.account) {
            find("its policies and cutoffs are not those that were recorded")
        }
        let asked = try Certificate.Erased(run: certificate.run, owed: [], session)
        let isAsked = asked.map { certificate.erased?.isSameRequest(as: $0) ?? false } ?? (certificate.erased == nil)
        if !isAsked { find("what it says was asked to be erased is not what was recorded") }
        try compareRun(certificate, find, session)
    }

    /// A certificate against the run that it is about, and the run's plan against its digest.
    private func compareRun(_ certificate: Certificate, _ find: (String) -> Void, _ session: Session) throws {
        let rows = try session.query(
            """
            SELECT as_of, account, started_at, plan, plan_sha256, policy_sha256, hold_sha256, manifest_sha256
            FROM daybook.purge_run WHERE run_id = $1
            """, [.int(certificate.run)])
        guard let row = rows.first else { return find("its run is not recorded") }
        let plan = try row.text("plan_sha256")
        if try SHA256Digest.hex(row.text("plan")) != plan { find("the plan that was recorded was altered") }
        let isSame =
            try row.date("as_of").description == certificate.asOf && row.text("account") == certificate.limitedTo
            && row.instant("started_at").description == certificate.startedAt && plan == certificate.planSha256
            && row.text("policy_sha256") == certificate.policySha256
            && row.text("hold_sha256") == certificate.holdSha256
            && row.optionalText("manifest_sha256") == certificate.archive?.manifestSha256
        if !isSame { find("its run is not the one that was recorded") }
    }

    /// Looks at every run and its archive, and gives what is wrong unless it changed since the snapshot.
    private func runs(_ outcome: inout Outcome, _ session: Session) throws -> [Suspicion] {
        let rows = try session.query(
            """
            SELECT r.run_id, r.state, r.archive_state, r.archive_folder, r.manifest_sha256,
                array(
                    SELECT c.kind FROM daybook.retention_certificate AS c WHERE c.run_id = r.run_id
                ) AS kinds
            FROM daybook.purge_run AS r ORDER BY r.run_id
            """)
        var suspected: [Suspicion] = []
        for row in rows {
            let run = try row.int("run_id")
            let (state, archive) = (try row.text("state"), try row.text("archive_state"))
            let kinds = Set(try row.texts("kinds").map { CertificateKind(rawValue: $0) })
            func suspect(_ subject: String, _ what: String, _ advice: Advice? = nil) {
                let finding = Finding(subject: subject, what: what, advice)
                suspected.append(Suspicion(run: run, state: state + " " + archive, finding: finding))
            }
            let isFinished = state == RunState.finished.rawValue
            if isFinished, !kinds.contains(where: \.endsRun) {
                outcome.findings.append(Finding(subject: "purge \(run)", what: "its certificate is missing"))
            }
            if state == RunState.running.rawValue {
                suspect(
                    "purge \(run)",
                    "it was interrupted, and nothing certifies what it did; end it with: ", .take(.resumePurge))
            }
            switch ArchiveState(rawValue: archive) {
            case .kept:
                guard let folder = try row.optionalText("archive_folder") else { continue }
                let path = ArchiveFolder(path: ArchiveFolder.path(in: folder, run: run))
                var digests: [(path: String, sha256: String)] = []
                if isFinished, let digest = try row.optionalText("manifest_sha256") {
                    digests.append((path.manifest, digest))
                }
                digests += try ArchiveManifest.segments(run, session).map { (path.file($0.fileName), $0.sha256) }
                for (path, digest) in digests {
                    outcome.archivedFiles += 1
                    if let what = check(path, digest) { suspect(path, what) }
                }
            case .expiring:
                suspect(
                    "the archive of purge \(run)",
                    "its destruction was begun, and nothing certifies it; end it with: ", .take(.expireArchives))
            case .destroyed where !kinds.contains(.archiveExpiry), .lost where !kinds.contains(.archiveLost):
                let what = "it is recorded as \(archive), and no certificate says so"
                outcome.findings.append(Finding(subject: "the archive of purge \(run)", what: what))
            case .destroyed, .lost:
                if let finding = try stillThere(run, row, certifiedAs: archive) { outcome.findings.append(finding) }
            case .some(.none), nil: break
            }
        }
        return suspected
    }

    /// An archive that is certified as gone and lies where it was; nil where it does not.
    private func stillThere(_ run: Int64, _ row: Row, certifiedAs state: String) throws -> Finding? {
        guard let folder = try row.optionalText("archive_folder"),
            let digest = try row.optionalText("manifest_sha256")
        else { return nil }
        let manifest = ArchiveFolder(path: ArchiveFolder.path(in: folder, run: run)).manifest
        guard SegmentReader(path: manifest, key: nil).sha256 == digest else { return nil }
        return Finding(subject: manifest, what: "the archive is certified as \(state), and it is there")
    }

    /// What is wrong with a file, nil if it is the one that was recorded.
    private func check(_ path: String, _ digest: String) -> String? {
        guard let found = SegmentReader(path: path, key: nil).sha256 else { return "the file is missing" }
        return found == digest ? nil : "the file was altered"
    }
}
