internal import Codecs
import Documents
internal import Domain
import Formats
internal import Postgres

/// Issues certificates: from what transactions recorded, in the one transaction that ends what is certified.
struct CertificateIssuer: Sendable {
    /// The folder that they are written to.
    let folder: String
    /// Signs them; nil leaves them unsigned.
    let key: SigningKey?
    /// How they look as files, and who may read those.
    let files: CertificateFiles
    let programVersion: String
    /// The name of this machine.
    let host: String

    /// The advisory lock of who appends to the chain ("daycert" in ASCII): a role that only adds may take no lock on
    /// the table that keeps others out.
    static let chainLock: Int64 = 0x64_6179_6365_7274

    /// A certificate as it stands in the chain.
    struct Issued: Sendable {
        let sequence: Int64
        /// What heads the chain now.
        let sha256: String
        /// The digest of its document, as it lies in its folder.
        let fileSha256: String
    }

    /// What is to be certified of a run, beside what is on record of it.
    struct Facts {
        let kind: CertificateKind
        let run: Int64
        /// What was counted after the last pass over each class.
        var lines: [PlanLine] = []
        /// Nil for what the run's totals say.
        var taken: [Certificate.Taken]?
        var carried: Certificate.Carried?
        var notRestored: [Certificate.NotRestored]?
        var look: Certificate.Look?
        var erased: Certificate.Erased?
        var indexed: [Certificate.Indexed]?
    }

    /// Puts the next certificate of the chain into the database; where earlier ones have no parts yet, one before it
    /// that commits to theirs.
    func issue(_ facts: Facts, _ session: Session) throws -> Issued {
        // One certificate after another, whoever issues it; and on disk before its file is, whatever the server's own
        // setting: with it everything that it certifies.
        try session.executeScript("SET LOCAL synchronous_commit = on")
        _ = try session.query("SELECT pg_advisory_xact_lock($1)", [.int(Self.chainLock)])
        let undivided = try CertificateIndex(session).parts
        if !undivided.isEmpty {
            _ = try append(Facts(kind: .index, run: facts.run, taken: [], indexed: undivided), session)
        }
        return try append(facts, session)
    }

    /// Divides a certificate, signs it and adds it to the chain.
    private func append(_ facts: Facts, _ session: Session) throws -> Issued {
        try requirePlace(
            otherwise: "The certificate was not issued; name another folder with ",
            ending: " and try again.", session)
        let last = try session.query(
            "SELECT sequence, sha256 FROM daybook.retention_certificate ORDER BY sequence DESC LIMIT 1")
        let reader = CertificateReader(run: facts.run, session: session)
        let whole = try reader.document(
            facts, sequence: try (last.first?.int("sequence") ?? 0) + 1,
            previous: try last.first?.text("sha256") ?? Certificate.genesis, programVersion: programVersion, host: host)
        // An index says of whom what earlier certificates say, and nothing of its own.
        let divided = try whole.divided(among: whole.indexed == nil ? try reader.accounts() : [])
        let document = try key.map { try divided.signed(with: $0) } ?? divided
        let text = String(decoding: try CanonicalJSON.encode(document), as: UTF8.self)
        let face = try document.face.map { String(decoding: try CanonicalJSON.encode($0), as: UTF8.self) }
        let digest = SHA256Digest.hex(face ?? text)
        _ = try session.execute(
            """
            INSERT INTO daybook.retention_certificate (sequence, kind, run_id, document, sha256, previous_sha256,
                folder, face)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
            """,
            [
                .int(document.sequence), .text(document.kind.rawValue), .int(document.run), .text(text), .text(digest),
                .text(document.previousSha256), .text(folder), Value(face),
            ])
        return Issued(sequence: document.sequence, sha256: digest, fileSha256: SHA256Digest.hex(text))
    }
}

/// Reads what a certificate says from what was recorded.
struct CertificateReader {
    let run: Int64
    let session: Session

