import Foundation
import Postgres
import TestSupport
import Testing

/// Commands on a database in which somebody planted functions and operators under every name that our SQL uses, and on
/// its twin without them: nobody calls what was planted, and what comes out is the same.
@Suite struct PlantedTests {
    /// What a run gave, without what differs from one run to the next: instants, digests, places.
    private struct Seen: Equatable {
        let exitCode: Int32
        let output: String
        let files: [String: String]
    }

    /// Commands of the README and the documents, in an order that makes sense. `@name` is a file of the run's folder.
    private static let reading = [
        "database check", "accounts list", "accounts show customer3", "profiles list", "profiles show standard",
        "availability list", "availability maintenance list", "outages list",
        "report sla --quiet --month 2026-10 --cutoff 2026-11-05T00:00:00Z --output @sla",
        "report sla --quiet --month 2026-10 --account customer3 --format csv --output @sla-customer3",
        "report sla --month 2026-10 --cutoff 2026-11-05T00:00:00Z --sql",
        "report run failures --quiet --param month=2026-10 --output @failures",
        "report run access --quiet --param month=2026-10 --param account=customer3 --output @access",
        "report run credits --quiet --param from=2026-04 --param to=2026-10 --output @credits",
        "report statement --quiet --month 2026-09 --all --output @statements", "ledger verify --format csv",
        "ledger explain 9007199254740499", "retention hold list", "retention policy list",
        "retention plan --as-of 2026-11-05 --output @plan", "retention verify", "retention list",
        "retention show customer3",
    ]
    private static let writing = [
        "database migrate", "accounts import \(Deployment.root)/sample/accounts.csv",
        "availability import \(Deployment.root)/sample/probes.csv.gz",
        "availability maintenance import \(Deployment.root)/sample/maintenance.csv",
        "outages import @outages.csv", "profiles import @ours.json",
        "availability probe http://127.0.0.1:9/ --target batch-api --quiet",
        "report statement --quiet --month 2026-09 --account customer5 --output @mailed --email "
            + "--from finance@example.org --accept customer5 --reason known",
        "report sla --quiet --month 2026-10 --account customer5 --no-tasks --output @mailed --email "
            + "--from service@example.org",
        "close month 2026-10 --quiet", "close list", "close diff 2026-10",
        "close reopen 2026-10 --account customer5 --reason late", "close list",
        "retention hold add --account customer9 --matter case-7 --requested-by counsel", "retention hold list",
        "retention hold release 1 --reason settled",
        "retention policy set --account customer9 --class access_log --days 365 --reason contract",
        "retention policy list", "retention plan --as-of 2026-11-05 --output @due",
        "retention purge --yes --quiet --as-of 2026-11-05 --archive @archive --certificates @certificates "
            + "--expect-rows @",
        "retention plan --as-of 2026-11-05 --output @left",
        "retention purge --resume --quiet --archive @archive --certificates @certificates",
        "retention verify", "retention list --format csv", "retention list --taken --account customer3",
        "retention certificate --account customer3 --output @certificates/customer3.extract",
        "retention verify --extract @certificates/customer3.extract", "retention show customer3",
        "retention restore @archive/run-000001/manifest.json --into looked_at --reason r --certificates @certificates",
        "retention forget-look 1 --certificates @certificates",
        "retention restore @archive/run-000001/manifest.json --certificates @certificates",
        "retention erase --yes --quiet --account customer5 --reason asked --requested-by counsel --archive @archive "
            + "--certificates @certificates",
        "retention erase --dry-run --account customer9 --reason asked --requested-by counsel",
        "retention expire-archives --certificates @certificates", "database partitions",
    ]
    private static let engine = [
        "database migrate --engine", "database check", "database partitions",
        "credits grant --account customer1 --package 5000 --reference INV-2026-117",
        "credits adjust --account customer1 --by 7 --reference ticket-1 --reason test --author test",
        "credits balance --account customer1", "credits history --account customer1", "ledger verify --format csv",
        "database roles",
        "report sla --quiet --month 2026-10 --cutoff 2026-11-05T00:00:00Z --format csv --output @roles",
        "retention plan --as-of 2026-11-05", "database check",
    ]

