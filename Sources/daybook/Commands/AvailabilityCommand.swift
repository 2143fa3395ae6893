import ArgumentParser
import Postgres
import Schema

/// `daybook availability …`
struct AvailabilityCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "availability", abstract: "Probes of the service, and the maintenance that was announced.",
        subcommands: [Import.self, List.self, ProbeCommand.self, Maintenance.self])

    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Import probes: all rows or none. A probe that is there already is left as it is.",
            discussion: """
                A CSV file has the columns probed_at (an instant with an offset), target, ok (true or false) and \
                latency_ms (may be empty). Files of monitors are named by --from; docs/monitors.md has the query that \
                exports each. Afterwards the months that the probes are of are shown as they stand then.

                  daybook availability import samples.json --from prometheus --dry-run \\
                      --target 'https://api.example/healthz=batch-api'
                """)

        @Argument(
            help: "The file, plain or .gz; - for standard input.", completion: .file(extensions: ["csv", "json", "gz"]))
        var file: String
        @Option(help: "What it was exported from: csv, prometheus, uptime-kuma or gatus.") var from = ProbeSource.csv
        @Option(help: "Of Prometheus: the label that names what was probed.") var label = "instance"
        @Option(
            help: ArgumentHelp(
                "The monitor's name and ours, NAME=TARGET; repeated. Others are left out then.",
                valueName: "name=target"), transform: NamedTarget.parse)
        var target: [NamedTarget] = []
        @Flag(help: "Show what the months would say, and change nothing.") var dryRun = false
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func validate() throws {
            guard from != .csv || target.isEmpty else {
                throw ValidationError("--target renames what a monitor exported; a CSV file has our names: see --from.")
            }
            guard Set(target.map(\.theirs)).count == target.count else {
                throw ValidationError("--target names a monitor twice; each of its checks is a probe of one target.")
            }
        }

        func run() async throws {
            let (outcome, warnings) = try await database.withConnection { connection in
                var rows = ImportSource.file(ImportFile(path: file))
                var warnings: [String] = []
                if from != .csv {
                    let now = try await connection.transaction { try $0.query("SELECT now()")[0].instant("now") }
                    (rows, warnings) = try MonitorFiles.probes(file, from, label: label, names: target, now: now)
                }
                return (try await Importing.write(CSVImport(.probes, rows), connection, isTrial: dryRun), warnings)
            }
            Importing.show(.probes, outcome, isTrial: dryRun)
            for warning in warnings { Terminal.say("daybook: \(warning)") }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the probed targets, with how much is known of them.")
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            var table = TextTable(columns: ["target", .number("probes"), .number("failed"), "first", "last"])
            let rows = try await Reading.texts(
                database,
                """
                SELECT target, count(*), count(*) FILTER (WHERE NOT ok), min(probed_at), max(probed_at)
                FROM daybook.probe GROUP BY target ORDER BY target COLLATE "C"
                """)
            for row in rows { table.add(row) }
            table.show()
            let silent = try await database.withConnection { connection in
                var options = TransactionOptions.snapshot
                // A standby knows no more than it has replayed.
                options.notesReplay = true
                return try await connection.transaction(options) { session in
                    try SilentProber.find(session, Catalog(session), now: session.snapshotInstant())
                }
            }
            SilentProbers.say(silent)
        }
    }

    struct Maintenance: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Maintenance windows as they were announced.", subcommands: [Import.self, List.self])

        struct Import: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Import maintenance windows: all rows or none.",
                discussion: """
                    A CSV file has the columns starts_at, ends_at, reason and announced_at (instants with an offset), \
                    and may have target (empty: all targets). A row that shortens or moves a window names what it was \
                    in corrects_starts_at and corrects_ends_at, one that was called off has cancelled true; --because \
                    says why, and both versions are kept.

                      daybook availability maintenance import corrections.csv --because 'finished early'
                    """)

            @Argument(
                help: "The file, plain or .gz; - for standard input.",
                completion: .file(extensions: ["csv", "json", "gz"]))
            var file: String
            @Option(help: "What it was exported from: csv, or statuspage (scheduled-maintenances.json).")
            var from = PageSource.csv
            @Option(
                help: ArgumentHelp(
                    "Of a status page: its component and our target for it; repeated.", valueName: "component=target"),
                transform: NamedTarget.parse)
            var target: [NamedTarget] = []
            @Flag(help: "Of a status page: every window is of all our targets.") var allTargets = false
            @Option(help: "Why windows are corrected.") var because: String?
            @Flag(help: "Say what would be added, and change nothing.") var dryRun = false
            @OptionGroup(title: "Database") var database: DatabaseOptions

            func validate() throws {
                guard from == .statuspage || (target.isEmpty && !allTargets) else {
                    throw ValidationError("A CSV file names its targets in a column; --target is of --from statuspage.")
                }
                guard target.isEmpty || !allTargets else {
                    throw ValidationError("--target and --all-targets exclude each other.")
                }
            }

            func run() async throws {
                let (rows, warnings) =
                    from == .csv
                    ? (ImportSource.file(ImportFile(path: file)), [])
                    : try MonitorFiles.maintenance(file, names: target, isForAll: allTargets)
                let outcome = try await database.withConnection { connection in
                    try await Importing.write(
                        CSVImport(.maintenance, rows, reason: because), connection, isTrial: dryRun)
                }
                Importing.show(.maintenance, outcome, isTrial: dryRun)
                for warning in warnings { Terminal.say("daybook: \(warning)") }
            }
        }

        struct List: AsyncParsableCommand {
            static let configuration = CommandConfiguration(abstract: "List the maintenance windows.")
            @OptionGroup(title: "Database") var database: DatabaseOptions

            func run() async throws {
                var table = TextTable(["starts", "ends", "announced", "target", "reason", "corrected", "because"])
                let rows = try await Reading.texts(
                    database,
                    """
                    SELECT w.starts_at, w.ends_at, w.announced_at, coalesce(nullif(w.target, ''), 'all'), w.reason,
                        c.corrected_at, c.because
                    FROM daybook.maintenance_window AS w
                    LEFT JOIN daybook.maintenance_correction AS c
                        ON (c.starts_at, c.ends_at, c.announced_at, c.reason, c.target)
                            = (w.starts_at, w.ends_at, w.announced_at, w.reason, w.target)
                    ORDER BY w.starts_at, w.ends_at, w.announced_at, w.target COLLATE "C", w.reason COLLATE "C"
                    """)
                for row in rows { table.add(row) }
                table.show()
            }
        }
    }
}

