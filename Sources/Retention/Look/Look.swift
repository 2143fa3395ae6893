internal import Domain
internal import Postgres

/// A look into an archive, as it is recorded.
struct Look: Sendable, Hashable {
    /// One of its tables, as it was made.
    struct Table: Sendable, Hashable {
        /// `public.looked_at_access_log`
        let name: String
        let oid: Int64
        let dataClass: String
        let rows: Int64
    }

    let id: Int64
    /// The purge from whose archive the rows came.
    let run: Int64
    let tables: [Table]
    let reason: String
    /// The first instant after its last day.
    let until: Instant
    let lookedBy: String
    let lookedAt: Instant
    let droppedBy: String?
    let droppedAt: Instant?

    /// What a certificate says of it.
    var certified: Certificate.Look {
        Certificate.Look(
            lookId: id, reason: reason, until: until.description, lookedBy: lookedBy, lookedAt: lookedAt.description,
            tables: tables.map { Certificate.LookTable(table: $0.name, dataClass: $0.dataClass, rows: $0.rows) },
            droppedBy: droppedBy, droppedAt: droppedAt?.description)
    }

    private static let columns = """
        look_id, run_id, relations, relation_oids::bigint[] AS oids, data_classes, row_counts, reason, until_at,
            looked_by, looked_at, dropped_by, dropped_at
        """

    private init(_ row: Row) throws {
        id = try row.int("look_id")
        run = try row.int("run_id")
        let (names, oids) = (try row.texts("relations"), try row.ints("oids"))
        let (classes, counts) = (try row.texts("data_classes"), try row.ints("row_counts"))
        tables = names.indices.map {
            Table(name: names[$0], oid: oids[$0], dataClass: classes[$0], rows: counts[$0])
        }
        reason = try row.text("reason")
        until = try row.instant("until_at")
        lookedBy = try row.text("looked_by")
        lookedAt = try row.instant("looked_at")
        droppedBy = try row.optionalText("dropped_by")
        droppedAt = try row.optionalInstant("dropped_at")
    }

    /// Every look, in order; none in a database that is not migrated so far.
    static func all(_ session: Session) throws -> [Look] {
        guard try isKnown(session) else { return [] }
        return try session.query("SELECT \(columns) FROM daybook.retention_look ORDER BY look_id").map(Look.init)
    }

    /// A look, locked until the transaction ends; nil where there is none of the number.
    static func find(_ id: Int64, _ session: Session) throws -> Look? {
        try session.query("SELECT \(columns) FROM daybook.retention_look WHERE look_id = $1 FOR UPDATE", [.int(id)])
            .first.map(Look.init)
    }

    /// The looks into the archive of a purge whose tables are there.
    static func open(into run: Int64, _ session: Session) throws -> [Int64] {
        guard try isKnown(session) else { return [] }
        return try session.query(
            "SELECT look_id FROM daybook.retention_look WHERE run_id = $1 AND dropped_at IS NULL ORDER BY look_id",
            [.int(run)]
        ).map { try $0.int("look_id") }
    }

    private static func isKnown(_ session: Session) throws -> Bool {
        try session.query("SELECT to_regclass('daybook.retention_look') IS NOT NULL AS exists")[0].bool("exists")
    }

    /// Refuses a database without the table.
    static func requireTable(_ session: Session) throws {
        guard try isKnown(session) else {
            throw DaybookError.configuration(
                "This database has no table of looks into archives yet", .migrate)
        }
    }

    /// Records a look whose tables were just made, and marks them, so that they are known under any name.
    static func record(
        _ request: LookRequest, run: Int64, tables: [(name: String, dataClass: String, rows: Int64)], until: Instant,
        inWords words: (Remark) -> String, _ session: Session
    ) throws -> Look {
        let oids = try tables.map { table in
            try session.query(
                "SELECT to_regclass($1)::oid::bigint AS oid", [.text(TableName.quoted(table.name, session))])[0].int(
                    "oid")
        }
        let row = try session.query(
            """
            INSERT INTO daybook.retention_look (
                run_id, relations, relation_oids, data_classes, row_counts, reason, until_at)
            VALUES ($1, $2, $3::bigint[]::oid[], $4, $5, $6, $7) RETURNING \(columns)
            """,
            [
                .int(run), .texts(tables.map(\.name)), .ints(oids), .texts(tables.map(\.dataClass)),
                .ints(tables.map(\.rows)), .text(request.reason), .instant(until),
            ])[0]
        let look = try Look(row)
        for table in look.tables {
            let name = TableName.quoted(table.name, session)
            let mark = Remark(
                look.mark(table) + " rows of purge \(run), until \(until); drop it with: ", .take(.endLook(look.id)))
            let text = words(mark).replacing("'", with: "''")
            try session.executeScript("COMMENT ON TABLE \(name) IS '\(text)'")
        }
        return look
    }

