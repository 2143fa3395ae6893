import Domain
import Postgres

/// The relations whose change moves credit, and the routines that make such a change, as the catalogue says them.
///
/// Credit is what stands in the wallet and the ledger. A view, a rule, a trigger that works with its owner's rights and
/// a foreign key that cascades move it too, and so does whoever calls something that does.
struct CreditPaths: Sendable {
    typealias Command = RoutineText.Command

    /// A relation by which credit moves.
    struct Relation: Sendable {
        let oid: Int64
        let name: TableName
        let isTable: Bool
        /// Why, for each command that does.
        var reasons: [Command: String] = [:]
    }

    /// A function or procedure of the database, with what its text says.
    struct Routine: Sendable {
        let oid: Int64
        let schema: String
        let name: String
        /// With its schema and its arguments' types, as REVOKE takes it.
        let signature: String
        let isProcedure: Bool
        /// True for one that works with its owner's rights.
        let isDefiner: Bool
        /// True for one that no statement can call.
        let isTrigger: Bool
        let mayOwnerWrite: Bool
        let isReadable: Bool
        let text: RoutineText
    }

    private(set) var relations: [Int64: Relation] = [:]
    /// The routines that move credit, by what they do.
    private(set) var moving: [Int64: Moving] = [:]
    let routines: [Routine]

    /// How sure it is that a routine moves credit.
    enum Moving: Sendable {
        case does
        /// Its SQL is put together while it runs.
        case may
    }

    /// Reads the catalogue in the session's transaction.
    init(_ session: Session) throws {
        routines = try Self.routines(session)
        let others = try CreditDetours(session)
        for row in try session.query(Self.tables, [.texts(Self.credit)]) {
            let relation = Relation(
                oid: try row.int("oid"), name: TableName(try row.text("name")), isTable: true,
                reasons: Dictionary(uniqueKeysWithValues: Command.allCases.map { ($0, "it holds the credit") }))
            relations[relation.oid] = relation
        }
        guard !relations.isEmpty else { return }
        var count = -1
        while count != relations.values.reduce(moving.count, { $0 + $1.reasons.count }) {
            count = relations.values.reduce(moving.count) { $0 + $1.reasons.count }
            for routine in routines where moving[routine.oid] == nil { moving[routine.oid] = judge(routine) }
            for found in others.found(from: self) {
                var relation =
                    relations[found.oid]
                    ?? Relation(
                        oid: found.oid, name: TableName(found.name), isTable: found.isTable)
                if relation.reasons[found.command] == nil { relation.reasons[found.command] = found.reason }
                relations[found.oid] = relation
            }
        }
    }

    /// The tables of the credit itself.
    static let credit = ["public.credit_wallet", "public.credit_ledger"]

    /// True where a text writes one of the relations in a way that moves credit.
    func moves(_ text: RoutineText) -> Bool {
        relations.values.contains { relation in
            relation.reasons.keys.contains { text.writes($0, relation.name) }
        }
    }

    /// The routines that write a table in one of some ways, themselves or by others.
    func writers(of table: TableName, by commands: Set<Command>) -> [Routine] {
        var found: Set<Int64> = []
        var names: Set<String> = []
        var count = -1
        while count != found.count {
            count = found.count
            for routine in routines where !found.contains(routine.oid) {
                let writes = commands.contains { routine.text.writes($0, table) }
                guard writes || !names.isDisjoint(with: routine.text.calls) else { continue }
                found.insert(routine.oid)
                names.insert(routine.name)
            }
        }
        return routines.filter { found.contains($0.oid) }
    }

    private func judge(_ routine: Routine) -> Moving? {
        let calls = routines.contains { other in
            moving[other.oid] == .does && other.oid != routine.oid && routine.text.calls.contains(other.name)
        }
        if calls || moves(routine.text) { return .does }
        let names = relations.values.map(\.name.relation)
        if names.contains(where: routine.text.mayWrite) { return .does }
        guard routine.isReadable else { return names.contains(where: routine.text.mentions) ? .may : nil }
        return routine.text.isAssembled && routine.isDefiner && routine.mayOwnerWrite ? .may : nil
    }

    private static let tables = """
        WITH RECURSIVE part AS (
            SELECT to_regclass(name)::oid AS relation FROM unnest($1::text[]) AS name
            WHERE to_regclass(name) IS NOT NULL
            UNION
            SELECT i.inhrelid FROM pg_inherits AS i JOIN part ON i.inhparent = part.relation
        )
        SELECT c.oid::bigint AS oid, format('%I.%I', n.nspname, c.relname) AS name
        FROM part JOIN pg_class AS c ON c.oid = part.relation JOIN pg_namespace AS n ON n.oid = c.relnamespace
        ORDER BY n.nspname, c.relname
        """

    /// What comes with an extension is not the application's, and is not read.
    private static func routines(_ session: Session) throws -> [Routine] {
        try session.query(
            """
            SELECT p.oid::bigint AS oid, n.nspname::text AS schema, p.proname::text AS name,
                format('%I.%I(%s)', n.nspname, p.proname, oidvectortypes(p.proargtypes)) AS signature,
                p.prokind = 'p' AS is_procedure, p.prosecdef AS is_definer,
                p.prorettype IN ('trigger'::regtype, 'event_trigger'::regtype) AS is_trigger,
                l.lanname IN ('sql', 'plpgsql') AS is_readable,
                coalesce((
                    SELECT bool_or(has_table_privilege(p.proowner, name, 'INSERT, UPDATE, DELETE, TRUNCATE'))
                    FROM unnest($1::text[]) AS name WHERE to_regclass(name) IS NOT NULL), false) AS may_owner_write,
                coalesce(pg_get_function_sqlbody(p.oid), p.prosrc) AS text
            FROM pg_proc AS p
            JOIN pg_namespace AS n ON n.oid = p.pronamespace
            JOIN pg_language AS l ON l.oid = p.prolang
            WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND p.prokind IN ('f', 'p')
                AND l.lanname NOT IN ('internal', 'c') AND NOT EXISTS (
                    SELECT FROM pg_depend AS d
                    WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
            ORDER BY n.nspname, p.proname, 4
            """, [.texts(credit)]
        ).map { row in
            Routine(
                oid: try row.int("oid"), schema: try row.text("schema"), name: try row.text("name"),
                signature: try row.text("signature"), isProcedure: try row.bool("is_procedure"),
                isDefiner: try row.bool("is_definer"), isTrigger: try row.bool("is_trigger"),
                mayOwnerWrite: try row.bool("may_owner_write"), isReadable: try row.bool("is_readable"),
                text: RoutineText(try row.text("text")))
        }
    }
}
