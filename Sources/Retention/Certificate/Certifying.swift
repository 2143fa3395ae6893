internal import Digests
internal import Domain
internal import Postgres

/// Issues certificates: from what transactions recorded, in one transaction that ends what is certified.
enum Certifying {
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

    /// Ends a run and certifies it.
    static func purge(
        _ run: PurgeRun, _ settings: PurgeSettings, lines: [PlanLine], owed: [OwedRows], manifestDigest: String?,
        _ session: Session
    ) throws -> Issued {
        try RetentionSession.prepare(session)
        _ = try session.execute(
            """
            UPDATE daybook.purge_run SET state = 'finished', finished_at = clock_timestamp(), manifest_sha256 = $2,
                archive_expires_at = clock_timestamp() + make_interval(days => archive_days)
            WHERE run_id = $1
            """, [.int(run.id), Value(manifestDigest)])
        try OwedRows.settle(run.id, session)
        let erased = try Certificate.Erased(run: run.id, owed: owed, session)
        return try issue(
            erased == nil ? "purge" : "erasure", run: run.id, lines: lines, erased: erased, settings.programVersion,
            settings.host, folder: settings.certificates, key: settings.signingKey, session)
    }

    /// Puts the next certificate of the chain into the database; where earlier ones have no parts yet, one before it
    /// that commits to theirs.
    ///
    /// - Parameter key: Signs it; nil leaves it unsigned.
    static func issue(
        _ kind: String, run: Int64, lines: [PlanLine] = [], taken: [Certificate.Taken]? = nil,
        carried: Certificate.Carried? = nil, notRestored: [Certificate.NotRestored]? = nil,
        look: Certificate.Look? = nil, erased: Certificate.Erased? = nil, _ programVersion: String, _ host: String,
        folder: String, key: SigningKey?,
        _ session: Session
    ) throws -> Issued {
        // One certificate after another, whoever issues it; and on disk before its file is, whatever the server's own
        // setting: with it everything that it certifies.
        try session.executeScript("SET LOCAL synchronous_commit = on")
        _ = try session.query("SELECT pg_advisory_xact_lock($1)", [.int(chainLock)])
        let reader = CertificateReader(run: run, session: session)
        func append(_ document: (Int64, String) throws -> Certificate) throws -> Issued {
            let advice = "The certificate was not issued; name another folder with --certificates and try again."
            try CertificateShelf.requirePlace(in: folder, advice: advice, session)
            let last = try session.query(
                "SELECT sequence, sha256 FROM daybook.retention_certificate ORDER BY sequence DESC LIMIT 1")
            let whole = try document(
                try (last.first?.int("sequence") ?? 0) + 1, try last.first?.text("sha256") ?? Certificate.genesis)
            return try add(whole, folder: folder, key: key, reader, session)
        }
        let undivided = try CertificateIndex(session).parts
        if !undivided.isEmpty {
            _ = try append { sequence, previous in
                var index = try reader.document(
                    "index", sequence: sequence, previous: previous, lines: [], taken: [], carried: nil,
                    programVersion: programVersion, host: host)
                index.indexed = undivided
                return index
            }
        }
        return try append { sequence, previous in
            try reader.document(
                kind, sequence: sequence, previous: previous, lines: lines, taken: taken, carried: carried,
                notRestored: notRestored, look: look, erased: erased, programVersion: programVersion, host: host)
        }
    }

    /// Divides a certificate, signs it and adds it to the chain.
    private static func add(
        _ whole: Certificate, folder: String, key: SigningKey?, _ reader: CertificateReader, _ session: Session
    ) throws -> Issued {
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
                .int(document.sequence), .text(document.kind), .int(document.run), .text(text), .text(digest),
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
        _ kind: String, sequence: Int64, previous: String, lines: [PlanLine], taken: [Certificate.Taken]?,
        carried: Certificate.Carried?, notRestored: [Certificate.NotRestored]? = nil, look: Certificate.Look? = nil,
        erased: Certificate.Erased? = nil, programVersion: String, host: String
    ) throws -> Certificate {
        let row = try session.query(
            """
            SELECT as_of::text AS as_of, account, started_at, started_by, forced, plan_sha256, policy_sha256,
                hold_sha256,
                clock_timestamp() AS now, session_user::text AS issued_by
            FROM daybook.purge_run WHERE run_id = $1
            """, [.int(run)])[0]
        return Certificate(
            kind: kind, sequence: sequence, previousSha256: previous,
            issuedAt: try row.instant("now").description, issuedBy: try row.text("issued_by"),
            programVersion: programVersion, host: host, run: run, asOf: try row.text("as_of"),
            limitedTo: try row.text("account"), startedAt: try row.instant("started_at").description,
            startedBy: try row.text("started_by"), forced: try row.texts("forced"),
            planSha256: try row.text("plan_sha256"), policySha256: try row.text("policy_sha256"),
            holdSha256: try row.text("hold_sha256"), policies: try policies(), taken: try taken ?? self.taken(),
            droppedPartitions: try droppedPartitions(),
            held: lines.filter { $0.heldRows > 0 }.map {
                Certificate.Kept(account: $0.account, dataClass: $0.dataClass.rawValue, rows: $0.heldRows)
            },
            holds: try erased == nil ? holds() : ownHolds(),
            remaining: lines.filter { $0.dueRows > 0 }.map {
                Certificate.Kept(account: $0.account, dataClass: $0.dataClass.rawValue, rows: $0.dueRows)
            },
            archive: try archive(), carried: carried, notRestored: notRestored, look: look, erased: erased,
            signature: nil)
    }

    func policies() throws -> [Certificate.Policy] {
        try session.query(
            """
            SELECT slug, data_class, retention_days::bigint AS days, time_zone, cutoff FROM daybook.purge_cutoff
            WHERE run_id = $1 ORDER BY slug COLLATE "C", data_class COLLATE "C"
            """, [.int(run)]
        ).map { row in
            Certificate.Policy(
                account: try row.text("slug"), dataClass: try row.text("data_class"),
                retentionDays: try row.int("days"), timeZone: try row.text("time_zone"),
                cutoff: try row.instant("cutoff").description)
        }
    }

    /// What happens to ledger rows, the only data of a certificate that no customer's policy is about.
    private static let carryAction = "carry"

    /// What was taken, by the account's slug as the run knew it.
    func taken() throws -> [Certificate.Taken] {
        try session.query(
            """
            SELECT coalesce(c.slug, '') AS slug, t.data_class, sum(t.row_count)::bigint AS rows,
                min(t.oldest) AS oldest, max(t.newest) AS newest
            FROM daybook.purge_total AS t
            LEFT JOIN daybook.purge_cutoff AS c
                ON c.user_id = t.user_id AND c.run_id = t.run_id AND c.data_class = t.data_class
            WHERE t.run_id = $1
            GROUP BY coalesce(c.slug, ''), t.data_class
            ORDER BY coalesce(c.slug, '') COLLATE "C", t.data_class COLLATE "C"
            """, [.int(run)]
        ).map { row in
            let dataClass = try row.text("data_class")
            return Certificate.Taken(
                account: try row.text("slug"), dataClass: dataClass,
                action: DataClass(rawValue: dataClass)?.action.rawValue ?? Self.carryAction, rows: try row.int("rows"),
                oldest: try row.instant("oldest").description, newest: try row.instant("newest").description)
        }
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
