import Domain
package import Postgres

/// An index without which reading a month takes longer with every year that comes before it.
///
/// A database that Daybook made has them all. On a deployment nothing is wrong without one, and nobody but who owns the
/// table makes it.
package struct WantedIndex: Sendable {
    let table: String
    /// The columns that it begins with, in their order.
    let columns: [String]
    let name: String
    /// What follows the table in `CREATE INDEX`.
    let definition: String
    /// True where stretches of instants are looked for: BRIN does as well then, and so do partitions.
    let isOfInstants: Bool
    /// What is slow without it, up to where the advice goes on.
    let consequence: String

    /// Those of a month's readers: reports, statements, closes.
    static let all = [
        WantedIndex(
            instantsOf: "video_tasks",
            "No index finds the tasks of a month, so that a report reads those of all months"),
        WantedIndex(
            table: "video_tasks", columns: ["batch_job_id", "created_at"], name: "video_tasks_batch_created",
            definition: "(batch_job_id, created_at)", isOfInstants: false,
            consequence: "No index finds the tasks of a batch by the instant of their creation, so that a report reads "
                + "those of a month's batches once more"),
        WantedIndex(
            instantsOf: "batch_jobs",
            "No index finds the batches of a month, so that a report reads those of all months"),
        WantedIndex(
            instantsOf: "credit_ledger",
            "No index finds the ledger rows of a month, so that a statement of one customer reads those of all months"),
        WantedIndex(
            table: "credit_ledger", columns: ["user_id", "created_at"], name: "credit_ledger_balance",
            definition: "(user_id, created_at, id) INCLUDE (credits_delta)", isOfInstants: false,
            consequence: "No index adds up what an account had at an instant, so that everybody's ledger rows are "
                + "read"),
        WantedIndex(
            instantsOf: "video_external_access_log",
            "No index finds the accesses of a month, so that a report reads those of all months"),
    ]

    private init(
        table: String, columns: [String], name: String, definition: String, isOfInstants: Bool, consequence: String
    ) {
        self.table = table
        self.columns = columns
        self.name = name
        self.definition = definition
        self.isOfInstants = isOfInstants
        self.consequence = consequence
    }

    /// Of the instants of creation. Rows lie in their order, but for what was written anew long after, so that the
    /// smallest kind of index does.
    private init(instantsOf table: String, _ consequence: String) {
        self.init(
            table: table, columns: ["created_at"], name: table + "_created_at",
            definition: "USING brin (created_at timestamptz_minmax_multi_ops) WITH (autosummarize = on)",
            isOfInstants: true, consequence: consequence)
    }
}

extension WantedIndex {
    /// What a database lacks of them, each with the statements that make it and who may.
    static func missing(_ session: Session, catalog: Catalog) throws -> [Remark] {
        let wanted = all.filter { $0.canServe(catalog) }
        let places = try Dictionary(grouping: lacking(wanted, session)) { try $0.int("place") }
        return try places.sorted { $0.key < $1.key }.map { place, parts in
            try wanted[Int(place) - 1].remark(parts)
        }
    }

    /// True where the tasks of a month, and those of its batches that lie elsewhere, are found without reading all.
    package static func findMonths(_ session: Session, catalog: Catalog) throws -> Bool {
        let tasks = all.filter { $0.table == KnownTable.videoTasks.name }
        guard tasks.allSatisfy({ $0.canServe(catalog) }) else { return false }
        // What stands behind a view, or on other servers, nobody here can say.
        guard try !session.isDistributed() else { return false }
        let isHere = try session.query(
            """
            SELECT EXISTS (
                SELECT FROM pg_class AS c
                WHERE c.oid = to_regclass($1) AND c.relkind IN ('r', 'm', 'p') AND NOT EXISTS (
                    SELECT FROM pg_partition_tree(c.oid) AS t JOIN pg_class AS p ON p.oid = t.relid
                    WHERE p.relkind = 'f')
            ) AS is_here
            """, [.text(KnownTable.videoTasks.fullName)])[0].bool("is_here")
        return try isHere && lacking(tasks, session).isEmpty
    }

    /// False where a column is of another type: an index on it does not find what is looked for.
    private func canServe(_ catalog: Catalog) -> Bool {
        guard let table = KnownTable.deployment.first(where: { $0.name == table }) else { return false }
        return columns.allSatisfy { name in
            guard let actual = catalog.type(of: name, in: table) else { return false }
            return table.columns.first { $0.name == name }?.accepts(actual) ?? false
        }
    }

