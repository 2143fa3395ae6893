// Over 300 lines: the two files of a certificate, and every table of its page.
internal import Codecs
import Documents
internal import Domain
import Formats
internal import Foundation
internal import Postgres

/// The files of certificates in their folders: each as the JSON document itself and as a page to print.
struct CertificateFiles: Sendable {
    private let templates: TemplateSet
    /// Who may read the files.
    private let mode: OutputMode

    init(_ templates: TemplateSet, mode: OutputMode = .ownerOnly) {
        self.templates = templates
        self.mode = mode
    }

    static func path(_ folder: String, _ sequence: Int64, _ ending: String) -> String {
        "\(folder)/certificate-\(ArchiveFolder.padded(sequence, 6)).\(ending)"
    }

    /// Writes the certificates whose files are not there, because a run was killed before it could, and gives the
    /// paths. What is there is never replaced: a file that was altered must stay to be found.
    ///
    /// - Parameter tell: Told of a folder that cannot be written: an old certificate's keeps nothing from going on.
    func publishMissing(_ session: Session, tell: (String) -> Void) throws -> [String] {
        let rows = try session.query("SELECT sequence, folder FROM daybook.retention_certificate ORDER BY sequence")
        var files: [String] = []
        for row in rows {
            let (sequence, folder) = (try row.int("sequence"), try row.text("folder"))
            let missing = ["html", "json"].filter {
                !FileManager.default.fileExists(atPath: Self.path(folder, sequence, $0))
            }
            guard !missing.isEmpty else { continue }
            // One at a time: a document names every account and every file of an archive.
            let document = try session.query(
                "SELECT document, sha256 FROM daybook.retention_certificate WHERE sequence = $1", [.int(sequence)])[0]
            do {
                files += try publish(
                    missing, sequence, try document.text("document"), sha256: try document.text("sha256"),
                    folder: folder)
            } catch let error as DaybookError where error.kind == .output {
                tell("certificate \(sequence) is not in its folder: \(error.sentence)")
            }
        }
        return files
    }

    private func publish(
        _ missing: [String], _ sequence: Int64, _ document: String, sha256: String, folder: String
    ) throws -> [String] {
        try Self.make(folder, mode)
        return try missing.map { ending in
            let path = Self.path(folder, sequence, ending)
            let text = ending == "html" ? try page(document, sha256) : document
            try ArchiveFolder.write(Array(text.utf8), to: path, mode: mode)
            return path
        }
    }

    fileprivate static func make(_ folder: String, _ mode: OutputMode) throws {
        do {
            _ = try Folder(making: folder, mode: mode)
        } catch {
            throw DaybookError.output("The folder of certificates \(folder) cannot be made.")
        }
        guard access(folder, W_OK | X_OK) == 0 else {
            throw DaybookError.output("The folder of certificates \(folder) cannot be written.")
        }
    }

    /// The page of a certificate.
    func page(_ document: String, _ sha256: String) throws -> String {
        let certificate = try CanonicalJSON.decode(Certificate.self, from: document)
        return try templates.render(CertificatePage(certificate, sha256: sha256), template: "certificate")
    }
}

extension CertificateIssuer {
    /// Throws `output` where the next certificate of the chain could not be written, or would meet a file of its name:
    /// nothing may happen of which the certificate could not be laid down.
    ///
    /// - Parameters:
    ///   - otherwise: What became of the call, and how to name another folder.
    ///   - ending: The end of that sentence.
    func requirePlace(
        otherwise: String = "Nothing was done; name another folder with ", ending: String = ".", _ session: Session
    ) throws {
        let there = Advice.choose(.certificateFolder).then(ending)
        try RetentionSession.requireCertifying(session)
        do {
            try CertificateFiles.make(folder, .ownerOnly)
        } catch let error as DaybookError {
            throw DaybookError.output(error.sentence + " " + otherwise, there)
        }
        let next = try session.query(
            "SELECT coalesce(max(sequence), 0) + 1 AS number FROM daybook.retention_certificate")[0].int("number")
        for ending in ["json", "html"] {
            let path = CertificateFiles.path(folder, next, ending)
            guard !FileManager.default.fileExists(atPath: path) else {
                throw DaybookError.output(
                    "\(path) is there already: of another database, or of a later state of this one. " + otherwise,
                    there)
            }
        }
    }

    /// Throws `output` unless certificates that were just issued lie in their folder.
    ///
    /// - Parameters:
    ///   - deed: What was done and certified, as the beginning of a sentence.
    ///   - goOn: The end of that sentence, which says what to do.
    func requireThere(
        _ issued: [Issued], of deed: String,
        goOn: Remark = Remark("make room there, then: ", .take(.resumePurge))
    ) throws {
        for certificate in issued {
            let path = CertificateFiles.path(folder, certificate.sequence, "json")
            let digest = FileManager.default.contents(atPath: path).map { SHA256Digest.hex(Array($0)) }
            guard digest == certificate.fileSha256 else {
                throw DaybookError.output(
                    "\(deed), and that is certified, but certificate \(certificate.sequence) cannot be written to "
                        + "\(folder); \(goOn.sentence)", goOn.advice)
            }
        }
    }
}

