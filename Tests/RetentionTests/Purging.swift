import Codecs
import Domain
import Formats
import Foundation
import Postgres
import TestSupport

@testable import Documents
@testable import Retention

/// Purges of one database by the program, with an archive and certificates in a folder of their own.
struct Purging: Sendable {
    static let date = ["--as-of", "2026-11-05"]
    let settings: ConnectionSettings
    let folder: ScratchFolder

    init(_ settings: ConnectionSettings) throws {
        self.settings = settings
        folder = try ScratchFolder()
    }

    var archive: String { folder.file("archive") }
    var certificates: String { folder.file("certificates") }
    var database: [String] { ["--database", Deployment.conninfo(settings)] }
    /// Where a purge of these tests puts things.
    var places: [String] { ["--archive", archive, "--certificates", certificates] }

    /// Runs `daybook retention …`.
    func retention(
        _ arguments: [String], program: String = ProgramRun.daybook, killAfter: Double? = nil, atOnce: Bool = false
    ) async throws -> ProgramRun {
        try await ProgramRun(
            ["retention"] + arguments + database, program: program, killAfter: killAfter, atOnce: atOnce)
    }

    /// A purge as of the sample's date, with the plan's number said out loud.
    func purge(_ more: [String] = [], date: [String] = date, killAfter: Double? = nil) async throws -> ProgramRun {
        let rows = try await PlanFile(settings, date).sum("due_rows")
        return try await retention(
            ["purge", "--yes", "--quiet", "--expect-rows", String(rows)] + places + date + more, killAfter: killAfter)
    }

    func resume() async throws -> ProgramRun {
        try await retention(["purge", "--resume", "--quiet"] + places)
    }

    /// What a purge in the test's own process is told.
    func purgeSettings(archive: ArchivePlace?) throws -> PurgeSettings {
        PurgeSettings(
            archive: archive, certificates: certificates,
            templates: try TemplateSet(folders: [Deployment.root + "/templates"]), programVersion: "test", host: "here",
            hostClock: { .distantPast })
    }

    /// What a purge that was killed early leaves: its record, the folder of its archive, and the first pages taken.
    func begin(keyFile: String? = nil, pages: Range<Int64> = 0..<0) async throws {
        let connection = try await Connection.open(settings)
        let plan = try await PlanReader(asOf: CalendarDate(year: 2026, month: 11, day: 5)).run(connection)
        let place = try ArchivePlace(folder: archive, keyFile: keyFile)
        let told = try purgeSettings(archive: place)
        try ArchiveFolder(path: archive).make()
        try await connection.transaction { session in
            try RetentionSession.prepare(session)
            let run = try PurgeRun.record(plan, told, session)
            try run.archive?.makeNew()
            guard !pages.isEmpty else { return }
            try RunRecord.beginSweeps(run.id, .accessLog, again: false, session)
            let statement = try SweepStatement(.accessLog, try DeploymentShape(session), run.terms, session)
            let step = SweepStep(
                run: run, statement: statement, dataClass: .accessLog, relation: "public.video_external_access_log",
                key: place.key)
            _ = try step.take(pages, .none, session)
        }
        await connection.close()
    }

    /// Until the server has noticed that the killed program is gone.
    func waitForOthers() async throws {
        for _ in 0..<200 {
            let others = try await number(
                """
                SELECT (count(*) + (pg_sleep(0.05) IS NULL)::integer)::text FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
                """)
            if others == 0 { return }
        }
    }

    /// Rows of a query as text, one line per row.
    func lines(_ query: String) async throws -> [String] {
        let connection = try await Connection.open(settings)
        let lines = try await connection.run { session in
            var lines: [String] = []
            for row in try session.query(query) {
                lines.append(try row.columns.indices.map { try row.string($0) ?? "∅" }.joined(separator: "|"))
            }
            return lines
        }
        await connection.close()
        return lines
    }

    func number(_ query: String) async throws -> Int {
        Int(try await lines(query).first ?? "") ?? -1
    }

