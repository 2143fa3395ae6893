import Foundation
import Postgres
import TestSupport
import Testing

/// The books of a service as it really lives: its own functions wrote them, and a calculation of its own says what
/// they say. One life after another: each holds a connection for as long as it lasts.
@Suite(.serialized) struct DeployedTests {
    /// Seeds of the lives: `DAYBOOK_DEPLOYED_SEEDS=1-200` plays others.
    private static let seeds = SeedRange("DAYBOOK_DEPLOYED_SEEDS", standard: 1...3).seeds

    @Test(arguments: seeds)
    func `statements and explanations of a life agree with the calculation`(seed: Int) async throws {
        try await withDatabase { settings in
            let books = try await DeployedBooks(seed: seed, in: settings)
            let differences = try await books.statementDifferences() + books.explainDifferences(batches: 4)
            #expect(differences.isEmpty, "\(books.label(seed)):\n\(differences.joined(separator: "\n"))")
        }
    }

    @Test(arguments: seeds)
    func `the verification of a life agrees with the calculation`(seed: Int) async throws {
        try await withDatabase { settings in
            let books = try await DeployedBooks(seed: seed, in: settings)
            let differences = try await books.verifyDifferences()
            #expect(differences.isEmpty, "\(books.label(seed)):\n\(differences.joined(separator: "\n"))")
        }
    }

    @Test(arguments: seeds)
    func `the SLA report of a life agrees with the calculation`(seed: Int) async throws {
        try await withDatabase { settings in
            let books = try await DeployedBooks(seed: seed, in: settings)
            let differences = try await books.slaDifferences()
            #expect(differences.isEmpty, "\(books.label(seed)):\n\(differences.joined(separator: "\n"))")
        }
    }
}

/// A deployment as it really lives, played by its own functions, and the calculation of its own of what its books say.
struct DeployedBooks {
    private static let folder = Deployment.root + "/Tests/Oracle"
    private static let exported = ["batch_jobs", "video_tasks", "credit_ledger", "credit_wallet"]

    let settings: ConnectionSettings
    let scratch: ScratchFolder
    let month: String
    /// The account of a report of one; nil for everybody's.
    let account: String?

    /// Which life this is, for messages.
    func label(_ seed: Int) -> String { "seed \(seed), \(month), \(account ?? "everybody")" }

    private var input: String { scratch.file("deployment") }

    /// Plays the life of a seed, imports what is ours, and exports the tables for the calculation.
    init(seed: Int, in settings: ConnectionSettings) async throws {
        self.settings = settings
        scratch = try ScratchFolder()
        let path = scratch.file("deployment")
        try await Self.python("generate_deployed.py", "play", String(seed), path)
        try await Deployment.load(file: path + "/load.sql", into: settings)
        let data = try Data(contentsOf: URL(fileURLWithPath: path + "/arguments.json"))
        let given = try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
        month = given["month"] as? String ?? ""
        account = given["account"] as? String
        try await GeneratedBooks.importBooks(path, into: settings)
        try await importTerms()
        try await export()
        try await Self.python("generate_deployed.py", "prices", String(seed), path)
        let database = ["--database", Deployment.conninfo(settings)]
        try await ProgramRun.expectingSuccess(["availability", "import", path + "/probes.csv"] + database)
        try await ProgramRun.expectingSuccess(["ledger", "prices", "import", path + "/prices.csv"] + database)
    }

    /// What imports during the months before would have recorded.
    private func importTerms() async throws {
        let text = try String(contentsOfFile: input + "/terms.csv", encoding: .utf8)
        let columns = text.prefix { !$0.isNewline }.trimmingCharacters(in: .whitespacesAndNewlines)
        let connection = try await Connection.open(settings)
        try await connection.run { session in
            try session.executeScript(
                "CREATE TEMPORARY TABLE terms AS SELECT \(columns) FROM daybook.account_terms WHERE false")
            _ = try session.copyIn("COPY terms FROM STDIN (FORMAT csv, HEADER)") { try $0.write(Array(text.utf8)) }
            try session.executeScript(
                """
                INSERT INTO daybook.account_terms (\(columns)) SELECT \(columns) FROM terms
                ON CONFLICT (user_id, from_month) DO NOTHING
                """)
        }
        await connection.close()
    }

