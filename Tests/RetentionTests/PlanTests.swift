import Foundation
import Postgres
import TestSupport
import Testing

/// The plan, against figures that are known and against a calculation that shares nothing with it.
@Suite struct PlanTests {
    /// Seeds of the generated deployments: `DAYBOOK_RETENTION_SEEDS=1-300` runs all of them.
    private static let seeds: [Int] = {
        let text = ProcessInfo.processInfo.environment["DAYBOOK_RETENTION_SEEDS"] ?? "1-30"
        let ends = text.split(separator: "-").compactMap { Int($0) }
        guard ends.count == 2, ends[0] <= ends[1] else {
            preconditionFailure("DAYBOOK_RETENTION_SEEDS is \(text), not FIRST-LAST")
        }
        return Array(ends[0]...ends[1])
    }()
    private static let oracle = Deployment.root + "/Tests/Oracle"

    @Test func `on the sample 7,541 rows of the access log are due, 1,128 are held, 35 of the due have no owner`()
        async throws
    {
        try await withSample { settings in
            let plan = try await PlanFile(settings, ["--as-of", "2026-11-05"])
            #expect(plan.sum("due_rows", dataClass: "access_log") == 7541)
            #expect(plan.sum("held_rows", dataClass: "access_log") == 1128)
            let ownerless = try plan.row(account: "", dataClass: "access_log")
            #expect(ownerless["due_rows"] == "35")
            #expect(ownerless["retention_days"] == "180")
            #expect(ownerless["cutoff"] == "2026-05-09T00:00:00.000000+00:00")
            #expect(try plan.row(account: "customer10", dataClass: "access_log")["due_rows"] == "0")
        }
    }

    @Test(arguments: [
        ["--as-of", "2026-11-05"], ["--as-of", "2026-10-25"], ["--as-of", "2027-06-01"],
        ["--as-of", "2026-11-05", "--account", "customer9"], ["--as-of", "2026-11-05", "--account", "customer11"],
    ])
    func `the sample's plan agrees with the calculation`(arguments: [String]) async throws {
        try await withSample { settings in
            let folder = try ScratchFolder()
            try await RetentionExport.write(settings, to: folder.path)
            try await Self.compare(settings, folder.path, arguments, "the sample")
        }
    }

    @Test(arguments: seeds)
    func `a generated deployment's plan agrees with the calculation`(seed: Int) async throws {
        let folder = try ScratchFolder()
        let input = folder.file("deployment")
        try await ProgramRun.expectingSuccess(
            [Self.oracle + "/generate_retention.py", String(seed), input], program: TestPython.path)
        try await withDatabase { settings in
            try await Deployment.load(file: input + "/load.sql", into: settings)
            try await GeneratedBooks.load(input, into: settings)
            let data = try Data(contentsOf: URL(fileURLWithPath: input + "/arguments.json"))
            let given = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
            let date = try #require(given["as_of"] as? String)
            let account = (given["account"] as? String).map { ["--account", $0] } ?? []
            try await Self.compare(settings, input, ["--as-of", date] + account, "seed \(seed)")
        }
    }

    private static func compare(
        _ settings: ConnectionSettings, _ input: String, _ arguments: [String], _ what: String
    ) async throws {
        let theirs = try ScratchFolder()
        try await ProgramRun.expectingSuccess(
            [oracle + "/retention.py", input, theirs.path] + arguments, program: TestPython.path)
        let plan = try await PlanFile(settings, arguments)
        let calculated = try #require(FileManager.default.contents(atPath: theirs.file("plan.csv")))
        #expect(
            plan.bytes == calculated,
            "\(what) \(arguments):\n\(plan.text)\n--- calculated\n\(String(decoding: calculated, as: UTF8.self))")
    }

    @Test func `a plan changes nothing and needs no right to write`() async throws {
        try await withSample { settings in
            let first = try await PlanFile(settings, ["--as-of", "2026-11-05"])
            let readOnly = ConnectionSettings(
                options: settings.options.merging(["options": "-c default_transaction_read_only=on"]) { $1 })
            let second = try await PlanFile(readOnly, ["--as-of", "2026-11-05"])
            #expect(first.bytes == second.bytes)
        }
    }

    @Test func `a plan of an account that does not exist is refused`() async throws {
        try await withSample { settings in
            let run = try await ProgramRun(
                ["retention", "plan", "--account", "nobody", "--database", Deployment.conninfo(settings)])
            #expect(run.exitCode == 64)
        }
    }

    @Test func `a column that can neither be kept nor emptied makes the plan refuse, and name it`() async throws {
        try await withSample { settings in
            try await execute(
                "ALTER TABLE public.video_tasks ADD COLUMN tenant_number integer NOT NULL DEFAULT 7", in: settings)
            let run = try await ProgramRun(["retention", "plan", "--database", Deployment.conninfo(settings)])
            #expect(run.exitCode == 65)
            #expect(run.errors.contains("tenant_number"))
        }
    }
}
