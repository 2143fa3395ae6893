import Domain
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

    /// The records of a table, the header first.
    func records(_ statement: String, _ table: String) throws -> [[String]] {
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
