import Foundation
import Postgres
import TestSupport
import Testing

/// A figure is attributed to the queries that made it, and to no other.
@Suite struct ProvenanceTests {
    private static let queries = [
        "availability", "batches", "exceptions", "idempotency", "month_tasks", "refund_exceptions", "trend_completion",
    ]

    /// Figures by the name of their CSV file, without the two that speak of files.
    private func figures(_ report: SLARun) throws -> [String: Data] {
        try report.folder.contents().reduce(into: [:]) { figures, file in
            let name = (file.key as NSString).lastPathComponent
            guard name.hasSuffix(".csv"), name != "provenance.csv" else { return }
            figures[String(name.dropLast(4))] = file.value
        }
    }

    /// The figures that the provenance attributes to a query.
    private func attributed(to sha256: String, in report: SLARun) throws -> Set<String> {
        Set(
            try report.lines("provenance").map { $0.components(separatedBy: ",") }
                .filter { $0[1] == sha256 && !$0[0].hasPrefix("sql/") }.map { $0[0] })
    }

    @Test func `a query without its rows changes every figure that is attributed to it, and no other`() async throws {
        try await withSample { settings in
            // A batch that was frozen twice is found by one query and counted among the violations of another.
            try await execute(
                """
                INSERT INTO public.credit_ledger (user_id, type, model, credits_delta, ref_type, ref_id, created_at)
                SELECT user_id, 'spend', 'sora-2', -frozen_credits, 'batch_upfront', id::text, created_at
                FROM public.batch_jobs WHERE created_at >= '2026-10-05Z' AND frozen_credits > 0
                ORDER BY created_at, id LIMIT 1
                """, in: settings)
            try await withLogin(settings) { login in
                let folder = try ScratchFolder()
                let own = folder.file("reports/sla")
                try FileManager.default.createDirectory(
                    atPath: folder.file("reports"), withIntermediateDirectories: true)
                try FileManager.default.copyItem(atPath: Deployment.root + "/reports/sla", toPath: own)
                let arguments = [
                    "--month", "2026-10", "--format", "csv", "--no-tasks", "--reports", folder.file("reports"),
                ]
                let before = try await SLARun(login, arguments)
                let whole = try figures(before)
                var found: Set<String> = []
                for query in Self.queries {
                    let path = "\(own)/\(query).sql"
                    let text = try String(contentsOfFile: path, encoding: .utf8)
                    let sha256 = try Command.run(["/usr/bin/sha256sum", path]).prefix(64)
                    try "SELECT * FROM (\n\(text)\n) AS q WHERE false".write(
                        toFile: path, atomically: true, encoding: .utf8)
                    let without = try figures(try await SLARun(login, arguments))
                    try text.write(toFile: path, atomically: true, encoding: .utf8)
                    let changed = Set(whole.filter { without[$0.key] != $0.value }.keys)
                    #expect(try attributed(to: String(sha256), in: before) == changed, "\(query)")
                    found.formUnion(changed)
                }
                #expect(found == Set(whole.keys))
            }
        }
    }
}
