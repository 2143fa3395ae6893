public import Domain
public import Postgres

/// The tables that a purge deletes from or redacts, with their partitions and children, as a deployment has them.
public struct PurgedTables: Sendable {
    /// Tables from which rows are deleted.
    let deleted: [String]
    /// Tables that are redacted, and the columns that are cleared there, as SQL writes them.
    let redacted: [String: [String]]

    public init(deleted: [String], redacted: [String: [String]]) {
        self.deleted = deleted
        self.redacted = redacted
    }

    var rights: [Right] {
        let role = DocumentedRole.purge.rawValue
        return deleted.flatMap { ObjectRights.rights(role, .table, $0, "SELECT, DELETE") }
            + redacted.flatMap { table, columns in
                ObjectRights.rights(role, .table, table, "SELECT")
                    + columns.map { Right(role, .table, table, "UPDATE", column: $0) }
            }
    }
}

/// The rights of a database beside those that the documents give: what is missing, and what is too much.
public struct Rights: Sendable {
    /// How far the comparison goes.
    public enum Scope: Sendable {
        /// The schema `daybook`, and the keys that stand in clear.
        case own
        /// Also what our roles may do with the application's tables.
        case whole(PurgedTables)
    }

    /// What the documents give, of what there is here.
    public let given: Set<Right>
    /// That, and what an operator may give beyond it.
    public let allowed: Set<Right>
    public let reading: RightsReading
    private let scope: Scope
    private let ownTables: Set<String>

    public init(_ session: Session, _ scope: Scope) throws {
        self.scope = scope
        if case .whole(let purged) = scope {
            reading = try RightsReading(session, further: purged.deleted + purged.redacted.keys)
        } else {
            reading = try RightsReading(session)
        }
        ownTables = try Self.ownTables(session)
        var given = ObjectRights.all.flatMap { $0.rights($0.given) }
        if case .whole(let purged) = scope { given += purged.rights }
        let objects = reading.objects
        func isHere(_ right: Right) -> Bool {
            guard let columns = objects[right.object] else { return false }
            return right.column.map(columns.contains) ?? true
        }
        self.given = Set(given.filter(isHere))
        let beyond = ObjectRights.all.flatMap { $0.rights($0.allowed) + $0.ofReader }
        allowed = self.given.union(beyond.filter(isHere))
    }

    /// Rights that nobody should have, by the table of the documents.
    public var surplus: [RightsReading.Found] {
        reading.found.filter { found in
            isJudged(found.right) && (!allowed.contains(found.right) || found.isGrantable)
        }.sorted { $0.right < $1.right }
    }

    /// The application's tables on which a documented role has a right.
    private static let deployment = Set(ObjectRights.all.filter { $0.kind == .table }.map(\.object))

    /// Rights that roles lack which work here.
    public var missing: [Right] {
        let held = Set(reading.found.map(\.right))
        let working = Set(
            held.filter { $0.kind == .schema && $0.object == "daybook" && $0.privilege == "USAGE" }.map(\.role))
        return given.filter { right in
            guard working.contains(right.role), isInScope(right), !held.contains(right) else { return false }
            // Everybody may use most schemas public, and not everybody may give that again.
            let isEverybodys = held.contains(Right("PUBLIC", right.kind, right.object, right.privilege))
            return !(right.kind == .schema && isEverybodys && !reading.changeable.contains(right.object))
        }.sorted()
    }

    /// The application's own objects are its own: of them only what our roles may do is judged, and what everybody may
    /// do with tables that Daybook made. Who may move credit is told by ``CreditRights``.
    private func isJudged(_ right: Right) -> Bool {
        if right.isInDaybook { return true }
        switch DocumentedRole(rawValue: right.role) {
        case .report, .purge: if case .whole = scope { return true } else { return false }
        case .auditor, .sla, .prober, .importer:
            if right.object == KnownTable.apiKeys.fullName { return true }
            if case .whole = scope { return Self.deployment.contains(right.object) } else { return false }
        case .everybody: return ownTables.contains(right.object)
        case .service, .reader, nil: return false
        }
    }

    private func isInScope(_ right: Right) -> Bool {
        if right.isInDaybook { return true }
        guard case .whole = scope else { return false }
        return DocumentedRole.made.contains { $0.rawValue == right.role }
    }

