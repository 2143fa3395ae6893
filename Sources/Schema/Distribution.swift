import Domain
import Postgres

/// Which tables Citus keeps on several servers, and how.
struct Distribution {
    /// A table of which the rows are on several servers, or which is whole on each.
    struct Table {
        /// With its schema.
        let name: String
        /// The column by which its rows are divided; nil where every server has all of them.
        let column: String?
        /// Tables with the same number, divided by a customer, have his rows on the same server.
        let colocation: Int64
        let shards: Int64
    }

    /// The tables of this database, by name; a partition is its table's. Empty where nothing is distributed.
    let tables: [Table]

    /// Reads Citus's own catalogue, where there is one.
    init(_ session: Session) throws {
        guard try session.isDistributed() else {
            tables = []
            return
        }
        tables = try session.query(
            """
            SELECT n.nspname || '.' || c.relname AS name,
                CASE p.partmethod WHEN 'n' THEN NULL
                    ELSE pg_catalog.column_to_column_name(p.logicalrelid, p.partkey) END AS column_name,
                p.colocationid::bigint AS colocation,
                (SELECT count(*) FROM pg_catalog.pg_dist_shard AS s WHERE s.logicalrelid = p.logicalrelid) AS shards
            FROM pg_catalog.pg_dist_partition AS p
            JOIN pg_catalog.pg_class AS c ON c.oid = p.logicalrelid
            JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
            -- A table of the coordinator alone that the catalogue only knows is no distributed one.
            WHERE NOT c.relispartition AND (p.partmethod <> 'n' OR p.repmodel = 't')
            ORDER BY 1
            """
        ).map {
            Table(
                name: try $0.text("name"), column: try $0.string("column_name"), colocation: try $0.int("colocation"),
                shards: try $0.int("shards"))
        }
    }

    /// True where the tables of which a report joins the rows of one customer have them on the same server.
    var dividesHistory: Bool {
        let history = ["public.video_tasks", "public.batch_jobs", "public.credit_ledger"]
        let places = history.compactMap { name in tables.first { $0.name == name && $0.column == "user_id" } }
        return places.count == history.count && Set(places.map(\.colocation)).count == 1
    }

    /// What is where, and which tables are divided so that reports bring them to the coordinator whole.
    var remarks: [Remark] {
        guard !tables.isEmpty else { return [] }
        let divided = Dictionary(grouping: tables.filter { $0.column != nil }) { [$0.column ?? "", "\($0.shards)"] }
        var sentences = divided.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { key, tables in
            "by \(key[0]), in \(key[1]) shards: \(tables.map(\.name).joined(separator: ", "))"
        }
        let whole = tables.filter { $0.column == nil }.map(\.name)
        if !whole.isEmpty { sentences.append("whole on every server: \(whole.joined(separator: ", "))") }
        sentences.append("all others are on the coordinator alone")
        sentences += astray
        return sentences.map { Remark($0) }
    }

    /// Tables whose rows are not with those of the same customer.
    private var astray: [String] {
        let ofCustomers = Self.customerColumns.compactMap { name, columns in
            tables.first { $0.name == name }.map { ($0, columns) }
        }
        let home = ofCustomers.first { $0.0.column == $0.1.first }?.0.colocation
        return ofCustomers.compactMap { table, columns in
            guard let column = table.column else { return nil }
            if !columns.contains(column) {
                return "\(table.name) is divided by \(column) and not by \(columns[0]), so a report brings it to the "
                    + "coordinator whole"
            }
            guard table.colocation == home else {
                return "\(table.name) is not with the other tables of its customers, so a report brings it to the "
                    + "coordinator whole; divide it anew with colocate_with"
            }
            return nil
        }
    }

    /// The tables that grow with the service's history, and the columns that name a row's customer.
    private static let customerColumns: [(String, [String])] = [
        ("public.video_tasks", ["user_id"]), ("public.batch_jobs", ["user_id"]), ("public.credit_ledger", ["user_id"]),
        ("public.credit_wallet", ["user_id"]), ("public.video_external_access_log", ["owner_id"]),
        ("public.enterprise_api_usage", ["user_id"]), ("daybook.task_fact", ["user_id"]),
        ("daybook.settlement_fact", ["user_id"]), ("daybook.ledger_price", ["user_id"]),
    ]
}
