import Foundation
import Postgres
import TestSupport
import Testing

/// Statements and verification against an independent calculation written from the definitions, byte for byte.
@Suite struct OracleStatementTests {
    private static let folder = Deployment.root + "/Tests/Oracle"

    /// Seeds of the generated deployments: `DAYBOOK_SEEDS=1-2000` runs others.
    private static let seeds: [Int] = {
        let text = ProcessInfo.processInfo.environment["DAYBOOK_SEEDS"] ?? "1-4"
        let ends = text.split(separator: "-").compactMap { Int($0) }
        guard ends.count == 2, ends[0] <= ends[1] else { preconditionFailure("DAYBOOK_SEEDS is \(text)") }
        return Array(ends[0]...ends[1])
    }()

    @Test(arguments: ["whole", "planted", "statements"], seeds)
    func `a generated deployment agrees with the calculation`(mode: String, seed: Int) async throws {
        for odd in [[], ["--odd"]] {
            try await Self.compare(mode: mode, seed: seed, odd: odd)
        }
    }

    private static func compare(mode: String, seed: Int, odd: [String]) async throws {
        let scratch = try ScratchFolder()
        let input = scratch.file("deployment")
        try await ProgramRun.expectingSuccess(
            [folder + "/generate_books.py", mode, String(seed), input] + odd, program: TestPython.path)
        let data = try Data(contentsOf: URL(fileURLWithPath: input + "/arguments.json"))
        let given = try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
        let month = try #require(given["month"] as? String)
        let account = given["account"] as? String
        let arguments = ["month", "account", "cutoff"].flatMap { name in
            (given[name] as? String).map { ["--\(name)", $0] } ?? []
        }
        let label = "\(mode) \(seed) \(odd.joined()) \(arguments.joined(separator: " "))"
        try await withDatabase { settings in
            try await Deployment.load(file: input + "/load.sql", into: settings)
            try await GeneratedBooks.importBooks(input, into: settings)
            let ours = try await StatementRuns(
                settings, arguments + (account == nil ? ["--all"] : []) + ["--format", "csv"])
            let now = ISO8601DateFormatter().string(from: Date())
            try await ProgramRun.expectingSuccess(
                [folder + "/statement.py", input, scratch.file("theirs"), "--now", now] + arguments,
                program: TestPython.path)
            let statements = try FileManager.default.contentsOfDirectory(atPath: scratch.file("theirs"))
            #expect(!statements.isEmpty, "\(label)")
            for statement in statements {
                #expect(statement.hasSuffix(month))
                for table in ["summary", "entries", "usage", "batches", "open_batches"] {
                    // The description of an entry is a sentence of ours.
                    func figures(_ records: [[String]]) -> [[String]] {
                        table == "entries" ? records.map { Array($0.prefix(11)) } : records
                    }
                    let mine = figures(try ours.wholeRecords(statement, table))
                    let theirs = figures(try StatementRuns.records(scratch.file("theirs/\(statement)/\(table).csv")))
                    let first = zip(mine, theirs).first { $0 != $1 }
                    #expect(mine == theirs, "\(label), \(statement), \(table): \(String(describing: first))")
                }
            }
            let verified = try await daybook(settings, ["ledger", "verify", "--format", "csv"])
            try await ProgramRun.expectingSuccess(
                [folder + "/verify.py", input, scratch.file("findings"), "--now", now], program: TestPython.path)
            let path = try scratch.write(verified.output, to: "findings.csv")
            let mine = try StatementRuns.records(path).map { Array($0.prefix(3)) }
            let theirs = try StatementRuns.records(scratch.file("findings/findings.csv"))
            #expect(mine == theirs, "\(label)")
            #expect(verified.exitCode == (theirs.count > 1 ? 2 : 0), "\(label): \(verified.errors)")
            if mode == "whole", odd.isEmpty { #expect(theirs.count == 1, "\(label)") }
        }
    }

    @Test(arguments: ["2026-10", "2026-07", "2026-04", "2026-11"])
    func `the sample agrees with the calculation`(month: String) async throws {
        try await withSample { settings in
            let scratch = try ScratchFolder()
            try await GeneratedBooks.export(settings, to: scratch)
            let now = ISO8601DateFormatter().string(from: Date())
            let ours = try await StatementRuns(settings, ["--month", month, "--all", "--format", "csv"])
            try await ProgramRun.expectingSuccess(
                [Self.folder + "/statement.py", scratch.path, scratch.file("theirs"), "--month", month, "--now", now],
                program: TestPython.path)
            for statement in try FileManager.default.contentsOfDirectory(atPath: scratch.file("theirs")) {
                for table in ["summary", "usage", "batches", "open_batches"] {
                    let mine = try ours.wholeRecords(statement, table)
                    let theirs = try StatementRuns.records(scratch.file("theirs/\(statement)/\(table).csv"))
                    #expect(mine == theirs, "\(statement), \(table)")
                }
            }
        }
    }
}