    func document(
        _ facts: CertificateIssuer.Facts, sequence: Int64, previous: String, programVersion: String, host: String
    ) throws -> Certificate {
        let row = try session.query(
            """
            SELECT as_of::text AS as_of, account, started_at, started_by, forced, plan_sha256, policy_sha256,
                hold_sha256,
                clock_timestamp() AS now, session_user::text AS issued_by
            FROM daybook.purge_run WHERE run_id = $1
            """, [.int(run)])[0]
        return Certificate(
            kind: facts.kind, sequence: sequence, previousSha256: previous,
            issuedAt: try row.instant("now").description, issuedBy: try row.text("issued_by"),
            programVersion: programVersion, host: host, run: run, asOf: try row.text("as_of"),
            limitedTo: try row.text("account"), startedAt: try row.instant("started_at").description,
            startedBy: try row.text("started_by"), forced: try row.texts("forced"),
            planSha256: try row.text("plan_sha256"), policySha256: try row.text("policy_sha256"),
            holdSha256: try row.text("hold_sha256"), policies: try policies(),
            taken: try facts.taken ?? taken().filter { facts.kind.endsRun || !$0.isOfVideos },
            droppedPartitions: try droppedPartitions(),
            held: facts.lines.filter { $0.heldRows > 0 }.map {
                Certificate.Kept(account: $0.account, dataClass: $0.dataClass.rawValue, rows: $0.heldRows)
            },
            holds: try facts.erased == nil ? holds() : ownHolds(),
            remaining: facts.lines.filter { $0.dueRows > 0 }.map {
                Certificate.Kept(account: $0.account, dataClass: $0.dataClass.rawValue, rows: $0.dueRows)
            },
            archive: try archive(), carried: facts.carried, notRestored: facts.notRestored, look: facts.look,
            erased: facts.erased, signature: nil, indexed: facts.indexed)
    }

    func policies() throws -> [Certificate.Policy] {
        try session.query(
            """
            SELECT slug, data_class, retention_days::bigint AS days, time_zone, cutoff FROM daybook.purge_cutoff
            WHERE run_id = $1 ORDER BY data_class COLLATE "C", user_id
            """, [.int(run)]
        ).map { row in
            Certificate.Policy(
                account: try row.text("slug"), dataClass: try row.text("data_class"),
                retentionDays: try row.int("days"), timeZone: try row.text("time_zone"),
                cutoff: try row.instant("cutoff").description)
        }.inNaturalOrder(of: \.account)
    }

    /// Every account: as the run knew those that it was about, and as they are called today.
    func accounts() throws -> [Certificate.Account] {
        try session.query(
            """
            SELECT user_id, slug, is_covered FROM (
                SELECT coalesce(c.user_id, a.user_id)::text AS user_id, coalesce(c.slug, a.slug) AS slug,
                    c.user_id IS NOT NULL AS is_covered
                FROM daybook.account AS a
                FULL JOIN (
                    SELECT DISTINCT user_id, slug FROM daybook.purge_cutoff WHERE run_id = $1 AND user_id <> $2
                ) AS c ON c.user_id = a.user_id
            ) AS accounts ORDER BY user_id COLLATE "C"
            """, [.int(run), .uuid(RetentionSession.nobody)]
        ).map { row in
            Certificate.Account(
                account: try row.text("slug"), userId: try row.text("user_id"),
                isCovered: try row.bool("is_covered"), salt: Certificate.newSalt())
        }.inNaturalOrder(of: \.account)
    }

    /// What happens to ledger rows, the only data of a certificate that no customer's policy is about.
    private static let carryAction = "carry"

    /// What was taken, by the account's slug as the run knew it.
    func taken() throws -> [Certificate.Taken] {
        let hasVideos = try session.query("SELECT to_regclass('daybook.purge_video') IS NOT NULL AS found")[0]
            .bool("found")
        let videos = hasVideos ? "daybook.purge_video" : "(SELECT NULL::uuid, 0, 0, 0 WHERE false)"
        return try session.query(
            """
            SELECT coalesce(c.slug, '') AS slug, t.data_class, sum(t.row_count)::bigint AS rows,
                min(t.oldest) AS oldest, max(t.newest) AS newest,
                sum(v.missing)::bigint AS missing, sum(v.video_bytes)::bigint AS video_bytes
            FROM daybook.purge_total AS t
            LEFT JOIN \(videos) AS v (user_id, run_id, missing, video_bytes)
                ON t.data_class = '\(DataClass.videoFiles.rawValue)' AND v.run_id = t.run_id
                    AND v.user_id = t.user_id
            LEFT JOIN daybook.purge_cutoff AS c
                ON c.user_id = t.user_id AND c.run_id = t.run_id AND c.data_class = t.data_class
            WHERE t.run_id = $1
            GROUP BY coalesce(c.slug, ''), t.data_class
            ORDER BY t.data_class COLLATE "C"
            """, [.int(run)]
        ).map { row in
            let dataClass = try row.text("data_class")
            return Certificate.Taken(
                account: try row.text("slug"), dataClass: dataClass,
                action: DataClass(rawValue: dataClass)?.action.rawValue ?? Self.carryAction, rows: try row.int("rows"),
                oldest: try row.instant("oldest").description, newest: try row.instant("newest").description,
                missingVideos: try row.optionalInt("missing"), videoBytes: try row.optionalInt("video_bytes"))
        }.inNaturalOrder(of: \.account)
    }

