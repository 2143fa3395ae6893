import Foundation
import Postgres
import TestSupport
import Testing

/// The whole report against an independent calculation written from the definitions, byte for byte.
@Suite struct OracleTests {
    /// Seeds of the generated deployments: `DAYBOOK_SEEDS=1-2000` runs others.
    private static let seeds: [Int] = {
        let text = ProcessInfo.processInfo.environment["DAYBOOK_SEEDS"] ?? "1-50"
        let ends = text.split(separator: "-").compactMap { Int($0) }
        guard ends.count == 2, ends[0] <= ends[1] else {
            preconditionFailure("DAYBOOK_SEEDS is \(text), not FIRST-LAST")
        }
        return Array(ends[0]...ends[1])
    }()

    @Test(arguments: seeds)
    func `a generated deployment agrees with the calculation`(seed: Int) async throws {
        let folder = try ScratchFolder()
        let input = folder.file("deployment")
        let arguments = try await Oracle.generate(seed: seed, into: input)
        try await withDatabase { settings in
            try await Deployment.load(file: input + "/load.sql", into: settings)
            try await Self.importBooks(input, into: settings)
            // A month is found by indexes or among all tasks: both give the same.
            if seed % 2 == 0 { try await HistoryTests.makeIndexes(settings) }
            // By one connection, by two and by three in turn: each gives what the calculation gives.
            let connections = ["--connections", String(seed % 3 + 1)]
            let report = try await SLARun(settings, arguments + ["--format", "csv"] + connections)
            let differences = try await Oracle.differences(report, input: input, arguments: arguments)
            #expect(
                differences.isEmpty,
                "seed \(seed), \(arguments.joined(separator: " ")): \(differences.joined(separator: "\n"))")
            let recounted = try await Recount.differences(settings, arguments: arguments)
            #expect(recounted.isEmpty, "seed \(seed): \(recounted.joined(separator: "\n"))")
        }
    }

    static func importBooks(_ input: String, into settings: ConnectionSettings) async throws {
        let database = ["--database", Deployment.conninfo(settings)]
        try await ProgramRun.expectingSuccess(["database", "migrate"] + database)
        let profiles = try Data(contentsOf: URL(fileURLWithPath: input + "/profiles.json"))
        for (number, profile) in (try JSONSerialization.jsonObject(with: profiles) as? [Any] ?? []).enumerated() {
            let path = "\(input)/profile-\(number).json"
            try JSONSerialization.data(withJSONObject: profile).write(to: URL(fileURLWithPath: path))
            try await ProgramRun.expectingSuccess(["profiles", "import", path] + database)
        }
        for (command, file) in [
            (["accounts", "import"], "accounts"), (["availability", "import"], "probes"),
            (["availability", "maintenance", "import"], "maintenance"), (["outages", "import"], "outages"),
        ] {
            try await ProgramRun.expectingSuccess(command + ["\(input)/\(file).csv"] + database)
        }
        let connection = try await Connection.open(settings)
        try await connection.run { session in
            // What the engine and the retention will capture comes from files here.
            try session.executeScript(
                "CREATE TEMPORARY TABLE facts (LIKE daybook.task_fact); ALTER TABLE facts ALTER terminal_estimated DROP NOT NULL, ALTER task_id DROP NOT NULL"
            )
            let text = try String(contentsOfFile: input + "/task_facts.csv", encoding: .utf8)
            let columns = text.prefix { !$0.isNewline }
            _ = try session.copyIn("COPY facts (\(columns)) FROM STDIN (FORMAT csv, HEADER)") { writer in
                try writer.write(Array(text.utf8))
            }
            try session.executeScript(
                """
                INSERT INTO daybook.task_fact (user_id, task_id, dispatched_at, terminal_at, terminal_estimated, cancelled_at, cost_credits)
                SELECT user_id, task_id, dispatched_at, terminal_at, coalesce(terminal_estimated, false), cancelled_at, cost_credits FROM facts
                """)
        }
        await connection.close()
    }

    @Test(arguments: [
        ["--month", "2026-10"], ["--month", "2026-10", "--account", "customer5"],
        ["--month", "2026-10", "--account", "customer9"],
        ["--month", "2026-10", "--account", "customer11"], ["--month", "2026-09"], ["--month", "2026-04"],
        ["--month", "2026-11"], ["--month", "2025-01"], ["--month", "2026-10", "--cutoff", "2026-10-20T12:15:30Z"],
    ])
    func `the sample agrees with the calculation`(arguments: [String]) async throws {
        try await withSample { settings in
            let folder = try ScratchFolder()
            try await Self.export(settings, to: folder)
            let report = try await SLARun(settings, arguments + ["--format", "csv"])
            let differences = try await Oracle.differences(report, input: folder.path, arguments: arguments)
            #expect(differences.isEmpty, "\(arguments.joined(separator: " ")): \(differences.joined(separator: "\n"))")
            let recounted = try await Recount.differences(settings, arguments: arguments)
            #expect(recounted.isEmpty, "\(arguments.joined(separator: " ")): \(recounted.joined(separator: "\n"))")
        }
    }

    private static func export(_ settings: ConnectionSettings, to folder: ScratchFolder) async throws {
        let connection = try await Connection.open(settings)
        try await connection.run { session in
            for table in ["batch_jobs", "video_tasks", "credit_ledger", "enterprise_api_keys", "enterprise_api_usage"] {
                var bytes: [UInt8] = []
                _ = try session.copyOut("COPY public.\(table) TO STDOUT (FORMAT csv, HEADER)") { bytes += Array($0) }
                try Data(bytes).write(to: URL(fileURLWithPath: folder.file(table + ".csv")))
            }
        }
        await connection.close()
        for name in ["accounts.csv", "maintenance.csv"] {
            try FileManager.default.copyItem(atPath: Deployment.root + "/sample/" + name, toPath: folder.file(name))
        }
        try Command.run([
            "/bin/sh", "-c", "gzip -dc '\(Deployment.root)/sample/probes.csv.gz' > '\(folder.file("probes.csv"))'",
        ])
        _ = try folder.write("model,starts_at,ends_at,evidence\n", to: "outages.csv")
        _ = try folder.write(
            "user_id,task_id,dispatched_at,terminal_at,terminal_estimated,cancelled_at,cost_credits\n",
            to: "task_facts.csv")
        let profile = try String(
            contentsOfFile: Deployment.root + "/reports/sla/standard-profile.json", encoding: .utf8)
        _ = try folder.write("[\(profile)]", to: "profiles.json")
    }
}

