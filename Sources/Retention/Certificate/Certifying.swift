internal import Codecs
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
