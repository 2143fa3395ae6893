import Domain
public import Postgres

/// What a database really has of the known tables, read from PostgreSQL's catalogue.
public struct Catalog: Sendable {
    /// The type of a column. Its number says whether it is the expected one; its name is for messages and casts, and
    /// depends on the session's settings.
    public struct ColumnType: Sendable, Hashable {
        public let id: TypeOID
        /// As PostgreSQL spells it.
        public let name: String
    }

    /// Column types by column name, by `schema.table`.
    private let tables: [String: [String: ColumnType]]
    /// True where the engine is, which adds columns to a deployment's tables.
    private let hasEngine: Bool
    /// True where Citus has tables on several servers: what is read of several customers is no one snapshot there.
    public let isDistributed: Bool
    /// True where Citus divides the history by its customers, all rows of one of them on the same server.
    public let isDivided: Bool

    /// Reads the catalogue in the session's transaction.
    public init(_ session: Session) throws {
        let rows = try session.query(
            """
            SELECT n.nspname || '.' || c.relname AS relation, a.attname AS name,
                   pg_catalog.format_type(a.atttypid, NULL) AS type, a.atttypid::pg_catalog.int8 AS type_id
            FROM pg_catalog.pg_class AS c
            JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
            JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid
            WHERE n.nspname IN ('public', 'daybook') AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
              AND a.attnum > 0 AND NOT a.attisdropped
            """)
        var tables: [String: [String: ColumnType]] = [:]
        for row in rows {
            let type = ColumnType(
                id: TypeOID(rawValue: UInt32(truncatingIfNeeded: try row.int("type_id"))), name: try row.text("type"))
            try tables[row.text("relation"), default: [:]][row.text("name")] = type
        }
        self.tables = tables
        hasEngine = try session.query(
            """
            SELECT EXISTS (
                SELECT FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
                WHERE n.nspname = 'daybook' AND p.proname = 'record_access'
            ) AS found
            """)[0].bool("found")
        let distribution = try Distribution(session)
        isDistributed = !distribution.tables.isEmpty
        isDivided = distribution.dividesHistory
    }

    /// True if the table exists, with whatever columns.
    public func has(_ table: KnownTable) -> Bool { tables[table.fullName] != nil }

    /// True if any of the service's tables exists: then the database is a deployment, or was made into one by us.
    var hasService: Bool { KnownTable.deployment.contains(where: has) }

    /// The type of a column, nil without the column, and of one of ours without the engine.
    public func type(of column: String, in table: KnownTable) -> ColumnType? {
        guard hasEngine || !table.columns.contains(where: { $0.name == column && $0.isOurs }) else { return nil }
        return tables[table.fullName]?[column]
    }

    /// Names of the columns that the table has and nobody asked for, sorted.
    public func otherColumns(of table: KnownTable) -> [String] {
        let known = Set(table.columns.map(\.name).filter { type(of: $0, in: table) != nil })
        return (tables[table.fullName] ?? [:]).keys.filter { !known.contains($0) }.sorted()
    }

    /// A query with exactly the known columns of a table, whatever the database has: a column that
    /// does not exist is null, another type is cast, a table that does not exist has no row.
    public func select(_ table: KnownTable) -> String {
        let columns = table.columns.map { column in
            guard let actual = type(of: column.name, in: table) else {
                return "NULL::\(column.type) AS \(column.name)"
            }
            return column.accepts(actual) ? column.name : "\(column.name)::\(column.type)"
        }
        let source = has(table) ? "FROM \(table.fullName)" : "WHERE false"
        return "SELECT \(columns.joined(separator: ", ")) \(source)"
    }

    /// What of the tables is not there.
    public func gaps(in known: [KnownTable]) -> [CatalogGap] {
        known.flatMap { table -> [CatalogGap] in
            guard has(table) else {
                return [CatalogGap(table: table, column: nil, isRequired: table.isRequired)]
            }
            return table.columns.filter { !$0.isOurs && type(of: $0.name, in: table) == nil }.map {
                CatalogGap(table: table, column: $0.name, isRequired: $0.isRequired)
            }
        }
    }

    /// Refuses a database on which a report would be a guess, naming the first thing that it needs.
    public func requireEssentials() throws {
        guard let gap = gaps(in: KnownTable.deployment).first(where: \.isRequired) else { return }
        throw DaybookError.badData(
            "The database has no \(gap.subject): \(gap.table.consequence) without it.", .checkDatabase)
    }
}

/// A known table or column that a database does not have.
public struct CatalogGap: Sendable {
    public let table: KnownTable
    /// Nil where the whole table is missing.
    public let column: String?
    /// True if no report can be made without it.
    public let isRequired: Bool

    /// `public.batch_jobs`, or `public.batch_jobs.request_id`.
    public var reference: String {
        table.fullName + (column.map { ".\($0)" } ?? "")
    }

    /// `table public.batch_jobs`, or `column public.batch_jobs.request_id`.
    public var subject: String { (column == nil ? "table " : "column ") + reference }
}