    private static func lacking(_ wanted: [WantedIndex], _ session: Session) throws -> [Row] {
        try session.query(
            search,
            [
                .texts(wanted.map(\.table)), .texts(wanted.map { $0.columns.joined(separator: " ") }),
                .texts(wanted.map(\.name)), .bools(wanted.map(\.isOfInstants)),
            ])
    }

    /// The tables and partitions, of those that rows can be found in by an index at all, that have no valid one of all
    /// their rows; with one that was begun and is not valid.
    private static let search = """
        WITH wanted AS (
            SELECT w.place, to_regclass(format('public.%I', w.table_name)) AS relation,
                string_to_array(w.columns, ' ') AS columns, w.name, w.is_of_instants
            FROM unnest($1::text[], $2::text[], $3::text[], $4::boolean[])
                WITH ORDINALITY AS w (table_name, columns, name, is_of_instants, place)
        ), part AS (
            SELECT w.place, w.columns, w.name, w.is_of_instants, c.oid, c.relkind, c.relowner, l.oid AS leaf
            FROM wanted AS w
            JOIN pg_class AS c ON c.oid = w.relation
            CROSS JOIN LATERAL (
                SELECT c.oid WHERE c.relkind IN ('r', 'm')
                UNION ALL
                SELECT t.relid FROM pg_partition_tree(c.oid) AS t JOIN pg_class AS p ON p.oid = t.relid
                WHERE c.relkind = 'p' AND t.isleaf AND p.relkind = 'r'
            ) AS l
            WHERE NOT (w.is_of_instants AND EXISTS (
                SELECT FROM pg_partitioned_table AS d
                JOIN pg_attribute AS a ON a.attrelid = d.partrelid AND a.attnum = d.partattrs[0]
                WHERE d.partrelid = c.oid AND d.partstrat = 'r' AND a.attname = w.columns[1]))
        ), found AS (
            SELECT p.place, p.leaf, i.indexrelid, i.indisvalid
            FROM part AS p
            JOIN pg_index AS i ON i.indrelid = p.leaf AND i.indpred IS NULL
            JOIN pg_class AS x ON x.oid = i.indexrelid
            JOIN pg_am AS m ON m.oid = x.relam
            WHERE (m.amname = 'btree' OR m.amname = 'brin' AND p.is_of_instants)
                AND ARRAY(
                    SELECT a.attname::text
                    FROM unnest(i.indkey::smallint[]) WITH ORDINALITY AS k (number, place)
                    JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.number
                    WHERE k.place <= least(cardinality(p.columns), i.indnkeyatts)
                    ORDER BY k.place
                ) = p.columns
        )
        SELECT p.place, format('%I.%I', n.nspname, c.relname) AS relation, p.relkind = 'p' AS is_divided,
            pg_get_userbyid(p.relowner)::text AS owner,
            to_regclass(format('public.%I', p.name)) IS NOT NULL AS is_taken, (
                SELECT min(format('%I.%I', s.nspname, x.relname))
                FROM found AS f
                JOIN pg_class AS x ON x.oid = f.indexrelid
                JOIN pg_namespace AS s ON s.oid = x.relnamespace
                WHERE f.place = p.place AND f.leaf = p.leaf
            ) AS broken
        FROM part AS p
        JOIN pg_class AS c ON c.oid = p.leaf
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE NOT EXISTS (SELECT FROM found AS f WHERE f.place = p.place AND f.leaf = p.leaf AND f.indisvalid)
        ORDER BY p.place, n.nspname COLLATE "C", c.relname COLLATE "C"
        """

    /// PostgreSQL makes no index of a divided table without stopping who writes, but takes those of its parts for it.
    private func remark(_ parts: [Row]) throws -> Remark {
        let first = parts[0]
        let isDivided = try first.bool("is_divided")
        let named = try first.bool("is_taken") ? "" : " \(name)"
        var statements = try parts.map { part in
            if let broken = try part.optionalText("broken") { return "REINDEX INDEX CONCURRENTLY \(broken);" }
            return "CREATE INDEX CONCURRENTLY\(isDivided ? "" : named) ON \(try part.text("relation")) \(definition);"
        }
        if isDivided { statements.append("CREATE INDEX\(named) ON public.\(table) \(definition);") }
        return Remark(
            "\(consequence). The owner of public.\(table), \(try first.text("owner")), mends that without stopping "
                + "anybody: \(statements.joined(separator: " "))")
    }
}
