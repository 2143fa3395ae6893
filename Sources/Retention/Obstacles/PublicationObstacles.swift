internal import Domain
internal import Postgres
internal import Schema

/// Publications for whose subscribers a row could not be told from others: PostgreSQL then refuses every deletion or
/// change of it (55000, 42P10), in the publisher.
enum PublicationObstacles {
    /// What PostgreSQL minds.
    private enum Fault: String {
        /// A table has no replica identity.
        case identity
        /// A row filter looks at columns that are not in it.
        case filter
        /// A column list lacks columns of it.
        case list
        /// It has generated columns that are not published (from 18).
        case generated
    }

    /// One per publication and fault, over all tables that hold the rows of a class.
    static func find(_ dataClass: DataClass, _ session: Session) throws -> [Obstacle] {
        let redacts = dataClass.keepsRows
        let rows = try session.query(
            sql, [.text(DeploymentShape.table(dataClass).fullName), .bool(redacts)])
        var groups: [[Row]] = []
        for row in rows {
            let last = try groups.last?.first.map { try ($0.text("publication"), $0.text("fault")) }
            if try last.map({ try $0 == (row.text("publication"), row.text("fault")) }) ?? false {
                groups[groups.count - 1].append(row)
            } else {
                groups.append([row])
            }
        }
        return try groups.compactMap { group in
            guard let first = group.first, let fault = Fault(rawValue: try first.text("fault")) else { return nil }
            let names = try group.map { try $0.text("name") }.joined(separator: ", ")
            let publication = try first.text("publication")
            let published = "The publication \(publication) publishes \(redacts ? "changes" : "deletions") of \(names)"
            var mends: [String] = []
            for mend in try group.flatMap({ try Self.mends(fault, $0) }) where !mends.contains(mend) {
                mends.append(mend)
            }
            return Obstacle(
                dataClass, published + (try reason(fault, first)), mend: mends.joined(separator: "; "))
        }
    }

    private static func reason(_ fault: Fault, _ row: Row) throws -> String {
        let columns = try row.optionalText("columns") ?? ""
        switch fault {
        case .identity: return ", by which nothing can be told from others there: no replica identity."
        case .filter: return " by a row filter over columns that are not in the replica identity (\(columns))."
        case .list: return " by a column list that lacks columns of the replica identity (\(columns))."
        case .generated: return " without generated columns that are in the replica identity (\(columns))."
        }
    }

    /// The whole log first: the months to come take after it.
    private static func mends(_ fault: Fault, _ row: Row) throws -> [String] {
        let (publication, member) = (try row.text("publication"), try row.text("member"))
        switch fault {
        case .identity, .filter:
            let identity = fault == .filter ? "FULL" : try row.text("identity")
            let parent = identity == "FULL" ? try row.optionalText("parent") : nil
            return [parent, try row.text("name")].compactMap { $0 }.map {
                "ALTER TABLE \($0) REPLICA IDENTITY \(identity)"
            }
        case .list:
            let filter = try row.optionalText("filter").map { " WHERE (\($0))" } ?? ""
            return [
                "ALTER PUBLICATION \(publication) DROP TABLE \(member)",
                "ALTER PUBLICATION \(publication) ADD TABLE \(member)\(filter)",
            ]
        case .generated:
            guard try row.bool("is_virtual") else {
                return ["ALTER PUBLICATION \(publication) SET (publish_generated_columns = stored)"]
            }
            // No publication takes these in: without a key of the table's own there are no deletions to publish.
            let identity = try row.text("identity")
            return [
                identity == "FULL"
                    ? "ALTER PUBLICATION \(publication) SET (publish = 'insert')"
                    : "ALTER TABLE \(try row.text("name")) REPLICA IDENTITY \(identity)"
            ]
        }
    }

