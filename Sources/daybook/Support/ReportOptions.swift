import ArgumentParser
import Console
import Documents
import Domain
import Foundation
import Postgres
import Reporting
import Schema

/// Where a report goes, in which forms, and where its parts are found.
struct ReportOptions: ParsableArguments {
    @Option(
        name: [.customShort("o"), .customLong("output")],
        help: ArgumentHelp(
            "The folder to write to; made where it is missing. Default: the current one.", valueName: "dir"))
    var namedOutput: String?

    @Option(
        name: .customLong("format"),
        help: ArgumentHelp(
            "The forms to write, separated by commas. Default: xlsx,html,csv. Of statements and SLA reports also pdf: "
                + "the page as it is printed, a statement's by WeasyPrint or Chromium, an SLA report's by Chromium.",
            valueName: "xlsx,html,csv"),
        transform: ReportOptions.formats)
    var namedFormats: Set<ReportFormat>?

    @OptionGroup var permissions: ModeOption

    @Option(
        help: ArgumentHelp("A folder with further templates, which replace those of the same name.", valueName: "dir"))
    var templates: [String] = []

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Give a single query up after so many seconds; 0 for never. Default: never, or what a custom report says.",
            valueName: "seconds"), transform: WholeNumber.within(Limits.statementTimeoutSeconds))
    var statementTimeout: Int?

    @Flag(name: .shortAndLong, help: "Do not tell on standard error what is being done.")
    var quiet = false

    var output: String { namedOutput ?? "." }
    var format: Set<ReportFormat> { namedFormats ?? ReportFormat.standard }

    /// Refuses what no program prints but of a statement and an SLA report.
    func requireNoPDF() throws {
        guard !format.contains(.pdf) else {
            throw ValidationError(
                "pdf is a form of statements and SLA reports; print the page of this report in a browser.")
        }
    }

    /// The names of the options about files that were given.
    var given: [String] {
        [
            namedOutput.map { _ in "--output" }, namedFormats.map { _ in "--format" },
            permissions.chosen.map { _ in "--mode" }, templates.isEmpty ? nil : "--templates",
        ].compactMap(\.self)
    }

    /// The templates, the user's own in front.
    func templateSet() throws -> TemplateSet {
        for folder in templates {
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue else {
                throw DaybookError.usage("There is no folder \(folder), named with --templates.")
            }
        }
        return try TemplateSet(folders: [try InstalledFiles.folder("templates")] + templates)
    }

    @Sendable private static func formats(_ text: String) throws -> Set<ReportFormat> {
        let names = text.split(separator: ",", omittingEmptySubsequences: false)
        let formats = try Set(
            names.map { name in
                guard let format = ReportFormat(rawValue: String(name)) else {
                    throw ValidationError(
                        "There is no format \"\(name)\"; choose among xlsx, html and csv, and pdf for a statement or "
                            + "an SLA report.")
                }
                return format
            })
        // What is printed is the page.
        return formats.contains(.pdf) ? formats.union([.html]) : formats
    }
}

/// On which paper a page is printed.
struct PaperOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The paper that the page is printed on: a4 or letter. Default DAYBOOK_PAPER, else a4.", valueName: "size"))
    var paper: String?

    /// Throws `usage` for a size that no page has.
    func size() throws -> PaperSize {
        let name = paper ?? Setting.paper.value() ?? PaperSize.a4.rawValue
        guard let size = PaperSize(rawValue: name) else {
            throw DaybookError.usage("There is no paper \"\(name.prefix(40))\"; choose a4 or letter.")
        }
        return size
    }
}

/// Where further reports are found. Statements have one definition, so their command has no such option.
struct ReportFolderOptions: ParsableArguments {
    @Option(help: ArgumentHelp("A folder with further reports; may be given again.", valueName: "dir"))
    var reports: [String] = []

    /// The folders of reports, the user's own last.
    func folders() throws -> [String] { [try InstalledFiles.folder("reports")] + reports }
}

/// As whom queries run that somebody else wrote.
struct ReportDatabaseOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The database of this report, as a login that only reads; wins over the other ways to name one. Default "
                + "DAYBOOK_REPORT_DATABASE_URL, unless --database is given.", valueName: "url"))
    var reportDatabase: String?

    /// How to reach the database: as this option says, else as all commands do, but the private server as its login
    /// that only reads.
    func settings(_ database: DatabaseOptions) async throws -> ConnectionSettings {
        if let reportDatabase { return ConnectionSettings(conninfo: reportDatabase) }
        if database.isUnnamed, let url = Setting.reportDatabase.value() { return ConnectionSettings(conninfo: url) }
        if let named = database.named { return named }
        let cluster = try PrivateCluster()
        let owner = try await cluster.ensureRunning(database: database.privateDatabase)
        try await DatabaseOptions.withConnection(owner) { connection in
            try await ReaderGrants.give(connection)
        }
        return try await cluster.readerSettings(database: database.privateDatabase)
    }
}

/// From which server a report reads: a standby, while --database stays the primary, which keeps what is recorded.
struct ReplicaOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Read from this standby of the database. What is sent, and months, are recorded in the database itself.",
            valueName: "url"))
    var replica: String?

    /// How to reach the server to read from.
    func settings(_ database: DatabaseOptions) async throws -> ConnectionSettings {
        guard let replica else { return try await database.settings() }
        let settings = ConnectionSettings(conninfo: replica)
        if settings.holdsPassword { ExposedSecret.tell(of: "--replica", advice: ExposedSecret.passwordFile) }
        return settings
    }

    /// Connects to what is read from, and to what records; they are one connection where no standby is named, or
    /// nothing is recorded. What cannot be recorded is not begun.
    func withConnections<Result: Sendable>(
        _ database: DatabaseOptions, _ source: ConnectionSettings, records: Bool,
        _ body: (_ reading: Connection, _ recording: Connection) async throws -> Result
    ) async throws -> Result {
        try await DatabaseOptions.withConnection(source) { reading in
            guard replica != nil else {
                if records { try await reading.run { try $0.requireWritable() } }
                return try await body(reading, reading)
            }
            let copied = try await Self.origin(reading)
            guard copied.isStandby else {
                throw DaybookError.configuration(
                    "The server of --replica is no standby: name the primary with --database, and leave --replica out.")
            }
            guard records else { return try await body(reading, reading) }
            return try await database.withConnection { recording in
                try await recording.run { try $0.requireWritable() }
                guard try await Self.origin(recording).database == copied.database else {
                    throw DaybookError.configuration(
                        "--replica names a standby of another database than --database does: what would be sent has "
                            + "nothing to do with what would be recorded.")
                }
                return try await body(reading, recording)
            }
        }
    }

    /// Whether a server is a standby, and which database it has: the cluster's own number and the name, which all
    /// copies of it share.
    private static func origin(_ connection: Connection) async throws -> (isStandby: Bool, database: String) {
        try await connection.run { session in
            let row = try session.query(
                """
                SELECT pg_catalog.pg_is_in_recovery() AS is_standby,
                    c.system_identifier::text || ' ' || pg_catalog.current_database() AS database
                FROM pg_catalog.pg_control_system() AS c
                """)[0]
            return (try row.bool("is_standby"), try row.text("database"))
        }
    }
}