/// A certificate as its page shows it: stored, preformatted text only.
struct CertificatePage: Sendable {
    struct Fact: Sendable {
        let term: String
        let value: String
    }

    struct Cell: Sendable {
        let text: String
        let style: String
    }

    struct Row: Sendable {
        let cells: [Cell]
    }

    struct Section: Sendable {
        let anchor: String
        let title: String
        let columns: [Cell]
        let rows: [Row]
        let isEmpty: Bool
    }

    let title: String
    let lead: String
    let facts: [Fact]
    let sections: [Section]

    init(_ certificate: Certificate, sha256: String) {
        title = "Certificate \(certificate.sequence): " + Self.name(certificate.kind)
        lead = Self.lead(certificate)
        facts =
            [
                ("Issued", certificate.issuedAt), ("By", "\(certificate.issuedBy) on \(certificate.host)"),
                ("Program", "daybook \(certificate.programVersion)"),
                (certificate.carried == nil ? "Purge" : "Run", String(certificate.run)),
                ("As of", certificate.asOf),
                ("Limited to", Self.limit(certificate)),
                ("Started", "\(certificate.startedAt) by \(certificate.startedBy)"),
                ("Overruled", certificate.forced.isEmpty ? "nothing" : certificate.forced.joined(separator: ", ")),
                ("SHA-256 of this certificate", sha256), ("SHA-256 of the one before", certificate.previousSha256),
                ("SHA-256 of the plan", certificate.planSha256), ("SHA-256 of the policies", certificate.policySha256),
                ("SHA-256 of the holds", certificate.holdSha256),
            ].map { Fact(term: $0.0, value: $0.1) }
            + Self.erasureFacts(certificate.erased)
            + (certificate.signature.map { [Fact(term: "Signed with the key", value: $0.publicKey)] } ?? [])
            + (certificate.divided.map { [Fact(term: "SHA-256 of its parts", value: $0.rootSha256)] } ?? [])
            + Self.archiveFacts(certificate.archive)
        sections = Self.sections(certificate)
    }

    private static func name(_ kind: CertificateKind) -> String {
        switch kind {
        case .archiveExpiry: "an archive was destroyed"
        case .archiveLost: "an archive is lost"
        case .restore: "an archive was put back"
        case .carry: "the ledger was carried forward"
        case .look: "an archive was looked into"
        case .lookDropped: "a look into an archive has ended"
        case .index: "earlier certificates got parts"
        case .erasure: "data was erased at once"
        case .purge, .unknown: "data was purged"
        }
    }

    private static func lead(_ certificate: Certificate) -> String {
        switch certificate.kind {
        case .archiveExpiry: "The archive of purge \(certificate.run) was destroyed. Its rows cannot be put back."
        case .archiveLost:
            "The archive of purge \(certificate.run) is nowhere to be found. What became of it is not known."
        case .restore:
            "\(certificate.rows - notRestored(certificate)) rows of purge \(certificate.run) were put back from its "
                + "archive."
        case .look:
            "Rows of purge \(certificate.run) live again in the tables below, until "
                + "\(certificate.look?.until ?? ""), because: \(certificate.look?.reason ?? "")"
        case .lookDropped:
            "The tables of look \(certificate.look?.lookId ?? 0), with rows of purge \(certificate.run), are gone."
        case .carry:
            "\(certificate.rows) ledger rows before \(certificate.carried?.cutoff ?? "") were archived, and replaced "
                + "by a balance a month, owner and lot."
        case .index:
            "Certificates that were issued before they had parts, and the parts that each of them can be shown in."
        case .erasure:
            "\(certificate.rows) rows of \(limit(certificate)) were erased at once, because somebody asked for it. "
                + (certificate.erased?.owed.isEmpty == true ? "Nothing of it is left." : "Some of it is left.")
        case .purge, .unknown:
            "\(certificate.rows) rows were purged under the policies below. "
                + (certificate.remaining.isEmpty
                    ? "Nothing that was due is left." : "Some rows that were due are left.")
        }
    }

    private static func limit(_ certificate: Certificate) -> String {
        if let erased = certificate.erased { return "\(erased.scope.rawValue) \(erased.reference)" }
        return certificate.limitedTo.isEmpty ? "nobody: all customers" : certificate.limitedTo
    }

    private static func erasureFacts(_ erased: Certificate.Erased?) -> [Fact] {
        guard let erased else { return [] }
        return [
            Fact(term: "Erased", value: "what began before \(erased.before)"),
            Fact(term: "Reason", value: erased.reason), Fact(term: "Asked for by", value: erased.requestedBy),
        ]
    }

    private static func notRestored(_ certificate: Certificate) -> Int64 {
        // Videos are in no archive, and so not among the rows that it had.
        (certificate.notRestored ?? []).reduce(0) { $1.dataClass == DataClass.videoFiles.rawValue ? $0 : $0 + $1.rows }
    }