    /// Every row of a deployment's tables, and what Daybook remembers of them, as one digest per table.
    func fingerprint() async throws -> [String: String] {
        var digests: [String: String] = [:]
        let tables = [
            "public.users", "public.credit_wallet", "public.credit_ledger", "public.batch_jobs", "public.video_tasks",
            "public.enterprise_api_usage", "public.video_external_access_log", "daybook.task_fact",
            "daybook.access_day", "daybook.probe", "daybook.probe_day",
            // Without the number of the run: a start that was undone leaves a gap in them.
            "(SELECT user_id, begins_at, action, accesses FROM daybook.access_total)",
            "(SELECT user_id, data_class, row_count, oldest, newest FROM daybook.purge_total)",
        ]
        for table in tables {
            digests[table] = try await lines(
                """
                SELECT count(*) || ' ' || coalesce(md5(string_agg(t::text, E'\\n' ORDER BY t::text COLLATE "C")), '')
                FROM \(table) AS t
                """)[0]
        }
        return digests
    }

    /// The money alone.
    func books() async throws -> [String: String] {
        try await fingerprint().filter {
            ["public.users", "public.credit_wallet", "public.credit_ledger", "public.batch_jobs"].contains($0.key)
        }
    }

    /// Rows of the archive by class, counted in its files.
    func archivedRows() throws -> Int {
        let script = """
            find '\(archive)' -name '*.csv.gz' -exec gzip -dc {} + | python3 -c 'import csv, sys
            csv.field_size_limit(1 << 30)
            print(sum(1 for _ in csv.reader(sys.stdin)))'
            """
        let text = try Command.run(["/bin/sh", "-c", script])
        return Int(text.trimmingCharacters(in: .whitespacesAndNewlines)) ?? -1
    }
}

/// Runs the body with purges of a copy of the sample.
func withPurging(_ body: (Purging) async throws -> Void) async throws {
    try await withSample { try await body(Purging($0)) }
}

extension Purging {
    /// The parts of an extract.
    func parts(_ extract: String) throws -> [CertificatePart] {
        try CanonicalJSON.decode(CertificateExtract.self, from: extract).parts.map {
            try CanonicalJSON.decode(CertificatePart.self, from: $0.part)
        }
    }

    /// Puts another document in the place of a certificate, with the root, face, signature and digests that go with it:
    /// what somebody can do who may write to the database and the folder.
    func reissue(
        _ sequence: Int, key: SigningKey? = nil, _ change: (String) -> String
    ) async throws {
        let path = certificates + "/certificate-00000\(sequence).json"
        let document = try String(contentsOfFile: path, encoding: .utf8)
        let changed = try CanonicalJSON.decode(Certificate.self, from: change(document)).redivided()
        let forged = try key.map { try changed.signed(with: $0) } ?? changed
        let text = String(decoding: try CanonicalJSON.encode(forged), as: UTF8.self)
        guard text != document, let face = forged.face else { throw TestSupportError("nothing was changed") }
        let bytes = String(decoding: try CanonicalJSON.encode(face), as: UTF8.self)
        try text.write(toFile: path, atomically: false, encoding: .utf8)
        try await execute(
            """
            UPDATE daybook.retention_certificate SET document = $daybook$\(text)$daybook$,
                face = $daybook$\(bytes)$daybook$, sha256 = '\(SHA256Digest.hex(bytes))'
            WHERE sequence = \(sequence)
            """, in: settings)
    }
}

/// `plan.csv` of one run of the program.
struct PlanFile {
    let bytes: Data
    let rows: [[String: String]]

    var text: String { String(decoding: bytes, as: UTF8.self) }

    init(_ settings: ConnectionSettings, _ arguments: [String]) async throws {
        let folder = try ScratchFolder()
        try await ProgramRun.expectingSuccess(
            ["retention", "plan", "--database", Deployment.conninfo(settings), "--output", folder.path] + arguments)
        guard let bytes = FileManager.default.contents(atPath: folder.file("plan.csv")) else {
            throw TestSupportError("there is no plan.csv")
        }
        self.bytes = bytes
        let lines = String(decoding: bytes.dropFirst(3), as: UTF8.self).components(separatedBy: "\r\n")
        let header = lines[0].components(separatedBy: ",")
        rows = lines.dropFirst().filter { !$0.isEmpty }.map { line in
            Dictionary(uniqueKeysWithValues: zip(header, line.components(separatedBy: ",")))
        }
    }

    func sum(_ column: String, dataClass: String? = nil) -> Int {
        rows.filter { dataClass == nil || $0["data_class"] == dataClass }.reduce(0) {
            $0 + (Int($1[column] ?? "") ?? 0)
        }
    }

    func row(account: String, dataClass: String) throws -> [String: String] {
        guard let row = rows.first(where: { $0["account"] == account && $0["data_class"] == dataClass }) else {
            throw TestSupportError("the plan has no row of \(account), \(dataClass)")
        }
        return row
    }
}
