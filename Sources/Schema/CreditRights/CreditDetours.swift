import Postgres

/// The ways to a table that do not name it: views, rules, triggers and foreign keys.
struct CreditDetours: Sendable {
    typealias Command = RoutineText.Command

    /// A relation by which credit turns out to move.
    struct Found: Sendable {
        let oid: Int64
        let name: String
        let isTable: Bool
        let command: Command
        let reason: String
    }

    private struct View: Sendable {
        let oid: Int64
        let name: String
        /// What it selects from, where that can be said, else everything that it names.
        let bases: [Int64]
        let commands: [Command]
    }

    private struct Rule: Sendable {
        let oid: Int64
        let name: String
        let isTable: Bool
        let rule: String
        let isInstead: Bool
        let event: Command
        let text: RoutineText
    }

    private struct Trigger: Sendable {
        let oid: Int64
        let name: String
        let isTable: Bool
        let trigger: String
        let routine: Int64
        let isInstead: Bool
        let events: [Command]
    }

    private struct Key: Sendable {
        let constraint: String
        let child: Int64
        let childName: String
        let parent: Int64
        let parentName: String
        /// What a deletion or a change of the parent does to the child.
        let effects: [(of: Command, on: Command)]
    }

    private let views: [View]
    private let rules: [Rule]
    private let triggers: [Trigger]
    private let keys: [Key]

    init(_ session: Session) throws {
        views = try session.query(Self.viewSQL).map { row in
            let mask = try row.int("mask")
            // The bits of the commands, as PostgreSQL numbers them.
            let commands = [(Command.update, 4), (.insert, 8), (.delete, 16)].filter { mask & Int64($0.1) != 0 }
            return View(
                oid: try row.int("oid"), name: try row.text("name"), bases: try row.ints("bases"),
                commands: commands.map(\.0))
        }
        rules = try session.query(Self.ruleSQL).compactMap { row in
            let events: [String: Command] = ["2": .update, "3": .insert, "4": .delete]
            guard let event = events[try row.text("event")] else { return nil }
            let text = try row.text("text")
            // What comes before DO names the event and its table.
            let action = text.firstRange(of: " DO ").map { String(text[$0.upperBound...]) } ?? text
            return Rule(
                oid: try row.int("oid"), name: try row.text("name"), isTable: try row.bool("is_table"),
                rule: try row.text("rule"), isInstead: try row.bool("is_instead"), event: event,
                text: RoutineText(action))
        }
        triggers = try session.query(Self.triggerSQL).map { row in
            let type = try row.int("type")
            let events = [(Command.insert, 4), (.delete, 8), (.update, 16), (.truncate, 32)]
            return Trigger(
                oid: try row.int("oid"), name: try row.text("name"), isTable: try row.bool("is_table"),
                trigger: try row.text("trigger"), routine: try row.int("routine"), isInstead: type & 64 != 0,
                events: events.filter { type & Int64($0.1) != 0 }.map(\.0))
        }
        keys = try session.query(Self.keySQL).map { row in
            var effects: [(of: Command, on: Command)] = []
            switch try row.text("on_delete") {
            case "c": effects.append((.delete, .delete))
            case "n", "d": effects.append((.delete, .update))
            default: break
            }
            if ["c", "n", "d"].contains(try row.text("on_update")) { effects.append((.update, .update)) }
            return Key(
                constraint: try row.text("constraint"), child: try row.int("child"),
                childName: try row.text("child_name"), parent: try row.int("parent"),
                parentName: try row.text("parent_name"), effects: effects)
        }
    }