    /// Gives the documented roles exactly their rights, as far as the session's role may: those that are too much go
    /// first, because a right on a table goes with those on its columns. Other roles keep what they have.
    ///
    /// - Parameter installing: Roles that begin to work here.
    public static func apply(_ session: Session, _ scope: Scope, installing: [DocumentedRole] = []) throws {
        let before = try Rights(session, scope)
        let documented = Set(DocumentedRole.allCases.filter { $0 != .service }.map(\.rawValue))
        let surplus = before.surplus.filter { $0.mayChange && documented.contains($0.right.role) }
        var script = revocations(surplus).map(\.statement)
        script += before.reading.defaults.filter { $0.mayChange && documented.contains($0.role) }.map(\.statement)
        script += installing.map { "GRANT USAGE ON SCHEMA daybook TO \($0.rawValue)" }
        if !script.isEmpty { try session.executeScript(script.joined(separator: ";\n")) }
        let after = try Rights(session, scope)
        // Whoever asks for roles hears what it may not give; an upgrade gives what it can.
        let grants = grants(
            after.missing.filter { !installing.isEmpty || after.reading.changeable.contains($0.object) })
        if !grants.isEmpty { try session.executeScript(grants.joined(separator: ";\n")) }
    }

    /// Statements that give rights, one a role, kind and list of privileges.
    public static func grants(_ rights: [Right]) -> [String] {
        grouped(rights).map { "GRANT \($0.list) ON \($0.kind.rawValue) \($0.names) TO \($0.role)" }
    }

    /// One role's surplus of one kind, and the statement that ends it.
    struct Revocation: Sendable {
        let role: String
        let list: String
        let objects: String
        let statement: String
    }

    static func revocations(_ surplus: [RightsReading.Found]) -> [Revocation] {
        // What was given on goes with it.
        [false, true].flatMap { isGrantable in
            grouped(surplus.filter { $0.isGrantable == isGrantable }.map(\.right)).map { group in
                Revocation(
                    role: group.role, list: group.list, objects: group.names,
                    statement: "REVOKE \(group.list) ON \(group.kind.rawValue) \(group.names) FROM \(group.role)"
                        + (isGrantable ? " CASCADE" : ""))
            }
        }
    }

    private struct Group {
        let role: String
        let kind: Right.Kind
        let list: String
        var objects: [String]

        var names: String { objects.joined(separator: ", ") }
    }

    private static func grouped(_ rights: [Right]) -> [Group] {
        var groups: [Group] = []
        let byObject = Dictionary(grouping: rights) { [$0.role, $0.kind.rawValue, $0.object] }
        for (_, rights) in byObject.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            guard let first = rights.first else { continue }
            let list = Right.list(rights)
            if let index = groups.firstIndex(where: {
                $0.role == first.role && $0.kind == first.kind && $0.list == list
            }) {
                groups[index].objects.append(first.object)
            } else {
                groups.append(Group(role: first.role, kind: first.kind, list: list, objects: [first.object]))
            }
        }
        return groups
    }

    /// The tables of the service and their partitions and sequences, where Daybook made them.
    private static func ownTables(_ session: Session) throws -> Set<String> {
        guard try Migrator.madeService(session) else { return [] }
        let rows = try session.query(
            """
            WITH RECURSIVE own AS (
                SELECT to_regclass(name)::oid AS relation FROM unnest($1::text[]) AS name
                UNION
                SELECT i.inhrelid FROM pg_inherits AS i JOIN own ON i.inhparent = own.relation
            )
            SELECT format('%I.%I', n.nspname, c.relname) AS name
            FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
            WHERE c.oid IN (SELECT relation FROM own) OR (c.relkind = 'S' AND EXISTS (
                SELECT FROM pg_depend AS d JOIN own ON own.relation = d.refobjid
                WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i')))
            """, [.texts(KnownTable.deployment.map(\.fullName))])
        return Set(try rows.map { try $0.text("name") })
    }
}

