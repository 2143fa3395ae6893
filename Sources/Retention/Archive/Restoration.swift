public import Digests
public import Domain
internal import Foundation
public import Postgres
public import Reporting
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
        /// The tables that they were written to.
        public let tables: [String]
        public let files: [String]
    }

    public let manifestPath: String
    /// A table of its own for the rows; nil puts them where they were.
    public let into: String?
    private let key: [UInt8]?
    private let templates: TemplateSet
    private let signingKey: SigningKey?
    private let certificates: String
    private let mode: OutputMode
    private let programVersion: String
    private let host: String

    /// - Parameter mode: Who may read the certificates.
    public init(
        manifest: String, into: String?, keyFile: String?, templates: TemplateSet, certificates: String,
        signingKey: SigningKey? = nil, mode: OutputMode = .ownerOnly, programVersion: String, host: String
    ) throws {
        manifestPath = manifest
        self.into = into
        key = try keyFile.map { try ArchivePlace.key($0) }
        self.templates = templates
        self.signingKey = signingKey
        self.certificates = certificates
        self.mode = mode
        self.programVersion = programVersion
        self.host = host
    }

    /// Verifies every file against what was certified, and writes the rows in one transaction: all or none.
    ///
    /// Throws `badData` naming a file that was altered, and rows that are there already.
    ///
    /// - Parameter tell: Told of certificates whose folder cannot be reached from here.
    public func run(
        _ connection: Connection, tell: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws -> Outcome {
        let connection = try await connection.direct(for: "A restore")
        let (manifest, digest) = try ArchiveManifest.read(manifestPath)
        let folder = ArchiveFolder(path: (manifestPath as NSString).deletingLastPathComponent)
        let (tables, put, issued) = try await connection.transaction { session in
            try RetentionSession.prepare(session)
            try RetentionSession.requireTables(session)
            if into == nil {
                try RetentionSession.requireTables(session, upTo: AccessTotals.table)
                try PurgeLock.takeForRestore(session)
                try CertificateShelf.requirePlace(in: certificates, session)
            }
            try verify(manifest, digest, folder, session)
            try refuseFilled(manifest, session)
            let (tables, put) = try write(manifest, folder, session)
            var issued: [Certifying.Issued] = []
            if into == nil {
                let taken = try CertificateReader(run: manifest.run, session: session).taken()
                try forget(manifest.run, session)
                issued.append(
                    try Certifying.issue(
                        "restore", run: manifest.run, taken: taken, notRestored: put.notRestored, programVersion, host,
                        folder: certificates, key: signingKey, session))
            }
            return (tables, put, issued)
        }
        let shelf = CertificateShelf(templates, mode: mode)
        let files = try await connection.run { try shelf.publishMissing($0, tell: tell) }
        try shelf.requireThere(issued, in: certificates, of: "The rows of purge \(manifest.run) were put back")
        return Outcome(
            run: manifest.run, rows: manifest.segments.reduce(0) { $0 + $1.rows } - Int64(put.missing.count),
            keptRows: put.kept, missing: put.missing.map(\.name), tables: tables, files: files)
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
        let state = try row.text("archive_state")
        guard state == "kept" else {
            throw DaybookError.badData(
                "The archive of purge \(manifest.run) was certified as \(state == "lost" ? "lost" : "destroyed"); this "
                    + "is a copy that should not be, and nothing was put back.")
        }
        if into == nil, try Self.wasRestored(manifest.run, session) {
            throw DaybookError.badData(
                "The archive of purge \(manifest.run) was put back before; nothing was changed. To look at its rows: "
                    + "--into TABLE")
        }
        for segment in manifest.segments {
            let reader = SegmentReader(path: folder.file(segment.fileName), key: nil)
            guard reader.sha256 == segment.sha256 else {
                throw DaybookError.badData(
                    "The archived file \(reader.path) was altered or is missing; nothing was put back.")
            }
        }
    }

    /// Rows beside those of an earlier restore could not be told from them.
    private func refuseFilled(_ manifest: ArchiveManifest, _ session: Session) throws {
        guard let into else { return }
        for name in Set(manifest.segments.map { Self.target(into, $0.dataClass) }).sorted() {
            let table = TableName.quoted(name, session)
            let found = try session.query("SELECT to_regclass($1) IS NOT NULL AS is_there", [.text(table)])
            guard try found[0].bool("is_there") else { continue }
            let rows = try session.query("SELECT EXISTS (SELECT FROM \(table)) AS is_filled")
            guard try !rows[0].bool("is_filled") else {
                throw DaybookError.badData(
                    "The table \(name) has rows already; nothing was put back. Drop it, or give --into another name.")
            }
        }
    }

    /// The full name of the table of its own that a class goes to.
    private static func target(_ into: String, _ dataClass: String) -> String {
        (into.contains(".") ? into : "public." + into) + "_" + dataClass
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

        /// Nil where everything was put back.
        var notRestored: [Certificate.NotRestored]? {
            guard !missing.isEmpty else { return nil }
            let counts = Dictionary(grouping: missing, by: \.dataClass).mapValues { Int64($0.count) }
            return counts.sorted { $0.key < $1.key }.map { Certificate.NotRestored(dataClass: $0.key, rows: $0.value) }
        }
    }

    private func write(
        _ manifest: ArchiveManifest, _ folder: ArchiveFolder, _ session: Session
    ) throws -> (tables: [String], put: Put) {
        var put = Put()
        let all = try manifest.segments.map { segment in
            RestoredRows(
                segment: segment, source: try source(segment.dataClass), path: folder.file(segment.fileName), key: key)
        }
        var tables: [String] = []
        for rows in all {
            let table = into.map { "\($0)_\(rows.segment.dataClass)" } ?? rows.source
            if !tables.contains(table) { tables.append(table) }
        }
        if into != nil {
            for table in tables {
                let own = all.filter { "\(into ?? "")_\($0.segment.dataClass)" == table }
                try LookTable(name: table, rows: own).make(session)
            }
            return (tables, put)
        }
        // Before the first is written: of a log without a key two rows may well have been one.
        for rows in all where rows.segment.dataClass == DataClass.accessLog.rawValue {
            try rows.refusePresent(session)
        }
        put.counted = try AccessTotals.counted(by: manifest.run, session)
        // The last first: of a row that was redacted twice what stood there last counts, as it did before.
        for rows in all.reversed() { try putBack(rows, manifest.run, &put, session) }
        return (tables, put)
    }

    private func source(_ dataClass: String) throws -> String {
        if dataClass == CarryForward.dataClass {
            guard into != nil else {
                throw DaybookError.usage(
                    "Ledger rows that were carried forward are never put back: their balances are in the ledger. "
                        + "To look at them: --into TABLE")
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
        case .probes: try rows.copy(into: rows.source, session)
        case .apiUsage: filled = try rows.fill(keys: ["id"], session)
        case .taskContent: filled = try rows.fill(keys: ["user_id", "id"], session)
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
