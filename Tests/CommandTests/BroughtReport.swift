import Foundation
import Postgres
import TestSupport

/// A report that somebody else wrote: a folder that a test writes, and its runs.
struct BroughtReport {
    struct Sheet {
        let query: String
        let sql: String
        /// The sheet's `columns` in report.json.
        var columns = "{}"
    }

    private let folder: ScratchFolder

    init(_ sheets: [Sheet]) throws {
        folder = try ScratchFolder()
        try write(sheets)
    }

    /// A report of one query.
    init(_ sql: String, columns: String = "{}") throws {
        try self.init([Sheet(query: "values", sql: sql, columns: columns)])
    }

    func write(_ sheets: [Sheet]) throws {
        let home = folder.file("ours/brought")
        try? FileManager.default.removeItem(atPath: home)
        try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
        let parts = sheets.map { sheet in
            "{\"title\": \"\(sheet.query.capitalized)\", \"query\": \"\(sheet.query)\", \"columns\": \(sheet.columns)}"
        }
        _ = try folder.write(
            "{\"title\": \"Brought\", \"sheets\": [\(parts.joined(separator: ", "))]}", to: "ours/brought/report.json")
        for sheet in sheets { _ = try folder.write(sheet.sql, to: "ours/brought/\(sheet.query).sql") }
    }

    /// `daybook report run`, into a folder without what an earlier run left.
    func run(
        _ settings: ConnectionSettings? = nil, _ more: [String] = [], environment: [String: String] = [:]
    ) async throws -> ProgramRun {
        try? FileManager.default.removeItem(atPath: folder.file("out"))
        let database = settings.map { ["--database", Deployment.conninfo($0)] } ?? []
        return try await ProgramRun(
            ["report", "run", "brought", "--reports", folder.file("ours"), "--output", folder.file("out")] + database
                + more, environment: environment)
    }

    /// What the last run published.
    func published() throws -> [String] { try folder.contents().keys.filter { $0.hasPrefix("out/") }.sorted() }

    /// The lines of a CSV file of the last run, without the header.
    func rows(_ query: String = "values") throws -> [String] {
        let bytes = try folder.contents()["out/brought/\(query).csv"] ?? Data()
        return String(decoding: bytes, as: UTF8.self).components(separatedBy: "\r\n").dropFirst().dropLast()
            .map { String($0) }
    }

    var workbook: String { folder.file("out/brought.xlsx") }
}
