import Domain
import Formats
import Foundation
import Postgres
import TestSupport

/// One run of `daybook report statement` into a folder of its own.
struct StatementRuns {
    let run: ProgramRun
    let folder: ScratchFolder

    init(_ settings: ConnectionSettings, _ arguments: [String], environment: [String: String] = [:]) async throws {
        folder = try ScratchFolder()
        run = try await ProgramRun(
            ["report", "statement", "--quiet", "--output", folder.path, "--database", Deployment.conninfo(settings)]
                + arguments, environment: environment)
        if run.exitCode != 0 { throw TestSupportError("report statement ended with \(run.exitCode): \(run.errors)") }
    }

    /// The records of a table, the header first, without the account and the month that each of them begins with.
    ///
    /// Throws where one does not begin with those of its statement.
    func records(_ statement: String, _ table: String) throws -> [[String]] {
        let records = try wholeRecords(statement, table)
        let number = statement.dropFirst("statement-".count)
        let subject = [String(number.dropLast("-2026-10".count)), String(number.suffix("2026-10".count))]
        for (index, record) in records.enumerated() {
            guard Array(record.prefix(2)) == (index == 0 ? ["account", "month"] : subject) else {
                throw TestSupportError("\(statement)/\(table).csv has the row \(record)")
            }
        }
        return records.map { Array($0.dropFirst(2)) }
    }

    /// The same as they are.
    func wholeRecords(_ statement: String, _ table: String) throws -> [[String]] {
        try Self.records(folder.file("\(statement)/\(table).csv"))
    }

    /// The credits of a summary by line.
    func summary(_ statement: String) throws -> [String: Int64] {
        var lines: [String: Int64] = [:]
        for record in try records(statement, "summary").dropFirst() { lines[record[0]] = Int64(record[1]) }
        return lines
    }

    static func records(_ path: String) throws -> [[String]] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw TestSupportError("there is no \(path)")
        }
        var reader = CSVReader()
        var records: [[String]] = []
        try reader.read(data) { records.append($0.map(\.text)) }
        try reader.finish { records.append($0.map(\.text)) }
        return records
    }
}

/// Runs a command of the program on a database.
func daybook(_ settings: ConnectionSettings, _ arguments: [String]) async throws -> ProgramRun {
    try await ProgramRun(arguments + ["--database", Deployment.conninfo(settings)])
}

/// Closes a month as somebody who has looked at what is not whole: what a first try names is accepted.
func closing(_ settings: ConnectionSettings, _ arguments: [String]) async throws -> ProgramRun {
    let command = ["close", "month"] + arguments
    let first = try await daybook(settings, command)
    let named = first.errors.matches(of: /not closed: ([a-z0-9-]+) is not whole/).map { String($0.1) }
    guard first.exitCode == 2, !named.isEmpty else { return first }
    return try await daybook(settings, command + named.flatMap { ["--accept", $0] } + ["--reason", "looked at"])
}

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