    /// What PostgreSQL checks before it deletes or updates (CheckCmdReplicaIdentity), table by table: a row per fault.
    ///
    /// A partition is published with each of its ancestors; with publish_via_partition_root, by the filter and the list
    /// of the topmost one that is. The columns of both are found by their numbers there, and compared by name.
    private static let sql = """
        WITH RECURSIVE \(TableName.tree), target AS (
            SELECT c.oid AS relation, c.relreplident AS kind, x.indexrelid AS identity
            FROM tree JOIN pg_class AS c ON c.oid = tree.relation
            LEFT JOIN pg_index AS x ON x.indrelid = c.oid AND x.indisvalid AND x.indimmediate
                AND CASE c.relreplident WHEN 'd' THEN x.indisprimary WHEN 'i' THEN x.indisreplident ELSE false END
            WHERE c.relkind = 'r' AND c.relpersistence = 'p'
        ), line AS (
            SELECT t.relation, t.relation AS member, 0 AS depth FROM target AS t
            UNION
            SELECT t.relation, a.relid::oid, a.depth::integer
            FROM target AS t CROSS JOIN LATERAL pg_partition_ancestors(t.relation) WITH ORDINALITY AS a (relid, depth)
            WHERE a.relid <> t.relation
        ), listed AS (
            SELECT l.relation, l.member, l.depth, r.prpubid AS publication
            FROM line AS l JOIN pg_publication_rel AS r ON r.prrelid = l.member
            UNION
            SELECT l.relation, l.member, l.depth, n.pnpubid FROM line AS l JOIN pg_class AS c ON c.oid = l.member
            JOIN pg_publication_namespace AS n ON n.pnnspid = c.relnamespace
        ), published AS (
            SELECT t.relation, t.kind, t.identity, p.oid AS publication, coalesce((
                    SELECT l.member FROM listed AS l
                    WHERE l.relation = t.relation AND l.publication = p.oid AND p.pubviaroot AND NOT p.puballtables
                    ORDER BY l.depth DESC LIMIT 1), t.relation) AS member,
                to_jsonb(p) ->> 'pubgencols' = 'n' AS leaves_generated_out
            FROM target AS t CROSS JOIN pg_publication AS p
            WHERE CASE WHEN $2 THEN p.pubupdate ELSE p.pubdelete END AND (p.puballtables OR EXISTS (
                SELECT FROM listed AS l WHERE l.relation = t.relation AND l.publication = p.oid))
        ), identity AS (
            SELECT t.relation, array_agg(a.attname::text ORDER BY a.attnum) AS columns
            FROM target AS t JOIN pg_index AS x ON x.indexrelid = t.identity
            JOIN pg_attribute AS a ON a.attrelid = t.relation AND a.attnum = ANY (x.indkey::smallint[])
            GROUP BY t.relation
        ), fault AS (
            SELECT p.relation, p.publication, p.member, 'identity' AS fault, NULL::text AS columns, false AS is_virtual
            FROM published AS p WHERE p.kind <> 'f' AND p.identity IS NULL
            UNION ALL
            SELECT p.relation, p.publication, p.member, 'filter', string_agg(DISTINCT quote_ident(a.attname), ', '),
                false
            FROM published AS p
            JOIN pg_publication_rel AS r ON r.prpubid = p.publication AND r.prrelid = p.member
            CROSS JOIN LATERAL regexp_matches(r.prqual::text, ':varattno (\\d+)', 'g') AS v (numbers)
            JOIN pg_attribute AS a ON a.attrelid = p.member AND a.attnum = v.numbers[1]::smallint
            LEFT JOIN identity AS i ON i.relation = p.relation
            WHERE p.kind <> 'f' AND a.attname::text <> ALL (coalesce(i.columns, '{}'))
            GROUP BY p.relation, p.publication, p.member
            UNION ALL
            SELECT p.relation, p.publication, p.member, 'list', string_agg(DISTINCT quote_ident(a.attname), ', '), false
            FROM published AS p
            JOIN pg_publication_rel AS r ON r.prpubid = p.publication AND r.prrelid = p.member
            LEFT JOIN identity AS i ON i.relation = p.relation
            JOIN pg_attribute AS a ON a.attrelid = p.member AND a.attnum > 0 AND NOT a.attisdropped
                AND (p.kind = 'f' OR a.attname::text = ANY (i.columns))
            WHERE r.prattrs IS NOT NULL AND (p.kind = 'f' OR a.attnum <> ALL (r.prattrs::smallint[]))
            GROUP BY p.relation, p.publication, p.member
            UNION ALL
            SELECT p.relation, p.publication, p.member, 'generated', string_agg(quote_ident(a.attname), ', '),
                bool_or(a.attgenerated = 'v')
            FROM published AS p LEFT JOIN identity AS i ON i.relation = p.relation
            LEFT JOIN pg_publication_rel AS r ON r.prpubid = p.publication AND r.prrelid = p.member
            JOIN pg_attribute AS a ON a.attrelid = p.relation AND a.attgenerated <> '' AND NOT a.attisdropped
                AND (p.kind = 'f' OR a.attname::text = ANY (i.columns))
            WHERE p.leaves_generated_out AND r.prattrs IS NULL OR a.attgenerated = 'v'
            GROUP BY p.relation, p.publication, p.member
        )
        SELECT f.relation::regclass::text AS name, quote_ident(p.pubname) AS publication, f.fault, f.columns,
            f.is_virtual, f.member::regclass::text AS member, pg_get_expr(r.prqual, r.prrelid) AS filter,
            (SELECT i.inhparent::regclass::text FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhparent
                WHERE i.inhrelid = f.relation AND c.relkind = 'p' AND c.relreplident <> 'f') AS parent,
            coalesce((
                SELECT CASE WHEN x.indisprimary THEN 'DEFAULT' ELSE 'USING INDEX ' || quote_ident(c.relname) END
                FROM pg_index AS x JOIN pg_class AS c ON c.oid = x.indexrelid
                WHERE x.indrelid = f.relation AND x.indisunique AND x.indisvalid AND x.indimmediate
                    AND x.indpred IS NULL AND x.indexprs IS NULL AND NOT EXISTS (
                    SELECT FROM pg_attribute AS a WHERE a.attrelid = x.indrelid
                        AND a.attnum = ANY (x.indkey::smallint[]) AND NOT a.attnotnull)
                ORDER BY x.indisprimary DESC, c.relname COLLATE "C" LIMIT 1), 'FULL') AS identity
        FROM fault AS f JOIN pg_publication AS p ON p.oid = f.publication
        LEFT JOIN pg_publication_rel AS r ON r.prpubid = f.publication AND r.prrelid = f.member
        ORDER BY p.pubname COLLATE "C", f.fault, f.relation
        """
}
