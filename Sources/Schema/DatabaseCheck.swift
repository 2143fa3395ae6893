public import Domain
public import Postgres

/// What a database has of what Daybook reads, what it lacks, and what is different.
public struct DatabaseCheck: Sendable {
    /// The finding about one table.
    public struct Finding: Sendable {
        public let table: String
        /// `there`, `missing`, or `incomplete` where columns are missing.
        public let state: String
        /// Exact; nil without the table.
        public let rows: Int64?
        /// What is missing or different, in words; empty where nothing is.
        public let remark: String
    }

    public let findings: [Finding]
    /// What Daybook's own migrations say: `up to date`, or what is missing.
    public let migrations: Remark
    /// Who may move credit and should not.
    public let grants: CreditRights
    /// What the application does that the engine changes.
    public let changes: EngineChanges
    /// Whose the batches are, where there is an engine, and what could be taken over.
    public let owners: [Remark]
    /// What Citus keeps on several servers, and how; empty where all is on one.
    public let distribution: [Remark]
    /// The indexes that it lacks for a month to be read at the same speed after years, each with the statement.
    public let indexes: [Remark]
    /// True if a report can be made.
    public let isUsable: Bool

    /// Looks at everything in the session's transaction, and counts every row.
    public init(_ session: Session) throws {
        let catalog = try Catalog(session)
        var findings: [Finding] = []
        for table in KnownTable.all {
            guard catalog.has(table) else {
                findings.append(Finding(table: table.fullName, state: "missing", rows: nil, remark: table.consequence))
                continue
            }
            let rows = try session.query("SELECT count(*) AS rows FROM \(table.fullName)")[0].int("rows")
            let remarks = Self.remarks(table, catalog: catalog)
            let isWhole = catalog.gaps(in: [table]).isEmpty
            findings.append(
                Finding(
                    table: table.fullName, state: isWhole ? "there" : "incomplete", rows: rows,
                    remark: remarks.joined(separator: "; ")))
        }
        self.findings = findings
        migrations = try Self.migrations(session)
        grants = try CreditRights(session)
        changes = try EngineChanges(session)
        owners = try Ownership(session).remarks
        distribution = try Distribution(session).remarks
        indexes = try WantedIndex.missing(session, catalog: catalog)
        isUsable = !catalog.gaps(in: KnownTable.deployment).contains(where: \.isRequired)
    }

    private static func remarks(_ table: KnownTable, catalog: Catalog) -> [String] {
        var remarks: [String] = []
        let missing = catalog.gaps(in: [table]).compactMap(\.column)
        if !missing.isEmpty { remarks.append("without \(missing.joined(separator: ", "))") }
        for column in table.columns {
            guard let actual = catalog.type(of: column.name, in: table), !column.accepts(actual) else { continue }
            remarks.append("\(column.name) is \(actual.name), not \(column.type)")
        }
        let others = catalog.otherColumns(of: table)
        if table.schema == "public", !others.isEmpty { remarks.append("\(others.count) other columns, left alone") }
        return remarks
    }

    private static func migrations(_ session: Session) throws -> Remark {
        let known = try session.query("SELECT to_regclass('daybook.migration') IS NOT NULL AS exists")
        guard try known[0].bool("exists") else { return Remark("none applied", .migrate) }
        let applied = try session.query("SELECT version, sha256 FROM daybook.migration ORDER BY version")
        let digests = try Dictionary(
            uniqueKeysWithValues: applied.map { (try $0.int("version"), try $0.text("sha256")) })
        let isOurs = try Migrator.has(.service, Migration.all, session)
        let hasEngine = try Migrator.has(.engine, Migration.all, session)
        let missing = Migration.all.filter { migration in
            guard digests[migration.version] == nil else { return false }
            return switch migration.part {
            case .books: true
            case .service: isOurs
            case .engine: isOurs || hasEngine
            }
        }
        if !missing.isEmpty { return Remark("\(missing.count) to apply", .migrate) }
        let edited = Migration.all.first { migration in
            digests[migration.version].map { $0 != migration.sha256 } ?? false
        }
        if let edited {
            return Remark("migration \(edited.version) was applied with other contents")
        }
        let version = digests.keys.max() ?? 0
        let state = "up to date (version \(version)), "
        return hasEngine ? Remark(state + "with the engine") : Remark(state + "without the engine", .addEngine)
    }
}