    private func export() async throws {
        let connection = try await Connection.open(settings)
        try await connection.run { session in
            for table in Self.exported {
                var bytes: [UInt8] = []
                _ = try session.copyOut("COPY public.\(table) TO STDOUT (FORMAT csv, HEADER)") { bytes += Array($0) }
                try Data(bytes).write(to: URL(fileURLWithPath: "\(input)/\(table).csv"))
            }
        }
        await connection.close()
    }

    private static func python(_ arguments: String...) async throws {
        try await ProgramRun.expectingSuccess(
            ["\(folder)/\(arguments[0])"] + arguments.dropFirst(), program: TestPython.path)
    }

    /// Runs a part of the calculation into a folder, and gives the folder.
    private func calculate(_ part: String, _ arguments: [String] = []) async throws -> String {
        let output = scratch.file(part)
        let now = ISO8601DateFormatter().string(from: Date())
        try await ProgramRun.expectingSuccess(
            [Self.folder + "/deployed.py", part, input, output, "--now", now] + arguments, program: TestPython.path)
        return output
    }

    private static func difference(_ label: String, _ mine: [[String]], _ theirs: [[String]]) -> [String] {
        guard mine != theirs else { return [] }
        let missing = theirs.filter { !mine.contains($0) }.prefix(3).map { $0.joined(separator: ",") }
        let extra = mine.filter { !theirs.contains($0) }.prefix(3).map { $0.joined(separator: ",") }
        return ["\(label): expected \(missing), got \(extra)"]
    }
}

extension DeployedBooks {
    private static let figures = [
        "completion", "refunds", "refund_exceptions", "refund_rates", "idempotency", "promises", "budget",
        "credits", "tasks",
    ]
    /// Kinds of exceptions whose detail is a count; the other details are sentences.
    private static let counted: Set<String> = [
        "terminal_instant_estimated", "settlement_instant_estimated", "model_missing", "task_without_batch",
        "owner_without_account",
    ]

    /// Where the SLA report differs from the calculation, in words.
    func slaDifferences() async throws -> [String] {
        let only = account.map { ["--account", $0] } ?? []
        let theirs = try await calculate("sla", ["--month", month] + only)
        let output = scratch.file("report")
        let run = try await daybook(
            settings, ["report", "sla", "--quiet", "--output", output, "--month", month, "--format", "csv"] + only)
        guard run.exitCode == 0 else { return ["report sla: \(run.errors)"] }
        let ours = output + "/sla-" + (account.map { $0 + "-" } ?? "") + month
        var differences: [String] = []
        for figure in Self.figures {
            differences += Self.difference(
                "sla \(figure)", try StatementRuns.records("\(ours)/\(figure).csv"),
                try StatementRuns.records("\(theirs)/\(figure).csv"))
        }
        func exceptions(_ folder: String) throws -> [[String]] {
            try StatementRuns.records(folder + "/exceptions.csv").filter { !$0[0].hasPrefix("missing_") }.map {
                Array($0.prefix(3)) + (Self.counted.contains($0[0]) ? [$0[3]] : [])
            }
        }
        return try await differences + Self.difference("sla exceptions", try exceptions(ours), try exceptions(theirs))
            + failureDifferences(theirs)
    }

    /// Where the failures by customer and model differ from the tasks of the calculation, in words.
    private func failureDifferences(_ theirs: String) async throws -> [String] {
        let classes = ["late", "failed", "timed_out", "cancelled_late", "in_flight_over", "input_refused"]
        let tasks = try StatementRuns.records(theirs + "/tasks.csv").dropFirst()
        let expected = Dictionary(grouping: tasks) { [$0[1], $0[2]] }.map { customer, own in
            let names = own.map { $0[12].isEmpty ? $0[11] : $0[12] }
            let counts = classes.map { name in names.count { $0 == name } }
            let valid = names.count { $0 == "good" } + counts.dropLast().reduce(0, +)
            return customer + ([valid] + counts).map(String.init)
        }
        let output = scratch.file("failures")
        let only = account.map { ["--param", "account=\($0)"] } ?? []
        let run = try await withLogin(settings) { login in
            try await daybook(
                login,
                ["report", "run", "failures", "--quiet", "--output", output, "--format", "csv"]
                    + ["--param", "month=\(month)"] + only)
        }
        guard run.exitCode == 0 else { return ["report run failures: \(run.errors)"] }
        let ours = output + "/failures-" + (account.map { $0 + "-" } ?? "") + month
        func ordered(_ rows: [[String]]) -> [[String]] { rows.sorted { $0.lexicographicallyPrecedes($1) } }
        return Self.difference(
            "failures", ordered(Array(try StatementRuns.records(ours + "/by_customer.csv").dropFirst())),
            ordered(expected))
    }

