internal import Domain
internal import Postgres
internal import Schema

/// Trial: a dry run of a purge in a transaction that is undone. It runs the purge's own statement on the first page of
/// each table on which something is due and on those where a constraint may be against it, and drops each month that
/// would go whole.
///
/// What a deployment's triggers, constraints and rights have against it is found before the first row is gone, not
/// after one class of two.
struct Trial: Sendable {
    let plan: RetentionPlan
    let settings: PurgeSettings

    /// Undoes the trial's transaction.
    private struct Undone: Error {}

    /// Throws why the purge could not go on in the end. What is locked or too slow now is no reason.
    func run(_ connection: DirectConnection) async throws {
        do {
            try await Uninterrupted.transaction(connection) { session in
                try attempt(session)
                throw Undone()
            }
        } catch is Undone {
            return
        }
    }

    private func attempt(_ session: Session) throws {
        let shape = try DeploymentShape(session)
        let run = try PurgeRun.record(plan, settings, isTrial: true, session)
        let due = plan.dueClasses
        for dataClass in shape.classes where due.contains(dataClass) {
            let statement = try SweepStatement(dataClass, shape, run.terms, session)
            var untouched = Set(plan.wholePartitions)
            if dataClass == .accessLog { untouched.formUnion(try WholePartitions.kept(session, shape, run.terms)) }
            for relation in try TableName.leaves(of: DeploymentShape.table(dataClass).fullName, session)
            where !untouched.contains(relation) {
                try undone(session) {
                    guard let first = try statement.firstPage(run: run.id, relation: relation, session) else { return }
                    let risky = try RiskyPages(
                        statement: statement, run: run.id, relation: relation, session: session
                    ).find()
                    try attempt(statement, [first] + risky.filter { $0 != first }, relation, run, session)
                }
            }
        }
        for month in plan.wholePartitions { try undone(session) { try attempt(month, session) } }
    }

    /// Undoes what it does, so that nothing else is tried on its leavings. What is passing is no reason.
    private func undone(_ session: Session, _ body: () throws -> Void) throws {
        do {
            try session.savepoint {
                try body()
                throw Undone()
            }
        } catch is Undone {
            return
        } catch let error as PostgresError where SweepFailure.isPassing(error) {
            return
        }
    }

    private func attempt(_ month: String, _ session: Session) throws {
        do {
            try session.savepoint { try PartitionDrop.rehearse(month, session) }
        } catch let error as PostgresError {
            guard let reason = try PartitionDrop.explain(error, month, session) else { throw error }
            throw reason.followed(by: " A trial found it; nothing was purged.", debugText: reason.debugText)
        }
    }

    private func attempt(
        _ statement: SweepStatement, _ pages: [Int64], _ relation: String, _ run: PurgeRun, _ session: Session
    ) throws {
        do {
            try SweepStep.prepare(session)
            for page in pages {
                let sql = statement.sql(
                    run: run.id, relation: relation, pages: page..<(page + 1), counts: true, rests: .none, session)
                guard try session.query(sql)[0].int("taken") > 0 else {
                    throw DaybookError.badData(
                        "A trigger of \(relation) keeps rows that are due from going. Nothing was purged.")
                }
            }
            // Constraints and triggers that would wait for the COMMIT.
            try session.executeScript("SET CONSTRAINTS ALL IMMEDIATE")
            try RetentionSession.restorePath(session)
        } catch let error as PostgresError {
            guard let reason = SweepFailure.explain(error, relation) else { throw error }
            throw reason.followed(
                by: " A trial on the first rows found it; nothing was purged.", debugText: String(reflecting: error))
        }
    }
}

extension SweepStatement {
    /// The first page of a table on which a row is due, nil where none is.
    func firstPage(run: Int64, relation: String, _ session: Session) throws -> Int64? {
        let due = due(run: run, relation: relation, "r.ctid AS place", session)
        return try session.query("SELECT \(Self.page) AS page FROM (\(due)) AS t LIMIT 1").first?.int("page")
    }

    /// The page of a row `t` that has its `place`.
    static let page = "((t.place::text)::point)[0]::bigint"
}

/// Pages of a table on which a due row lies that a constraint may not let go, or not let be cleared.
///
/// They are worth a trial, and nothing more: a trigger of the application may put right what a constraint asks for.
struct RiskyPages {
    let statement: SweepStatement
    let run: Int64
    let relation: String
    let session: Session

    /// The pages, of any length of the table: whatever a constraint would meet later in the purge is met by the trial.
    ///
    /// A constraint that cannot be asked so (it looks at a whole row, or at what this role may not read) is left to
    /// the trial of the first page.
    func find() throws -> [Int64] {
        let queries = statement.redacted.isEmpty ? try references() : try checks() + keys()
        return try Set(
            queries.flatMap { query -> [Int64] in
                do {
                    return try session.savepoint {
                        try session.executeScript("SET LOCAL statement_timeout = \(Limits.constraintMilliseconds)")
                        let rows = try session.query(query)
                        try session.executeScript("SET LOCAL statement_timeout = \(Limits.purgeStatementMilliseconds)")
                        return try rows.flatMap { row in
                            [try row.optionalInt("page"), try row.optionalInt("other")].compactMap(\.self)
                        }
                    }
                } catch let error as PostgresError where error.code == .server || error.code == .timeout {
                    return []
                }
            }
        ).sorted()
    }

