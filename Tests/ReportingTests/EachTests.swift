import Documents
import Domain
import Foundation
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Reporting

/// The reports of all customers are counted together, and each is to the byte what it is alone.
@Suite struct EachTests {
    private static let october = Month("2026-10")

    /// Has all accounts live in some zones in turn, always: those of a zone are counted together.
    private static func zones(_ zones: [String]) -> String {
        """
        SET session_replication_role = replica;
        CREATE TEMPORARY TABLE zone AS
        SELECT user_id, zones[row_number() OVER (ORDER BY slug) % cardinality(zones) + 1] AS name
        FROM daybook.account, (SELECT '{\(zones.joined(separator: ","))}'::text[] AS zones) AS given;
        UPDATE daybook.account AS a SET time_zone = z.name FROM zone AS z WHERE z.user_id = a.user_id;
        UPDATE daybook.account_terms AS a SET time_zone = z.name FROM zone AS z WHERE z.user_id = a.user_id;
        RESET session_replication_role;
        -- What was changed above is other than what is known of the tables.
        ANALYZE
        """
    }

    private static func report(
        _ month: Month?, _ account: String?, _ cutoff: Instant?, into folder: ScratchFolder, connections: Int? = nil,
        formats: Set<ReportFormat>
    ) throws -> SLAReport {
        SLAReport(
            SLARequest(month: try #require(month), account: account, cutoff: cutoff),
            settings: .init(
                definitionFolder: Deployment.root + "/reports/sla",
                templates: try TemplateSet(folders: [Deployment.root + "/templates"]), output: folder.path,
                formats: formats, includesTasks: true, programVersion: "of this test", connections: connections))
    }

    /// Every file of a folder; of a manifest all but when it was made.
    private static func files(_ folder: ScratchFolder) throws -> [String: Data] {
        try folder.contents().reduce(into: [:]) { files, file in
            guard file.key.hasSuffix("manifest.json") else {
                files[file.key] = file.value
                return
            }
            let lines = String(decoding: file.value, as: UTF8.self).components(separatedBy: "\n")
            let kept = lines.filter { !$0.contains("\"generated_at\"") && !$0.contains("\"snapshot_at\"") }
            #expect(lines.count == kept.count + 2)
            files[file.key] = Data(kept.joined(separator: "\n").utf8)
        }
    }

    /// The names of files that differ between the reports of all and those of each alone, and how often tasks were read
    /// for all.
    private static func compare(
        _ month: Month?, cutoff: Instant? = nil, _ settings: ConnectionSettings, connections: Int? = nil,
        formats: Set<ReportFormat> = [.csv]
    ) async throws -> (accounts: Int, differences: [String], readings: Int) {
        let together = try ScratchFolder(), alone = try ScratchFolder()
        let readings = Mutex(0)
        let connection = try await Connection.open(settings)
        let outcomes = try await report(month, nil, cutoff, into: together, connections: connections, formats: formats)
            .runEach(connection) { told in
                if told == "counting completion" { readings.withLock { $0 += 1 } }
            }
        for outcome in outcomes {
            let own = try await report(month, outcome.account?.slug, cutoff, into: alone, formats: formats)
                .run(connection)
            #expect(own.summary.promises == outcome.summary.promises && own.isFinal == outcome.isFinal)
            #expect(
                own.files.map { ($0 as NSString).lastPathComponent }
                    == outcome.files.map { ($0 as NSString).lastPathComponent })
        }
        await connection.close()
        let (mine, theirs) = (try files(together), try files(alone))
        let names = Set(mine.keys).union(theirs.keys).filter { mine[$0] != theirs[$0] }
        return (outcomes.count, names.sorted(), readings.withLock(\.self))
    }

    @Test func `the sample's customers have the reports that they have alone`() async throws {
        try await withSample { settings in
            let found = try await Self.compare(Self.october, settings, formats: [.xlsx, .html, .csv])
            #expect(found.accounts == 12 && found.differences.isEmpty, "\(found.differences)")
            // Three live in UTC, and are counted together.
            #expect(found.readings == 9)
        }
    }

