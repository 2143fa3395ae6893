import Foundation
import Postgres
import TestSupport

/// Loads generated deployments, and writes the sample as the files that the calculations read.
enum GeneratedBooks {
    static func importBooks(_ input: String, into settings: ConnectionSettings) async throws {
        let database = ["--database", Deployment.conninfo(settings)]
        try await ProgramRun.expectingSuccess(["database", "migrate"] + database)
        let profiles = try Data(contentsOf: URL(fileURLWithPath: input + "/profiles.json"))
        for (number, profile) in (try JSONSerialization.jsonObject(with: profiles) as? [Any] ?? []).enumerated() {
            let path = "\(input)/profile-\(number).json"
            try JSONSerialization.data(withJSONObject: profile).write(to: URL(fileURLWithPath: path))
            try await ProgramRun.expectingSuccess(["profiles", "import", path] + database)
        }
        try await ProgramRun.expectingSuccess(["accounts", "import", input + "/accounts.csv"] + database)
        guard let facts = FileManager.default.contents(atPath: input + "/task_facts.csv") else { return }
        let text = String(decoding: facts, as: UTF8.self)
        let columns = text.prefix { !$0.isNewline }
        let connection = try await Connection.open(settings)
        try await connection.run { session in
            try session.executeScript(
                """
                CREATE TEMPORARY TABLE facts (LIKE daybook.task_fact);
                ALTER TABLE facts ALTER terminal_estimated DROP NOT NULL, ALTER task_id DROP NOT NULL
                """)
            _ = try session.copyIn("COPY facts (\(columns)) FROM STDIN (FORMAT csv, HEADER)") { writer in
                try writer.write(Array(text.utf8))
            }
            try session.executeScript(
                """
                INSERT INTO daybook.task_fact (
                    user_id, task_id, dispatched_at, terminal_at, terminal_estimated, cancelled_at, cost_credits)
                SELECT user_id, task_id, dispatched_at, terminal_at, coalesce(terminal_estimated, false), cancelled_at,
                    cost_credits
                FROM facts
                """)
        }
        await connection.close()
    }

    static func export(_ settings: ConnectionSettings, to folder: ScratchFolder) async throws {
        let connection = try await Connection.open(settings)
        try await connection.run { session in
            for table in ["batch_jobs", "video_tasks", "credit_ledger", "credit_wallet"] {
                var bytes: [UInt8] = []
                _ = try session.copyOut("COPY public.\(table) TO STDOUT (FORMAT csv, HEADER)") { bytes += Array($0) }
                try Data(bytes).write(to: URL(fileURLWithPath: folder.file(table + ".csv")))
            }
        }
        await connection.close()
        try FileManager.default.copyItem(
            atPath: Deployment.root + "/sample/accounts.csv", toPath: folder.file("accounts.csv"))
    }
}
