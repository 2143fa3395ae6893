import Foundation
import Postgres
import TestSupport

/// A deployment's rows as the files that the calculation reads.
enum RetentionExport {
    private static let tables = [
        "public.batch_jobs", "public.video_tasks", "public.enterprise_api_keys", "public.enterprise_api_usage",
        "public.video_external_access_log",
    ]

    static func write(_ settings: ConnectionSettings, to folder: String) async throws {
        let connection = try await Connection.open(settings)
        try await connection.run { session in
            for table in tables {
                try save("SELECT * FROM \(table)", to: folder + "/" + table.dropFirst(7) + ".csv", session)
            }
            try save(
                """
                SELECT user_id, slug, name, plan, currency, time_zone AS timezone, retention_days,
                    monthly_fee_usd, legal_hold, contract_profile FROM daybook.account
                """, to: folder + "/accounts.csv", session)
            try save("SELECT probed_at, target, ok, latency_ms FROM daybook.probe", to: folder + "/probes.csv", session)
            try save("SELECT * FROM daybook.task_fact", to: folder + "/task_facts.csv", session)
            try save(
                """
                SELECT scope, coalesce(user_id, batch_id, video_id) AS reference, released_at FROM daybook.legal_hold
                """, to: folder + "/holds.csv", session)
            try save(
                "SELECT 'task_content' AS data_class, task_id AS row_id FROM daybook.task_redaction",
                to: folder + "/redacted.csv", session)
        }
        await connection.close()
    }

    private static func save(_ query: String, to path: String, _ session: Session) throws {
        var bytes: [UInt8] = []
        _ = try session.copyOut("COPY (\(query)) TO STDOUT (FORMAT csv, HEADER)") { bytes += Array($0) }
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }
}