    /// What the comment of one of its tables begins with: it goes where the table goes, into a dump as well.
    func mark(_ table: Table) -> String { "Daybook look \(id) (\(table.dataClass)):" }
}

/// What became of a table of a look: it may have been renamed, moved to another schema, or dropped by hand.
enum LookPlace: Sendable, Hashable {
    /// It is there, under this name.
    case there(String)
    /// A table of its OID is there that has neither its name nor its mark.
    case doubtful(String)
    case gone

    /// Looks for a table by its OID, and by its mark: a dump gives every table another OID.
    static func of(_ table: Look.Table, of look: Look, _ session: Session) throws -> LookPlace {
        let rows = try session.query(
            """
            SELECT n.nspname || '.' || c.relname AS name, c.oid = $1::bigint::oid AS is_same,
                starts_with(coalesce(d.description, ''), $2) AS is_marked
            FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
            LEFT JOIN pg_description AS d
                ON d.objoid = c.oid AND d.classoid = 'pg_class'::regclass AND d.objsubid = 0
            WHERE c.relkind IN ('r', 'p') AND (c.oid = $1::bigint::oid OR starts_with(d.description, $2))
            ORDER BY c.oid = $1::bigint::oid DESC, c.oid
            """, [.int(table.oid), .text(look.mark(table))])
        for row in rows {
            let name = try row.text("name")
            if try row.bool("is_marked") || (row.bool("is_same") && name == table.name) { return .there(name) }
        }
        return try rows.first.map { .doubtful(try $0.text("name")) } ?? .gone
    }
}

/// What verification finds about looks: rows that were purged and live again, and records that are not as certified.
enum LookEvidence {
    /// - Parameter certified: The certificates of looks and of their ends.
    static func verify(_ certified: [Certificate], _ session: Session) throws -> [Verification.Finding] {
        var findings: [Verification.Finding] = []
        let looks = try Look.all(session)
        let now = try session.query("SELECT clock_timestamp() AS now")[0].instant("now")
        for look in looks {
            let subject = "look \(look.id)"
            for table in look.tables {
                guard let what = try finding(table, look, now, session) else { continue }
                findings.append(Verification.Finding(subject: subject, what: what.sentence, what.advice))
            }
            for what in differences(look, certified) {
                findings.append(Verification.Finding(subject: subject, what: what))
            }
        }
        let known = Set(looks.map(\.id))
        for certificate in certified {
            guard let look = certificate.look, !known.contains(look.lookId) else { continue }
            findings.append(
                Verification.Finding(
                    subject: "certificate \(certificate.sequence)",
                    what: "its look \(look.lookId) is not recorded; see what became of "
                        + look.tables.map(\.table).joined(separator: ", ")))
        }
        return findings
    }

    private static func finding(
        _ table: Look.Table, _ look: Look, _ now: Instant, _ session: Session
    ) throws -> Remark? {
        let made = "\(table.name) (OID \(table.oid))"
        let place = try LookPlace.of(table, of: look, session)
        if look.droppedAt != nil {
            guard case .there(let name) = place else { return nil }
            return Remark("it is certified as ended, and its table is there: \(name), made as \(made)")
        }
        let end = Advice.take(.endLook(look.id))
        let time = look.until <= now ? "its time was over at \(look.until)" : "until \(look.until)"
        switch place {
        case .there(let name):
            let now = name == table.name ? made : "\(name), which was \(made) and was renamed or moved by hand"
            return Remark(
                "\(table.rows) rows of \(table.dataClass) of purge \(look.run) live again in \(now), for "
                    + "\(look.lookedBy) since \(look.lookedAt), \(time), because: \(look.reason); drop them with: ",
                end)
        case .doubtful(let name):
            return Remark(
                "\(name) has the OID of its table \(made), and neither its name nor its mark: see whether it holds "
                    + "rows of purge \(look.run), drop it by hand if so, then: ", end)
        case .gone:
            return Remark(
                "its table \(made) was dropped by hand, and nothing certifies that; do so with: ", end)
        }
    }

    private static func differences(_ look: Look, _ certified: [Certificate]) -> [String] {
        var open = look.certified
        open.droppedBy = nil
        open.droppedAt = nil
        var found: [String] = []
        if !certified.contains(where: { $0.kind == .look && $0.look == open && $0.run == look.run }) {
            found.append("it is not recorded as it was certified")
        }
        let hasEnd = certified.contains { $0.kind == .lookDropped && $0.look == look.certified }
        if look.droppedAt != nil, !hasEnd { found.append("it is recorded as ended, and no certificate says so") }
        if look.droppedAt == nil, certified.contains(where: { $0.kind == .lookDropped && $0.look?.lookId == look.id }) {
            found.append("it is certified as ended, and recorded as open")
        }
        return found
    }
}