extension Rights {
    /// What is wrong, each with the statement that ends it.
    public var findings: [Remark] {
        let named = Set(DocumentedRole.allCases.map(\.rawValue))
        let surplus = Self.revocations(surplus).map { revocation in
            let isNamed = named.contains(revocation.role)
            let remark = isNamed ? "none of its rights" : "as no document says; unless it is meant"
            return Remark(
                "\(revocation.role) has \(revocation.list) on \(revocation.objects), \(remark): "
                    + revocation.statement)
        }
        let defaults = reading.defaults.map {
            Remark("what \($0.owner) makes in the schema daybook will be open to \($0.role): \($0.statement)")
        }
        let missing = Dictionary(grouping: missing, by: \.role).sorted { $0.key < $1.key }.map { role, rights in
            Remark(
                "\(role) lacks \(rights.count) of its rights, such as \(rights[0].phrase) on \(rights[0].object)",
                .grantRoles)
        }
        return surplus + defaults + missing
    }
}

/// What the private server's login for reports may read of a database: of the schema `daybook` what ``ObjectRights``
/// lets every reader read, and of the rest everything but the keys.
public enum ReaderGrants {
    private static let role = DocumentedRole.reader.rawValue
    /// Columns that hold keys, by table.
    private static let secrets: [String: Set<String>] = ["public.enterprise_api_keys": ["api_key"]]

    /// Gives the login what it lacks, and takes nothing. Where nothing is missing nothing is written.
    ///
    /// Tables that are made later are given by the next call.
    public static func give(_ connection: Connection) async throws {
        try await connection.transaction { session in
            guard try !missing(session).isEmpty else { return }
            // Two that grant at once would stumble over each other; the second finds nothing left to do.
            _ = try session.query("SELECT pg_advisory_xact_lock(hashtextextended('daybook reader grants', 0))")
            for grant in try missing(session) { try session.executeScript(grant) }
        }
    }

    private static func missing(_ session: Session) throws -> [String] {
        let reading = try RightsReading(session)
        let held = Set(reading.found.map(\.right))
        let own = ObjectRights.all.flatMap(\.ofReader).filter { right in
            guard right.isInDaybook, let columns = reading.objects[right.object] else { return false }
            return !held.contains(right) && right.column.map(columns.contains) ?? true
        }
        return try Rights.grants(own) + others(session).map { "GRANT \($0) TO \(role)" }
    }

    /// What stands between GRANT and TO, for the schemas of others.
    private static func others(_ session: Session) throws -> [String] {
        let schemas = try session.query(
            """
            SELECT n.nspname FROM pg_namespace AS n
            WHERE n.nspname NOT IN ('information_schema', 'daybook') AND n.nspname !~ '^pg_'
                AND NOT has_schema_privilege($1, n.oid, 'USAGE')
            ORDER BY n.nspname
            """, [.text(role)])
        let tables = try session.query(
            """
            SELECT n.nspname, c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
            WHERE n.nspname NOT IN ('information_schema', 'daybook') AND n.nspname !~ '^pg_' AND NOT c.relispartition
                AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT has_table_privilege($1, c.oid, 'SELECT')
                AND n.nspname || '.' || c.relname <> ALL ($2)
            ORDER BY n.nspname, c.relname
            """, [.text(role), .texts(secrets.keys.sorted())])
        let columns = try session.query(
            """
            SELECT n.nspname, c.relname, a.attname
            FROM pg_class AS c
            JOIN pg_namespace AS n ON n.oid = c.relnamespace
            JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            WHERE n.nspname || '.' || c.relname = ANY ($2) AND NOT has_column_privilege($1, c.oid, a.attnum, 'SELECT')
            ORDER BY n.nspname, c.relname, a.attnum
            """, [.text(role), .texts(secrets.keys.sorted())])
        func name(_ row: Row) throws -> String {
            try session.quoteIdentifier(row.text("nspname")) + "." + session.quoteIdentifier(row.text("relname"))
        }
        let open = try columns.filter { row in
            let table = try "\(row.text("nspname")).\(row.text("relname"))"
            return try secrets[table]?.contains(row.text("attname")) == false
        }
        return try schemas.map { "USAGE ON SCHEMA \(session.quoteIdentifier(try $0.text("nspname")))" }
            + tables.map { "SELECT ON \(try name($0))" }
            + open.map { "SELECT (\(session.quoteIdentifier(try $0.text("attname")))) ON \(try name($0))" }
    }
}
