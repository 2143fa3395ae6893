import Foundation
import Postgres
import TestSupport

/// Puts Daybook's own rows of a generated deployment into its database.
enum GeneratedBooks {
    static func load(_ input: String, into settings: ConnectionSettings) async throws {
        let database = ["--database", Deployment.conninfo(settings)]
        try await ProgramRun.expectingSuccess(["database", "migrate"] + database)
        for (command, file) in [(["accounts", "import"], "accounts"), (["availability", "import"], "probes")] {
            try await ProgramRun.expectingSuccess(command + ["\(input)/\(file).csv"] + database)
        }
        let connection = try await Connection.open(settings)
        try await connection.run { session in
            try copy(
                "facts",
                "user_id uuid, task_id uuid, dispatched_at timestamptz, terminal_at timestamptz, terminal_estimated boolean, cancelled_at timestamptz, cost_credits bigint",
                input + "/task_facts.csv", session)
            try copy("holds", "scope text, reference text, released_at timestamptz", input + "/holds.csv", session)
            try copy(
                "policies", "account text, data_class text, retention_days integer", input + "/policies.csv", session)
            try session.executeScript(Self.insert)
        }
        await connection.close()
    }

    private static func copy(_ name: String, _ columns: String, _ path: String, _ session: Session) throws {
        try session.executeScript("CREATE TEMPORARY TABLE \(name) (\(columns))")
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let header = text.prefix { !$0.isNewline }
        _ = try session.copyIn("COPY \(name) (\(header)) FROM STDIN (FORMAT csv, HEADER)") { writer in
            try writer.write(Array(text.utf8))
        }
    }

    private static let insert = """
        INSERT INTO daybook.task_fact
        SELECT user_id, task_id, dispatched_at, terminal_at, coalesce(terminal_estimated, false), cancelled_at, cost_credits
        FROM facts;
        INSERT INTO daybook.legal_hold (scope, user_id, batch_id, video_id, matter, requested_by, released_at, release_reason)
        SELECT h.scope, CASE h.scope WHEN 'account' THEN coalesce(a.user_id::text, h.reference) END::uuid,
            CASE h.scope WHEN 'batch' THEN h.reference END::uuid, CASE h.scope WHEN 'video' THEN h.reference END::uuid,
            'a matter', 'a lawyer', h.released_at, CASE WHEN h.released_at IS NOT NULL THEN 'over' END
        FROM holds AS h LEFT JOIN daybook.account AS a ON h.scope = 'account' AND a.slug = h.reference;
        INSERT INTO daybook.retention_policy (user_id, data_class, retention_days, reason)
        SELECT coalesce(a.user_id, '00000000-0000-0000-0000-000000000000'), p.data_class, p.retention_days, 'contract'
        FROM policies AS p LEFT JOIN daybook.account AS a ON a.slug = p.account
        """
}

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