    private var name: String { TableName.quoted(relation, session) }

    /// Due rows to which another table's rows refer, by a constraint that does not carry the deletion on.
    private func references() throws -> [String] {
        let keys = try session.query(
            """
            SELECT k.conrelid::regclass::text AS referring, string_agg(
                format('k.%I = r.%I', a.attname, b.attname), ' AND ' ORDER BY u.place) AS condition
            FROM pg_constraint AS k
            CROSS JOIN LATERAL unnest(k.conkey, k.confkey) WITH ORDINALITY AS u (here, there, place)
            JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = u.here
            JOIN pg_attribute AS b ON b.attrelid = k.confrelid AND b.attnum = u.there
            WHERE k.contype = 'f' AND k.confdeltype IN ('a', 'r') AND k.confrelid = to_regclass($1)
                AND has_table_privilege(k.conrelid, 'SELECT')
            GROUP BY k.oid ORDER BY k.oid
            """, [.text(name)])
        return try keys.map { key in
            let refers = "EXISTS (SELECT FROM \(try key.text("referring")) AS k WHERE \(try key.text("condition")))"
            let due = statement.due(run: run, relation: relation, "r.ctid AS place", where: refers, session)
            return "SELECT \(SweepStatement.page) AS page, NULL::bigint AS other FROM (\(due)) AS t LIMIT 1"
        }
    }

    /// Due rows that would break a CHECK, the bounds of a partition, or a generated column's NOT NULL when cleared.
    private func checks() throws -> [String] {
        let conditions = try session.query(
            """
            SELECT pg_get_expr(k.conbin, k.conrelid) AS condition FROM pg_constraint AS k
            WHERE k.conrelid = to_regclass($1) AND k.contype = 'c' AND EXISTS (
                SELECT FROM pg_attribute AS a WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)
                    AND (a.attname = ANY ($2::text[]) OR a.attgenerated <> ''))
            UNION ALL
            SELECT pg_get_partition_constraintdef(to_regclass($1))
            UNION ALL
            SELECT quote_ident(a.attname) || ' IS NOT NULL' FROM pg_attribute AS a
            WHERE a.attrelid = to_regclass($1) AND a.attgenerated = 's' AND a.attnotnull AND NOT a.attisdropped
            """, [.text(name), .texts(statement.redacted)]
        ).compactMap { try $0.optionalText("condition") }
        let source = try clearedRows()
        return conditions.map {
            "SELECT \(SweepStatement.page) AS page, NULL::bigint AS other FROM \(source) WHERE (\($0)) IS FALSE LIMIT 1"
        }
    }

    /// Two due rows each that a unique index, or an exclusion, could not tell apart when they are cleared. An ordinary
    /// one takes any number of nulls.
    private func keys() throws -> [String] {
        let indexes = try session.query(
            """
            SELECT (SELECT string_agg('(' || pg_get_indexdef(i.indexrelid, n, false) || ')', ', ' ORDER BY n)
                    FROM generate_series(1, i.indnkeyatts) AS n) AS keys,
                coalesce(pg_get_expr(i.indpred, i.indrelid), 'true') AS condition, i.indnullsnotdistinct AS takes_one
            FROM pg_index AS i
            WHERE i.indrelid = to_regclass($1) AND (i.indisunique OR i.indisexclusion)
                AND (i.indnullsnotdistinct OR i.indexprs IS NOT NULL OR i.indpred IS NOT NULL)
                AND EXISTS (
                SELECT FROM pg_depend AS d
                JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = d.refobjsubid
                WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
                    AND d.refclassid = 'pg_class'::regclass AND d.refobjid = i.indrelid
                    AND (a.attname = ANY ($2::text[]) OR a.attgenerated <> ''))
            """, [.text(name), .texts(statement.redacted)])
        let source = try clearedRows()
        return try indexes.map { index in
            let keys = try index.text("keys")
            let isWhole = try index.bool("takes_one") ? "true" : "num_nulls(\(keys)) = 0"
            return """
                SELECT min(\(SweepStatement.page)) AS page, max(\(SweepStatement.page)) AS other FROM \(source)
                WHERE (\(try index.text("condition"))) AND \(isWhole) GROUP BY \(keys) HAVING count(*) > 1 LIMIT 1
                """
        }
    }

    /// The due rows `t` as they would be when they are cleared, generated columns as they would follow.
    private func clearedRows() throws -> String {
        let columns = try session.query(
            """
            SELECT a.attname::text AS name, quote_ident(a.attname) AS quoted,
                format_type(a.atttypid, a.atttypmod) AS type,
                CASE WHEN a.attgenerated <> '' THEN pg_get_expr(d.adbin, d.adrelid) END AS follows
            FROM pg_attribute AS a LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
            WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
            """, [.text(name)])
        var (list, following) = (["r.ctid AS place"], ["g.*"])
        for column in columns {
            let quoted = try column.text("quoted")
            if let expression = try column.optionalText("follows") {
                following.append("(\(expression)) AS \(quoted)")
            } else if let empty = statement.cleared(try column.text("name")) {
                list.append("\(empty)::\(try column.text("type")) AS \(quoted)")
            } else {
                list.append("r.\(quoted)")
            }
        }
        let due = statement.due(run: run, relation: relation, list.joined(separator: ", "), session)
        return "(SELECT \(following.joined(separator: ", ")) FROM (\(due)) AS g) AS t"
    }
}