/// `daybook outages …`
struct OutagesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "outages", abstract: "Recorded outages of the video provider, by model, with their evidence.",
        subcommands: [Import.self, List.self])

    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Import provider outages: all rows or none.",
            discussion: """
                A CSV file has the columns model, starts_at, ends_at (instants with an offset) and evidence. Of a \
                status page, incidents.json, each incident with an impact is an outage of --model.

                  daybook outages import incidents.json --from statuspage --model sora-2 --component 'Video API'
                """)

        @Argument(
            help: "The file, plain or .gz; - for standard input.", completion: .file(extensions: ["csv", "json", "gz"]))
        var file: String
        @Option(help: "What it was exported from: csv, or statuspage (incidents.json).") var from = PageSource.csv
        @Option(help: "Of a status page: the model that was out.") var model: String?
        @Option(help: "Of a status page: only incidents of this component; repeated.") var component: [String] = []
        @Flag(help: "Say what would be added, and change nothing.") var dryRun = false
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func validate() throws {
            guard (from == .statuspage) == (model != nil), from == .statuspage || component.isEmpty else {
                throw ValidationError(
                    "--from statuspage needs --model, and a CSV file has its models in a column: see --help.")
            }
        }

        func run() async throws {
            let (rows, warnings) =
                from == .csv
                ? (ImportSource.file(ImportFile(path: file)), [])
                : try MonitorFiles.outages(file, model: model ?? "", components: component)
            let outcome = try await database.withConnection { connection in
                try await Importing.write(CSVImport(.outages, rows), connection, isTrial: dryRun)
            }
            Importing.show(.outages, outcome, isTrial: dryRun)
            for warning in warnings { Terminal.say("daybook: \(warning)") }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the recorded outages.")
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            var table = TextTable(["model", "starts", "ends", "evidence"])
            let rows = try await Reading.texts(
                database, "SELECT model, starts_at, ends_at, evidence FROM daybook.provider_outage ORDER BY 1, 2, 3")
            for row in rows { table.add(row) }
            table.show()
        }
    }
}
