public import Codecs
public import Documents
public import Domain
internal import Foundation
public import Postgres
internal import Schema

/// Puts an archive's rows back.
public struct Restoration: Sendable {
    /// What was put back.
    public struct Outcome: Sendable {
        public let run: Int64
        public let rows: Int64
        /// Redacted rows that an application had written to since: what stood there was kept.
        public let keptRows: Int64
        /// Redacted rows that are in their table no more and could not be filled: the table and the keys of each.
        public let missing: [String]
        /// Videos that the purge removed: nothing brings them back.
        public let videos: Int64
        /// The tables that they were written to.
        public let tables: [String]
        /// The look that they are in, and the first instant after its end; nil where they are back where they were.
        public let look: (number: Int64, until: Instant)?
        public let files: [String]
    }

    public let manifestPath: String
    /// Tables of their own for the rows; nil puts them where they were.
    public let look: LookRequest?
    private let key: [UInt8]?
    private let issuer: CertificateIssuer
    private let words: @Sendable (Remark) -> String

    /// - Parameters:
    ///   - mode: Who may read the certificates.
    ///   - words: A whole sentence, with the command that helps: tables of a look say in a comment what they are.
    public init(
        manifest: String, look: LookRequest?, keyFile: String?, templates: TemplateSet, certificates: String,
        signingKey: SigningKey? = nil, mode: OutputMode = .ownerOnly, programVersion: String, host: String,
        words: @escaping @Sendable (Remark) -> String
    ) throws {
        self.words = words
        manifestPath = manifest
        self.look = look
        key = try keyFile.map { try ArchivePlace.key($0) }
        issuer = CertificateIssuer(
            folder: certificates, key: signingKey, files: CertificateFiles(templates, mode: mode),
            programVersion: programVersion, host: host)
    }