    /// What leads to what is known to move credit.
    func found(from paths: CreditPaths) -> [Found] {
        var found: [Found] = []
        for view in views {
            let replaced =
                rules.filter { $0.oid == view.oid && $0.isInstead }.map(\.event)
                + triggers.filter { $0.oid == view.oid && $0.isInstead }.flatMap(\.events)
            for base in view.bases.compactMap({ paths.relations[$0] }) {
                found += view.commands.filter { base.reasons[$0] != nil && !replaced.contains($0) }.map {
                    Found(
                        oid: view.oid, name: view.name, isTable: false, command: $0,
                        reason: "it is a view through which \(base.name) is written")
                }
            }
        }
        for rule in rules where paths.moves(rule.text) {
            found.append(
                Found(
                    oid: rule.oid, name: rule.name, isTable: rule.isTable, command: rule.event,
                    reason: "its rule \(rule.rule) moves credit"))
        }
        let definers = Set(paths.routines.filter { $0.isDefiner && paths.moving[$0.oid] == .does }.map(\.oid))
        for trigger in triggers where definers.contains(trigger.routine) {
            found += trigger.events.map {
                Found(
                    oid: trigger.oid, name: trigger.name, isTable: trigger.isTable, command: $0,
                    reason: "its trigger \(trigger.trigger) moves credit")
            }
        }
        for key in keys {
            guard let child = paths.relations[key.child] else { continue }
            found += key.effects.filter { child.reasons[$0.on] != nil }.map {
                Found(
                    oid: key.parent, name: key.parentName, isTable: true, command: $0.of,
                    reason: "rows of \(key.childName) go with its rows (\(key.constraint))")
            }
        }
        return found
    }

    /// A view that can be written has one relation behind FROM; its definition says which, and everything else that it
    /// names is only read. One that asks for its caller's own rights opens nothing.
    private static let viewSQL = #"""
        SELECT v.oid, v.name, v.mask, CASE WHEN v.base IS NOT NULL THEN ARRAY[v.base] ELSE array(
            SELECT DISTINCT d.refobjid::bigint FROM pg_rewrite AS r
            JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
                AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.ev_class
            WHERE r.ev_class = v.oid::oid) END AS bases
        FROM (
            SELECT c.oid::bigint AS oid, format('%I.%I', n.nspname, c.relname) AS name,
                pg_relation_is_updatable(c.oid, false)::bigint AS mask,
                to_regclass(substring(pg_get_viewdef(c.oid) FROM
                    '\n   FROM (?:ONLY )?((?:"(?:[^"]|"")+"|[^\s."(;]+)(?:\.(?:"(?:[^"]|"")+"|[^\s."(;]+))?)'
                    ))::oid::bigint AS base
            FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
            WHERE c.relkind = 'v' AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND NOT coalesce((
                SELECT o.option_value::boolean FROM pg_options_to_table(c.reloptions) AS o
                WHERE o.option_name = 'security_invoker'), false)
        ) AS v ORDER BY v.name
        """#

    private static let ruleSQL = """
        SELECT c.oid::bigint AS oid, format('%I.%I', n.nspname, c.relname) AS name, c.relkind <> 'v' AS is_table,
            r.rulename::text AS rule, r.is_instead, r.ev_type::text AS event, pg_get_ruledef(r.oid) AS text
        FROM pg_rewrite AS r
        JOIN pg_class AS c ON c.oid = r.ev_class
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE r.ev_type <> '1' AND r.ev_enabled <> 'D' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
        ORDER BY 2, 4
        """

    private static let triggerSQL = """
        SELECT c.oid::bigint AS oid, format('%I.%I', n.nspname, c.relname) AS name, c.relkind <> 'v' AS is_table,
            t.tgname::text AS trigger, t.tgfoid::bigint AS routine, t.tgtype::bigint AS type
        FROM pg_trigger AS t
        JOIN pg_class AS c ON c.oid = t.tgrelid
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND n.nspname <> 'daybook'
        ORDER BY 2, 4
        """

    private static let keySQL = """
        SELECT k.conname::text AS constraint, k.conrelid::bigint AS child, k.confrelid::bigint AS parent,
            format('%I.%I', cn.nspname, c.relname) AS child_name, format('%I.%I', pn.nspname, p.relname) AS parent_name,
            k.confdeltype::text AS on_delete, k.confupdtype::text AS on_update
        FROM pg_constraint AS k
        JOIN pg_class AS c ON c.oid = k.conrelid JOIN pg_namespace AS cn ON cn.oid = c.relnamespace
        JOIN pg_class AS p ON p.oid = k.confrelid JOIN pg_namespace AS pn ON pn.oid = p.relnamespace
        WHERE k.contype = 'f' ORDER BY 4, 1
        """
}