    private static func archiveFacts(_ archive: Certificate.Archive?) -> [Fact] {
        guard let archive else { return [Fact(term: "Archive", value: "none")] }
        return [
            Fact(term: "Archive", value: archive.folder), Fact(term: "Cipher", value: archive.cipher ?? "none"),
            Fact(term: "Archive ends", value: archive.expiresAt ?? ""),
            Fact(term: "SHA-256 of the archive's manifest", value: archive.manifestSha256),
        ]
    }

    private static func sections(_ certificate: Certificate) -> [Section] {
        let missing = certificate.notRestored.map { rows in
            [
                section(
                    "missing", "Not put back: no longer in their table, or videos", ["Data", "#Rows"],
                    rows.map { [$0.dataClass, String($0.rows)] })
            ]
        }
        let owed = certificate.erased.map { erased in
            [
                section(
                    "owed", "Not erased yet", ["Data", "Kept because it is", "#Rows"],
                    erased.owed.map { [$0.dataClass, $0.reason, String($0.rows)] })
            ]
        }
        let looks = certificate.look.map { [looked($0)] } ?? []
        let covered = certificate.face?.covers.map { covers in
            [
                section(
                    "covered", "Certificates that it divides", ["#Certificate", "SHA-256"],
                    covers.map { [String($0.certificate), $0.sha256] })
            ]
        }
        return (covered ?? []) + (certificate.carried.map { [months($0)] } ?? []) + (missing ?? [])
            + (owed ?? []) + looks + [
                section(
                    "taken", "What was taken", ["Account", "Data", "Action", "#Rows", "Oldest", "Newest"],
                    certificate.taken.map {
                        [account($0.account), data($0), $0.action, String($0.rows), $0.oldest, $0.newest]
                    }),
                section(
                    "held", "Kept for a hold", ["Account", "Data", "#Rows"],
                    certificate.held.map { [account($0.account), $0.dataClass, String($0.rows)] }),
                section(
                    "holds", "Holds in force", ["Scope", "Reference", "Matter", "Asked by", "Placed"],
                    certificate.holds.map {
                        [$0.scope.rawValue, $0.reference, $0.matter, $0.requestedBy, $0.placedAt]
                    }),
                section(
                    "remaining", "Due and still there", ["Account", "Data", "#Rows"],
                    certificate.remaining.map { [account($0.account), $0.dataClass, String($0.rows)] }),
                section(
                    "policies", "Policies", ["Account", "Data", "#Days", "Time zone", "Cutoff"],
                    certificate.policies.map {
                        [account($0.account), $0.dataClass, String($0.retentionDays), $0.timeZone, $0.cutoff]
                    }),
                section(
                    "partitions", "Partitions dropped whole", ["Partition"],
                    certificate.droppedPartitions.map { [$0] }),
                section(
                    "files", "Files of the archive", ["File", "Data", "#Rows", "SHA-256"],
                    (certificate.archive?.segments ?? []).map {
                        [$0.fileName, $0.dataClass, String($0.rows), $0.sha256]
                    }),
            ]
    }

    private static func months(_ carried: Certificate.Carried) -> Section {
        section(
            "months", "Months carried forward",
            ["Month", "#Rows replaced", "#Held", "#Open", "#Balances", "#Credits", "SHA-256 of the balances"],
            carried.months.map {
                [
                    $0.month, String($0.rows), String($0.heldRows), String($0.openRows), String($0.balances),
                    String($0.credits), $0.balancesSha256,
                ]
            })
    }

    private static func looked(_ look: Certificate.Look) -> Section {
        section(
            "looked",
            "Look \(look.lookId): looked at by \(look.lookedBy) at \(look.lookedAt)"
                + (look.droppedAt.map { ", ended by \(look.droppedBy ?? "") at \($0)" } ?? ""),
            ["Table", "Data", "#Rows"], look.tables.map { [$0.table, $0.dataClass, String($0.rows)] })
    }

    /// The class, and of videos what there was of them.
    private static func data(_ taken: Certificate.Taken) -> String {
        guard let bytes = taken.videoBytes else { return taken.dataClass }
        let missing = taken.missingVideos ?? 0
        return "\(taken.dataClass): \(bytes) bytes" + (missing > 0 ? "; \(missing) were missing before" : "")
    }

    private static func account(_ slug: String) -> String { slug.isEmpty ? "(no account)" : slug }

    /// A heading that begins with `#` is one of numbers.
    private static func section(_ anchor: String, _ title: String, _ headings: [String], _ rows: [[String]]) -> Section
    {
        let styles = headings.map { $0.hasPrefix("#") ? "n" : "" }
        return Section(
            anchor: anchor, title: title,
            columns: zip(headings, styles).map { Cell(text: $0.0.replacing("#", with: ""), style: $0.1) },
            rows: rows.map { row in Row(cells: zip(row, styles).map { Cell(text: $0.0, style: $0.1) }) },
            isEmpty: rows.isEmpty)
    }
}