/// The independent calculation in `Tests/Oracle`, and the comparison with a report.
struct Oracle {
    private static let folder = Deployment.root + "/Tests/Oracle"
    private static let figures = [
        "availability", "completion", "refunds", "refund_exceptions", "refund_rates", "idempotency", "promises",
        "budget", "credits", "tasks",
    ]
    /// Kinds of exceptions whose detail is a count; the other details are sentences.
    private static let counts: Set<String> = [
        "terminal_instant_estimated", "terminal_instant_missing", "settlement_instant_estimated", "model_missing",
        "task_without_batch", "owner_without_account", "undated_task",
    ]

    /// Writes a generated deployment and gives its arguments for the report.
    static func generate(seed: Int, into path: String) async throws -> [String] {
        try await ProgramRun.expectingSuccess([folder + "/generate.py", String(seed), path], program: TestPython.path)
        let data = try Data(contentsOf: URL(fileURLWithPath: path + "/arguments.json"))
        guard let given = try JSONSerialization.jsonObject(with: data) as? [String: Any] else {
            throw TestSupportError("arguments.json is no object")
        }
        return ["month", "account", "cutoff"].flatMap { name in
            (given[name] as? String).map { ["--\(name)", $0] } ?? []
        }
    }

    /// Every difference between a report and the calculation from the files in `input`, in words.
    static func differences(_ report: SLARun, input: String, arguments: [String]) async throws -> [String] {
        let scratch = try ScratchFolder()
        // The instant of the report's own snapshot: a month that is not over is counted to the minute.
        let manifest = try JSONSerialization.jsonObject(
            with: try Data(contentsOf: URL(fileURLWithPath: try report.csvFolder() + "/manifest.json")))
        guard let now = (manifest as? [String: Any])?["snapshot_at"] as? String else {
            throw TestSupportError("the manifest names no snapshot")
        }
        try await ProgramRun.expectingSuccess(
            [folder + "/oracle.py", input, scratch.path] + arguments + ["--now", now], program: TestPython.path)
        let ours = try report.csvFolder()
        var differences: [String] = []
        for figure in figures {
            let mine = FileManager.default.contents(atPath: "\(ours)/\(figure).csv") ?? Data()
            let theirs = FileManager.default.contents(atPath: scratch.file("\(figure).csv")) ?? Data()
            if mine != theirs || mine.isEmpty { differences.append("\(figure).csv: \(firstDifference(mine, theirs))") }
        }
        let mine = exceptions(FileManager.default.contents(atPath: ours + "/exceptions.csv"))
        let theirs = exceptions(FileManager.default.contents(atPath: scratch.file("exceptions.csv")))
        if mine != theirs { differences.append("exceptions.csv: \(mine.symmetricDifference(theirs))") }
        return differences
    }

    private static func firstDifference(_ mine: Data, _ theirs: Data) -> String {
        let lines = String(decoding: mine, as: UTF8.self).components(separatedBy: "\r\n")
        let others = String(decoding: theirs, as: UTF8.self).components(separatedBy: "\r\n")
        let line = zip(lines, others).first { $0 != $1 }
        return "report \(line?.0 ?? "\(lines.count) lines"), calculation \(line?.1 ?? "\(others.count) lines")"
    }

    /// Kind, account and reference of each row, and the detail where it is a count.
    private static func exceptions(_ data: Data?) -> Set<String> {
        let lines = String(decoding: data ?? Data(), as: UTF8.self).components(separatedBy: "\r\n")
        return Set(
            lines.dropFirst().compactMap { line in
                let fields = line.components(separatedBy: ",")
                guard fields.count >= 4, !fields[0].hasPrefix("missing_") else { return nil }
                return (fields.prefix(3) + (counts.contains(fields[0]) ? [fields[3]] : [])).joined(separator: ",")
            })
    }
}
