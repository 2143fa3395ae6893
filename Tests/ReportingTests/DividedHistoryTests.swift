import Foundation
import Postgres
import TestSupport
import Testing

/// Reports where Citus divides the history by its customers: the queries name the customer wherever they join.
///
/// Here the catalogue alone says so, and the rows are all on one server. `scripts/test-distributed` reads the plans.
@Suite struct DividedHistoryTests {
    private static let october = ["--month", "2026-10"]

    /// Outages in which tasks failed, a batch without an owner's account, keys that came twice, and freezes that name
    /// no batch.
    private static let rows = """
        INSERT INTO daybook.provider_outage (model, starts_at, ends_at, evidence) VALUES
            ('sora-2', '2026-10-08Z', '2026-10-10Z', 'https://status.example.org/1'),
            ('veo-pro', '2026-10-01Z', '2026-10-20Z', 'https://status.example.org/2');
        UPDATE public.batch_jobs SET request_id = 'again'
        WHERE id IN (SELECT id FROM public.batch_jobs WHERE user_id = (
            SELECT user_id FROM public.batch_jobs WHERE created_at >= '2026-10-02Z' AND created_at < '2026-10-30Z'
            GROUP BY user_id ORDER BY count(*) DESC, user_id LIMIT 1));
        UPDATE public.batch_jobs SET completed_at = NULL WHERE created_at >= '2026-10-12Z';
        UPDATE public.credit_ledger SET ref_id = 'gone' WHERE id IN (
            SELECT id FROM public.credit_ledger WHERE ref_type = 'batch_upfront' AND created_at >= '2026-10-05Z'
            ORDER BY id LIMIT 2)
        """

    private static func divide(_ settings: ConnectionSettings) async throws {
        try await CitusCatalogue.install(CitusCatalogue.history, in: settings)
    }

    @Test func `a divided history gives the bytes of one that is not`() async throws {
        try await withSample { settings in
            try await execute(Self.rows, in: settings)
            let arguments = [Self.october, Self.october + ["--account", "customer5"], Self.october + ["--all"]]
            var here: [[String: Data]] = []
            for arguments in arguments { here.append(try await SLARun(settings, arguments).comparableFiles()) }
            try await Self.divide(settings)
            for (arguments, here) in zip(arguments, here) {
                let divided = try await SLARun(settings, arguments).comparableFiles()
                let differences = here.keys.filter { here[$0] != divided[$0] }.sorted()
                #expect(here.keys.sorted() == divided.keys.sorted() && differences.isEmpty, "\(differences)")
            }
            let exceptions = try await SLARun(settings, Self.october).lines("exceptions")
            for kind in ["provider_outage", "duplicate_request_id", "charge_without_batch"] {
                #expect(exceptions.contains { $0.hasPrefix(kind + ",") }, "\(kind)")
            }
            let recounted = try await Recount.differences(settings, arguments: Self.october)
            #expect(recounted.isEmpty, "\(recounted.joined(separator: "\n"))")
        }
    }

    @Test func `a divided batch has the tasks of its own customer, and those of another are named`() async throws {
        try await withSample { settings in
            try await execute(
                """
                -- A batch of October whose tasks have no account and another owner.
                INSERT INTO public.users (id, google_id, email)
                VALUES ('00000000-0000-4000-8000-000000000001', 'other', 'other@example.org');
                UPDATE public.batch_jobs SET user_id = '00000000-0000-4000-8000-000000000001'
                WHERE id = (
                    SELECT b.id FROM public.batch_jobs AS b WHERE b.created_at >= '2026-10-08Z' AND b.total_count > 2
                    ORDER BY b.created_at, b.id LIMIT 1)
                """, in: settings)
            func withoutBatch() async throws -> Int {
                let line = try await SLARun(settings, Self.october).lines("exceptions").first {
                    $0.hasPrefix("task_without_batch,")
                }
                return line.flatMap { Int($0.split(separator: ",").last ?? "") } ?? 0
            }
            let here = try await withoutBatch()
            try await Self.divide(settings)
            #expect(try await withoutBatch() > here + 2)
            let recounted = try await Recount.differences(settings, arguments: Self.october)
            #expect(recounted.isEmpty, "\(recounted.joined(separator: "\n"))")
        }
    }

    @Test func `a preliminary report says that it is not one snapshot, and a final one does not`() async throws {
        try await withSample { settings in
            let preliminary = Self.october + ["--cutoff", "2026-10-20T00:00:00Z"]
            func said(_ arguments: [String]) async throws -> [String] {
                let run = try await SLARun(settings, arguments)
                let files = try run.folder.contents()
                return files.filter { name, bytes in
                    (name.hasSuffix(".html") || name.hasSuffix(".json"))
                        && String(decoding: bytes, as: UTF8.self).contains("not one snapshot: ")
                }.keys.sorted()
            }
            #expect(try await said(preliminary).isEmpty)
            try await Self.divide(settings)
            #expect(try await said(preliminary) == ["sla-2026-10.html", "sla-2026-10/manifest.json"])
            #expect(try await said(preliminary + ["--account", "customer5"]).count == 2)
            #expect(try await said(Self.october).isEmpty)
        }
    }
}