    private func droppedPartitions() throws -> [String] {
        try session.query(
            """
            SELECT relation FROM daybook.purge_sweep WHERE run_id = $1 AND state = 'dropped'
            ORDER BY relation COLLATE "C"
            """, [.int(run)]
        ).map { try $0.text("relation") }
    }

    private func holds() throws -> [Certificate.Hold] { try HoldInForce.all(session).map(Self.certified) }

    /// The holds that keep rows of what is erased: nobody else's matters are named to whom it belongs.
    private func ownHolds() throws -> [Certificate.Hold] {
        guard let erasure = try Erasure.of(run: run, session) else { return [] }
        return try ErasureSurroundings(erasure, try DeploymentShape(session), session).holds.map(Self.certified)
    }

    private static func certified(_ hold: HoldInForce) -> Certificate.Hold {
        Certificate.Hold(
            scope: hold.scope, reference: hold.reference, matter: hold.matter, requestedBy: hold.requestedBy,
            placedAt: hold.placedAt.description, userId: hold.owner)
    }

    private func archive() throws -> Certificate.Archive? {
        let row = try session.query(
            """
            SELECT archive_folder, archive_cipher, archive_expires_at, manifest_sha256
            FROM daybook.purge_run WHERE run_id = $1
            """, [.int(run)])[0]
        guard let folder = try row.optionalText("archive_folder"), let digest = try row.optionalText("manifest_sha256")
        else { return nil }
        return Certificate.Archive(
            folder: ArchiveFolder.path(in: folder, run: run), cipher: try row.optionalText("archive_cipher"),
            expiresAt: try row.optionalInstant("archive_expires_at")?.description, manifestSha256: digest,
            segments: try ArchiveManifest.segments(run, session).map {
                Certificate.Segment(fileName: $0.fileName, dataClass: $0.dataClass, rows: $0.rows, sha256: $0.sha256)
            })
    }
}

/// What of a certificate everybody may see: what happened when, by whom, its place in the chain, and the root of its
/// parts. Its digest is what heads the chain.
struct CertificateFace: Codable, Sendable, Hashable {
    /// A certificate that an index divides afterwards.
    struct Covered: Codable, Sendable, Hashable {
        let certificate: Int64
        let sha256: String
    }

    let kind: CertificateKind
    let sequence: Int64
    let previousSha256: String
    let issuedAt: String
    let issuedBy: String
    let programVersion: String
    let host: String
    let run: Int64
    let asOf: String
    let startedAt: String
    let startedBy: String
    let forced: [String]
    /// Of the tree of parts.
    let rootSha256: String
    /// Nil in every certificate but an index.
    let covers: [Covered]?
    var signature: DocumentSignature?
}

extension Certificate {
    /// What everybody may see of it; nil without parts.
    var face: CertificateFace? {
        guard let divided else { return nil }
        return CertificateFace(
            kind: kind, sequence: sequence, previousSha256: previousSha256, issuedAt: issuedAt, issuedBy: issuedBy,
            programVersion: programVersion, host: host, run: run, asOf: asOf, startedAt: startedAt,
            startedBy: startedBy, forced: forced, rootSha256: divided.rootSha256, covers: covers, signature: signature)
    }

    private var covers: [CertificateFace.Covered]? {
        indexed.map { parts in
            Dictionary(parts.map { ($0.part.certificate, $0.certificateSha256) }) { first, _ in first }
                .map { CertificateFace.Covered(certificate: $0.key, sha256: $0.value) }
                .sorted { $0.certificate < $1.certificate }
        }
    }

    /// The same document with a signature. What has none keeps its bytes.
    func signed(with key: SigningKey) throws -> Certificate {
        var signed = self
        signed.signature = DocumentSignature(awaiting: key)
        let value = Hexadecimal.text(key.sign(try signed.signedBytes()))
        signed.signature?.value = value
        return signed
    }

    /// What is signed: the face, or of a certificate without parts the document, with an empty value in the place of
    /// the signature.
    func signedBytes() throws -> [UInt8] {
        var unsigned = self
        unsigned.signature?.value = ""
        return try unsigned.face.map { try CanonicalJSON.encode($0) } ?? CanonicalJSON.encode(unsigned)
    }
}