    /// Where a statement differs from the calculation, in words.
    func statementDifferences() async throws -> [String] {
        let theirs = try await calculate("statement", ["--month", month])
        let ours = try await StatementRuns(settings, ["--all", "--month", month, "--format", "csv"])
        var differences: [String] = []
        for statement in try FileManager.default.contentsOfDirectory(atPath: theirs).sorted() {
            for table in ["summary", "entries", "usage", "batches", "open_batches"] {
                // The description of an entry is a sentence of ours.
                func figures(_ records: [[String]]) -> [[String]] {
                    table == "entries" ? records.map { Array($0.prefix(11)) } : records
                }
                differences += Self.difference(
                    "\(statement) \(table)", figures(try ours.wholeRecords(statement, table)),
                    figures(try StatementRuns.records("\(theirs)/\(statement)/\(table).csv")))
            }
        }
        return differences
    }

    /// Where the verification differs from the calculation, in words.
    func verifyDifferences() async throws -> [String] {
        let theirs = try StatementRuns.records(try await calculate("verify") + "/findings.csv")
        let run = try await daybook(settings, ["ledger", "verify", "--format", "csv"])
        let mine = try StatementRuns.records(try scratch.write(run.output, to: "found.csv")).map { Array($0.prefix(3)) }
        let code = theirs.count > 1 ? 2 : 0
        return Self.difference("verify", mine, theirs)
            + (run.exitCode == code ? [] : ["verify ended with \(run.exitCode): \(run.errors)"])
    }

    /// Where what a batch's credits cost differs from the calculation, in words, for some batches.
    func explainDifferences(batches: Int) async throws -> [String] {
        let rows = try StatementRuns.records(try await calculate("explain") + "/origins.csv").dropFirst()
        var differences: [String] = []
        for (batch, own) in Dictionary(grouping: rows, by: { $0[0] }).sorted(by: { $0.key < $1.key }).prefix(batches) {
            let run = try await daybook(settings, ["ledger", "explain", batch])
            guard run.exitCode == 0 else {
                differences.append("explain \(batch): \(run.errors)")
                continue
            }
            let shown = run.output.split(separator: "\n").filter { $0.hasPrefix(batch) }.map { line in
                let cells = line.split(separator: /\s{2,}/).map(String.init)
                return Array(cells.prefix(2)) + cells.suffix(4)
            }
            differences += Self.difference("explain \(batch)", Self.byEntry(shown), Self.byEntry(own))
        }
        return differences
    }

    /// Credits and costs in millionths of a dollar, added up by the entry that they came from.
    private static func byEntry(_ rows: [[String]]) -> [[String]] {
        let sums = Dictionary(grouping: rows, by: { $0[1] }).mapValues { own in
            (2..<6).map { place in own.reduce(0) { $0 + (micros($1[place]) ?? -1) } }
        }
        return sums.map { [$0.key] + $0.value.map(String.init) }.sorted { $0[0] < $1[0] }
    }

    private static func micros(_ text: String) -> Int64? {
        let parts = text.replacing(",", with: "").split(separator: ".")
        guard let first = parts.first, let whole = Int64(first) else { return nil }
        let digits = String((parts.count > 1 ? parts[1] : "").prefix(6))
        return whole * 1_000_000 + (Int64(digits.padding(toLength: 6, withPad: "0", startingAt: 0)) ?? 0)
    }
}