    @Test func `customers of one month are read once, and rows of others count for none of them`() async throws {
        try await withSample { settings in
            try await execute(
                """
                ALTER TABLE public.video_tasks ALTER user_id DROP NOT NULL;
                -- Batches whose tasks are of another customer, of the reported month and of one before.
                UPDATE public.batch_jobs SET user_id = (SELECT user_id FROM daybook.account WHERE slug = 'customer0')
                WHERE created_at >= '2026-09-05Z' AND created_at < '2026-09-20Z' OR created_at >= '2026-10-25Z';
                -- Batches and tasks of nobody, and models that are equal as text and not as bytes.
                UPDATE public.video_tasks SET user_id = NULL WHERE created_at >= '2026-10-20Z'
                    AND created_at < '2026-10-21Z';
                UPDATE public.video_tasks SET model = U&'caf\\00e9'
                WHERE created_at >= '2026-10-08Z' AND created_at < '2026-10-09Z';
                UPDATE public.video_tasks SET model = U&'cafe\\0301'
                WHERE created_at >= '2026-10-09Z' AND created_at < '2026-10-10Z';
                -- Settlements that nobody dated, and ends that are estimated.
                UPDATE public.batch_jobs SET completed_at = NULL WHERE created_at < '2026-10-10Z';
                UPDATE public.video_tasks SET completed_at = NULL WHERE created_at >= '2026-10-11Z';
                \(Self.zones(["Europe/Berlin"]))
                """, in: settings)
            let found = try await Self.compare(Self.october, settings)
            #expect(found.accounts == 12 && found.differences.isEmpty, "\(found.differences)")
            #expect(found.readings == 1)
            // Also where customers are divided over connections, and before the end of the month.
            let cutoff = Instant("2026-10-20T12:15:30Z")
            let divided = try await Self.compare(Self.october, cutoff: cutoff, settings, connections: 3)
            #expect(divided.accounts == 12 && divided.differences.isEmpty, "\(divided.differences)")
        }
    }

    /// Generated deployments with several customers: two, and all of them in a long sweep.
    private static let seeds =
        ProcessInfo.processInfo.environment["DAYBOOK_SEEDS"] == nil ? [4, 9] : [4, 5, 6, 8, 9, 12]

    @Test(arguments: seeds)
    func `customers of a generated deployment have the reports that they have alone`(seed: Int) async throws {
        let folder = try ScratchFolder()
        let input = folder.file("deployment")
        let arguments = try await Oracle.generate(seed: seed, into: input)
        func value(_ name: String) -> String? { arguments.firstIndex(of: name).map { arguments[$0 + 1] } }
        try await withDatabase { settings in
            try await Deployment.load(file: input + "/load.sql", into: settings)
            try await OracleTests.importBooks(input, into: settings)
            if seed % 2 == 1 {
                try await execute(Self.zones(["Asia/Kolkata", "America/New_York"]), in: settings)
            }
            let month = value("--month").flatMap { Month($0) }
            let found = try await Self.compare(month, cutoff: value("--cutoff").flatMap { Instant($0) }, settings)
            #expect(found.accounts > 1 && found.differences.isEmpty, "seed \(seed): \(found.differences)")
        }
    }

    @Test func `sums that are too much for all together are no customer's fault`() async throws {
        try await withSample { settings in
            try await ProgramRun.expectingSuccess(["database", "migrate", "--database", Deployment.conninfo(settings)])
            try await execute(
                """
                INSERT INTO daybook.task_fact (user_id, task_id, cost_credits)
                SELECT user_id, id, 5000000000000000000 FROM (
                    SELECT DISTINCT ON (user_id) user_id, id FROM public.video_tasks
                    WHERE created_at >= '2026-10-05Z' AND created_at < '2026-10-20Z' AND model = 'sora-2'
                    ORDER BY user_id, id
                ) AS t ORDER BY user_id LIMIT 2;
                \(Self.zones(["UTC"]))
                """, in: settings)
            let found = try await Self.compare(Self.october, settings)
            #expect(found.readings == 1 && found.differences.isEmpty, "\(found.differences)")
        }
    }

    @Test func `bad data of one customer leaves all of them without a report`() async throws {
        try await withSample { settings in
            try await execute(
                """
                UPDATE public.batch_jobs SET cost_per_video = -50 WHERE created_at >= '2026-10-01Z'
                    AND user_id = (SELECT user_id FROM daybook.account WHERE slug = 'customer7')
                """, in: settings)
            let folder = try ScratchFolder()
            let report = try Self.report(Self.october, nil, nil, into: folder, formats: [.csv])
            let connection = try await Connection.open(settings)
            let error = await #expect(throws: DaybookError.self) { _ = try await report.runEach(connection) }
            await connection.close()
            #expect(error?.kind == .badData && error?.sentence.contains("cost less than nothing") == true)
            #expect(try folder.contents().isEmpty)
        }
    }
}