    /// Verifies every file against what was certified, and writes the rows in one transaction: all or none.
    ///
    /// Throws `badData` naming a file that was altered, and rows that are there already; ``StoppedRun`` where it ends
    /// before its end, or after the rows are back.
    ///
    /// - Parameter tell: Told of certificates whose folder cannot be reached from here.
    public func run(
        _ connection: Connection, tell: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws -> Outcome {
        let connection = try await connection.direct(for: "A restore")
        try await connection.run { try $0.requireOneServer(for: "A restore") }
        let (manifest, digest) = try ArchiveManifest.read(manifestPath)
        let folder = ArchiveFolder(path: (manifestPath as NSString).deletingLastPathComponent)
        let deed = CertifiedDeed(
            connection: connection, done: "The rows of purge \(manifest.run) were put back",
            undone: "Nothing was put back.")
        let (done, issued) = try await deed.commit { session in
            try RetentionSession.prepare(session)
            try RetentionSession.requireTables(session)
            if look == nil {
                try RetentionSession.requireTables(session, upTo: AccessTotals.table)
                try PurgeLock.takeForRestore(session)
            } else {
                try Look.requireTable(session)
            }
            try issuer.requirePlace(session)
            try verify(manifest, digest, folder, session)
            let done = try look.map { try show($0, manifest, folder, session) } ?? putBack(manifest, folder, session)
            return (done, try certify(done, manifest, session))
        }
        let files = try await deed.publish(issued, by: issuer, tell: tell)
        return Outcome(
            run: manifest.run, rows: manifest.segments.reduce(0) { $0 + $1.rows } - Int64(done.put.missing.count),
            keptRows: done.put.kept, missing: done.put.missing.map(\.name), videos: done.put.videos,
            tables: done.tables,
            look: done.look.map { ($0.id, $0.until) }, files: files)
    }

    /// What the transaction did.
    private struct Done: Sendable {
        let tables: [String]
        var put = Put()
        var look: Look?
    }

    private func certify(
        _ done: Done, _ manifest: ArchiveManifest, _ session: Session
    ) throws -> CertificateIssuer.Issued {
        if let look = done.look {
            return try issuer.issue(.init(kind: .look, run: manifest.run, look: look.certified), session)
        }
        let taken = try CertificateReader(run: manifest.run, session: session).taken().filter { !$0.isOfVideos }
        try forget(manifest.run, session)
        return try issuer.issue(
            .init(kind: .restore, run: manifest.run, taken: taken, notRestored: done.put.notRestored), session)
    }

    private func verify(
        _ manifest: ArchiveManifest, _ digest: String, _ folder: ArchiveFolder, _ session: Session
    ) throws {
        let rows = try session.query(
            "SELECT manifest_sha256, archive_state FROM daybook.purge_run WHERE run_id = $1", [.int(manifest.run)])
        guard let row = rows.first, try row.optionalText("manifest_sha256") == digest else {
            throw DaybookError.badData(
                "The manifest \(manifestPath) is not the one that was certified; nothing was put back.")
        }
        let state = ArchiveState(rawValue: try row.text("archive_state"))
        guard state == .kept else {
            throw DaybookError.badData(
                "The archive of purge \(manifest.run) was certified as \(state == .lost ? "lost" : "destroyed"); this "
                    + "is a copy that should not be, and nothing was put back.")
        }
        if look == nil, try Self.wasRestored(manifest.run, session) {
            throw DaybookError.badData(
                "The archive of purge \(manifest.run) was put back before; nothing was changed. To look at its rows: ",
                .choose(.lookTables).then(" TABLE"))
        }
        for segment in manifest.segments {
            let reader = SegmentReader(path: folder.file(segment.fileName), key: nil)
            guard reader.sha256 == segment.sha256 else {
                throw DaybookError.badData(
                    "The archived file \(reader.path) was altered or is missing; nothing was put back.")
            }
        }
    }

    /// A look's tables are dropped when it ends, so they are its own from the first on.
    private func refuseKnown(_ tables: [String], _ session: Session) throws {
        for name in tables {
            let table = TableName.quoted(name, session)
            let found = try session.query("SELECT to_regclass($1) IS NOT NULL AS is_there", [.text(table)])
            guard try !found[0].bool("is_there") else {
                throw DaybookError.badData(
                    "The table \(name) is there already; nothing was put back.", .nameOtherTables)
            }
        }
    }

    private static func wasRestored(_ run: Int64, _ session: Session) throws -> Bool {
        let rows = try session.query(
            """
            SELECT EXISTS (
                SELECT FROM daybook.retention_certificate WHERE run_id = $1 AND kind = 'restore'
            ) AS restored
            """, [.int(run)])
        return try rows[0].bool("restored")
    }

    /// What became of the rows beside their being put back.
    private struct Put: Sendable {
        var kept: Int64 = 0
        var missing: [(dataClass: String, name: String)] = []
        /// The accesses among the rows that are still to come which the run's own totals count.
        var counted: Int64 = 0
        /// Videos that the run removed for good.
        var videos: Int64 = 0

        /// Nil where everything was put back.
        var notRestored: [Certificate.NotRestored]? {
            guard !missing.isEmpty || videos > 0 else { return nil }
            var counts = Dictionary(grouping: missing, by: \.dataClass).mapValues { Int64($0.count) }
            if videos > 0 { counts[DataClass.videoFiles.rawValue] = videos }
            return counts.sorted { $0.key < $1.key }.map { Certificate.NotRestored(dataClass: $0.key, rows: $0.value) }
        }
    }

    private func rows(_ manifest: ArchiveManifest, _ folder: ArchiveFolder) throws -> [RestoredRows] {
        try manifest.segments.map { segment in
            RestoredRows(
                segment: segment, source: try source(segment.dataClass), path: folder.file(segment.fileName), key: key)
        }
    }

    /// Writes the rows into tables of their own, and records that.
    private func show(
        _ request: LookRequest, _ manifest: ArchiveManifest, _ folder: ArchiveFolder, _ session: Session
    ) throws -> Done {
        let until = try request.end(session)
        let all = try rows(manifest, folder)
        var classes: [String] = []
        for rows in all where !classes.contains(rows.segment.dataClass) { classes.append(rows.segment.dataClass) }
        guard !classes.isEmpty else {
            throw DaybookError.badData("The archive of purge \(manifest.run) has no rows to look at.")
        }
        try request.requireFitting(classes.map(request.table))
        try refuseKnown(classes.map(request.table), session)
        var tables: [(name: String, dataClass: String, rows: Int64)] = []
        for dataClass in classes {
            let own = all.filter { $0.segment.dataClass == dataClass }
            try LookTable(name: request.table(dataClass), rows: own).make(session)
            tables.append((request.table(dataClass), dataClass, own.reduce(0) { $0 + $1.segment.rows }))
        }
        let look = try Look.record(request, run: manifest.run, tables: tables, until: until, inWords: words, session)
        return Done(tables: classes.map { "\(request.into)_\($0)" }, look: look)
    }

    private func putBack(_ manifest: ArchiveManifest, _ folder: ArchiveFolder, _ session: Session) throws -> Done {
        let all = try rows(manifest, folder)
        var tables: [String] = []
        for rows in all where !tables.contains(rows.source) { tables.append(rows.source) }
        // Before the first is written: of a log without a key two rows may well have been one.
        for rows in all where rows.segment.dataClass == DataClass.accessLog.rawValue {
            try rows.refusePresent(session)
        }
        var done = Done(tables: tables)
        done.put.counted = try AccessTotals.counted(by: manifest.run, session)
        done.put.videos = try session.query(
            """
            SELECT coalesce(sum(row_count), 0)::bigint AS videos FROM daybook.purge_total
            WHERE run_id = $1 AND data_class = $2
            """, [.int(manifest.run), .text(DataClass.videoFiles.rawValue)])[0].int("videos")
        // The last first: of a row that was redacted twice what stood there last counts, as it did before.
        for rows in all.reversed() { try putBack(rows, manifest.run, &done.put, session) }
        return done
    }

    private func source(_ dataClass: String) throws -> String {
        if dataClass == CarryForward.dataClass {
            guard look != nil else {
                throw DaybookError.usage(
                    "Ledger rows that were carried forward are never put back: their balances are in the ledger. "
                        + "To look at them: ", .choose(.lookTables).then(" TABLE"))
            }
            return "public.credit_ledger"
        }
        guard let dataClass = DataClass(rawValue: dataClass) else {
            throw DaybookError.badData("\(manifestPath) names data that this program does not know.")
        }
        return DeploymentShape.table(dataClass).fullName
    }

    private func putBack(_ rows: RestoredRows, _ run: Int64, _ put: inout Put, _ session: Session) throws {
        var filled: (kept: Int64, missing: [String]) = (0, [])
        switch DataClass(rawValue: rows.segment.dataClass) {
        case .accessLog:
            try rows.copy(into: rows.source, session)
            // A run that an earlier version began counted its first rows by days.
            if put.counted > 0 { put.counted -= rows.segment.rows } else { try rows.uncountDays(run, session) }
        case .videoFiles: throw DaybookError.badData("\(manifestPath) names videos, which are in no archive.")
        case .probes, .webhookPayload: try rows.copy(into: rows.source, session)
        case .apiUsage: filled = try rows.fill(keys: ["id"], session)
        case .taskContent: filled = try rows.fill(keys: ["user_id", "id"], session)
        // What is of no class was refused when its table was looked for, and the ledger's rows with it.
        case nil: break
        }
        put.kept += filled.kept
        put.missing += filled.missing.map { (rows.segment.dataClass, "\(rows.source) \($0)") }
    }

    /// What was remembered of the rows while they were gone.
    private func forget(_ run: Int64, _ session: Session) throws {
        _ = try session.execute("DELETE FROM daybook.task_redaction WHERE run_id = $1", [.int(run)])
        try AccessTotals.forget(run, session)
    }
}
