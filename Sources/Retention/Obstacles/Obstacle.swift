internal import Domain
public import Postgres
internal import Schema

/// Something in a database that would refuse a purge half way, by its name, with the statement that mends it.
public struct Obstacle: Sendable, Hashable {
    /// The class whose rows it is about.
    let dataClass: DataClass
    /// The partition that could not be dropped whole; nil where it is about rows.
    let month: String?
    /// What is in the way, as a sentence.
    let what: String
    /// The statements that mend it.
    let mend: String

    init(_ dataClass: DataClass, month: String? = nil, _ what: String, mend: String) {
        self.dataClass = dataClass
        self.month = month
        self.what = what
        self.mend = mend
    }

    /// What is in the way, and what mends it.
    public var sentence: String { "\(what) Mend it with: \(mend);" }
}

/// Everything that the catalogue says of what would refuse a purge half way.
///
/// What only an attempt can tell (triggers, constraints, references, event triggers) is found by ``Trial``.
public enum Obstacles {
    /// Those of every table that a purge works on, and of the months that are named.
    static func find(_ shape: DeploymentShape, months: [String], _ session: Session) throws -> [Obstacle] {
        var found: [Obstacle] = []
        for dataClass in shape.classes { found += try ofRows(dataClass, session) }
        if shape.isOwn, shape.catalog.has(.accessLog) {
            found += try MonthObstacles.find(months, session)
            found += try MonthObstacles.halfDetached(session)
        }
        return found
    }

    /// Those that keep rows of a class from being deleted or redacted, each by itself.
    static func ofRows(_ dataClass: DataClass, _ session: Session) throws -> [Obstacle] {
        try PublicationObstacles.find(dataClass, session) + rules(dataClass, session)
    }

    /// What `database check` says: the same for every month that there is, and months that are in no report.
    ///
    /// Nothing where the database has no tables of the retention yet.
    public static func findings(_ session: Session) throws -> [String] {
        let known = try session.query("SELECT to_regclass('daybook.purge_run') IS NOT NULL AS exists")
        guard try known[0].bool("exists") else { return [] }
        let shape = try DeploymentShape(session)
        let months = try WholePartitions.all(session, shape).map(\.name)
        return try DetachedMonth.findings(session) + find(shape, months: months, session).map(\.sentence)
            + MonthObstacles.notes(months, session)
    }

    /// Throws `configuration` naming every obstacle to a purge of what is due.
    static func refuse(_ found: [Obstacle], due: Set<DataClass>, months: [String]) throws {
        let inTheWay = found.filter { $0.month.map(months.contains) ?? due.contains($0.dataClass) }
        guard !inTheWay.isEmpty else { return }
        throw DaybookError.configuration(
            "The database would refuse this purge half way, so it takes nothing until that is mended. "
                + inTheWay.map(\.sentence).joined(separator: " "))
    }

    /// Rules that would turn the purge's statement into another one: PostgreSQL does not allow any in it (0A000).
    private static func rules(_ dataClass: DataClass, _ session: Session) throws -> [Obstacle] {
        let redacts = dataClass.action == .redact
        return try session.query(
            """
            WITH RECURSIVE tree AS (
                SELECT to_regclass($1)::oid AS relation
                UNION
                SELECT i.inhrelid FROM pg_inherits AS i JOIN tree ON i.inhparent = tree.relation
            )
            SELECT quote_ident(r.rulename) AS rule, c.oid::regclass::text AS name
            FROM tree JOIN pg_class AS c ON c.oid = tree.relation JOIN pg_rewrite AS r ON r.ev_class = c.oid
            WHERE c.relkind = 'r' AND \(fires("r.ev_enabled")) AND r.ev_type = $2::text::"char"
            ORDER BY c.oid, r.rulename COLLATE "C"
            """, [.text(DeploymentShape.table(dataClass).fullName), .text(redacts ? "2" : "4")]
        ).map { row in
            let (rule, name) = (try row.text("rule"), try row.text("name"))
            let event = redacts ? "UPDATE" : "DELETE"
            return Obstacle(
                dataClass, "The rule \(rule) on \(event) of \(name) would do something else than the purge says.",
                mend: "ALTER TABLE \(name) DISABLE RULE \(rule)")
        }
    }

    /// True for a rule or an event trigger that does something in this session.
    static func fires(_ enabled: String) -> String {
        """
        \(enabled) IN (
            'A', CASE current_setting('session_replication_role') WHEN 'replica' THEN 'R' ELSE 'O' END::"char")
        """
    }
}