    private func run(_ command: String, in settings: ConnectionSettings, _ folder: ScratchFolder) async throws -> Seen {
        var arguments: [String] = []
        for word in command.split(separator: " ") {
            switch word {
            case "@": arguments.append(try due(folder))
            case let word where word.hasPrefix("@"): arguments.append(folder.file(String(word.dropFirst())))
            default: arguments.append(String(word))
            }
        }
        let before = try folder.contents()
        let environment = ["DAYBOOK_HOME": folder.file("home")]
        // A custom report is refused to a superuser.
        let run =
            try await command.hasPrefix("report run")
            ? withLogin(settings) {
                try await ProgramRun(
                    arguments + ["--database", Deployment.conninfo($0)], environment: environment)
            }
            : ProgramRun(arguments + ["--database", Deployment.conninfo(settings)], environment: environment)
        var files: [String: String] = [:]
        // How many pieces an archive has depends on how quick the machine is.
        for (name, bytes) in try folder.contents()
        where before[name] != bytes && !name.hasPrefix("archive/") && !name.hasPrefix("certificates/") {
            let isText = [".csv", ".json", ".html", ".sha256"].contains { name.hasSuffix($0) }
            files[name] = isText ? same(String(decoding: bytes, as: UTF8.self), settings, folder) : "there"
        }
        return Seen(
            exitCode: run.exitCode, output: same(run.output + run.errors, settings, folder),
            files: Dictionary(files.map { (same($0.key, settings, folder), $0.value) }) { $1 })
    }

    /// The rows that the plan of the same folder has due.
    private func due(_ folder: ScratchFolder) throws -> String {
        let lines = try String(contentsOfFile: folder.file("due/plan.csv"), encoding: .utf8).split(
            whereSeparator: \.isNewline)
        let column = try #require(lines.first?.split(separator: ",").firstIndex(of: "due_rows"))
        return String(
            lines.dropFirst().compactMap { line in
                Int(line.split(separator: ",", omittingEmptySubsequences: false)[column])
            }.reduce(0, +))
    }

    private func same(_ text: String, _ settings: ConnectionSettings, _ folder: ScratchFolder) -> String {
        text.replacing(folder.path, with: "FOLDER").replacing(folder.path.replacing("//", with: "/"), with: "FOLDER")
            .replacing(settings.options["dbname"] ?? "", with: "DATABASE")
            .replacing(/[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9.]+)?/, with: "INSTANT")
            .replacing(/[0-9a-f]{64}/, with: "DIGEST").replacing(/[0-9]+ archived files/, with: "FILES")
            .replacing(/"[a-z_]*(bytes|size)" ?: ?[0-9]+/, with: "SIZE")
            .replacing(/[0-9.]+ ?(ms|s|seconds?|KB|MB|bytes)\b/, with: "MEASURE")
    }

    private func compare(_ commands: [String], of original: TestDatabase) async throws {
        let clean = try await TestDatabase.create(copyOf: original)
        let planted = try await TestDatabase.create(copyOf: original)
        let counts = try await PlantedNames.plant(in: planted.settings)
        #expect(counts.functions > 400 && counts.operators > 1000, "\(counts)")
        // That they would be found: a session that looks names up by the login's path calls one.
        await #expect(throws: PostgresError.self) {
            try await execute("SELECT to_char(now(), 'YYYY')", in: planted.settings)
        }
        let tripwires = try PlantedNames.called(in: planted.settings).count
        #expect(tripwires > 0)
        let folders = (clean: try ScratchFolder(), planted: try ScratchFolder())
        for folder in [folders.clean, folders.planted] {
            _ = try folder.write("model,starts_at,ends_at,evidence\n", to: "outages.csv")
            let profile = try String(
                contentsOfFile: Deployment.root + "/reports/sla/standard-profile.json", encoding: .utf8)
            _ = try folder.write(profile.replacing("\"standard\"", with: "\"ours\""), to: "ours.json")
        }
        for command in commands {
            let expected = try await run(command, in: clean.settings, folders.clean)
            let seen = try await run(command, in: planted.settings, folders.planted)
            let called = try PlantedNames.called(in: planted.settings).dropFirst(tripwires)
            #expect(called.isEmpty, "\(command) called \(called.first ?? "")")
            #expect(seen == expected, "\(command)")
            #expect([0, 2].contains(expected.exitCode), "\(command): \(expected.output)")
        }
        try await clean.drop()
        try await planted.drop()
    }

    @Test func `commands that read call nothing that was planted`() async throws {
        let original = try await TemplateDatabase.sample.copy()
        try await compare(Self.reading, of: original)
        try await original.drop()
    }

    @Test func `commands that write call nothing that was planted`() async throws {
        let original = try await TemplateDatabase.sample.copy()
        try await compare(Self.writing, of: original)
        try await original.drop()
    }

    @Test func `commands of the engine and of the roles call nothing that was planted`() async throws {
        let original = try await TemplateDatabase.sample.copy()
        // Roles are the cluster's: whoever runs it first makes them, and says so.
        try await ProgramRun.expectingSuccess(
            ["database", "roles", "--database", Deployment.conninfo(original.settings)])
        try await compare(Self.engine, of: original)
        try await original.drop()
    }

    @Test func `commands on a database of Daybook's own call nothing that was planted`() async throws {
        let original = try await TemplateDatabase.engine.copy()
        try await compare(
            [
                "database migrate", "database check", "database partitions", "ledger verify",
                "retention carry-forward --dry-run",
            ],
            of: original)
        try await original.drop()
    }
}
