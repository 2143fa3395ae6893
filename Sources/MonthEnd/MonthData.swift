import Domain
import Postgres
import Schema

/// Looks whether what a month is judged by is there: probes, the service's own rows, accounts and their addresses.
struct MonthData {
    private let month: Month
    private let scope: MonthScope
    private let session: Session
    private let catalog: Catalog

    init(_ month: Month, _ scope: MonthScope, session: Session, catalog: Catalog) {
        self.month = month
        self.scope = scope
        self.session = session
        self.catalog = catalog
    }

    /// What is missing; nothing where all is there.
    func findings() throws -> [MonthFinding] {
        let period = try standing() + probes() + rows()
        return try period + owners() + addresses() + gaps()
    }

    /// The last instant of which anything can be known.
    private var knownUntil: Instant { min(scope.period.end, scope.snapshotAt) }

    private func standing() -> [MonthFinding] {
        guard !scope.isFinal else { return [] }
        return [
            MonthFinding(
                .data, "preliminary",
                scope.isOver
                    ? "The month is over, and final for everybody from \(scope.finalityAt) on"
                    : "The month goes on until \(scope.period.end), and is final from \(scope.finalityAt) on",
                advice: "Run it again then; before that it cannot be approved.")
        ]
    }

    /// Days of the month without a single probe, target by target.
    private func probes() throws -> [MonthFinding] {
        let rows = try session.query(
            """
            WITH probe AS (\(catalog.select(.probe))), probe_day AS (\(catalog.select(Self.probeDay))), known AS (
                SELECT target FROM probe WHERE probed_at < $2
                UNION SELECT target FROM probe_day WHERE first_probe_at < $2
            ), day AS (
                SELECT generate_series(
                    ($1 AT TIME ZONE 'UTC')::date::timestamp,
                    (($2 - interval '1 microsecond') AT TIME ZONE 'UTC')::date::timestamp,
                    interval '1 day')::date AS day
            ), seen AS (
                SELECT DISTINCT target, (probed_at AT TIME ZONE 'UTC')::date AS day FROM probe
                WHERE probed_at >= $1 AND probed_at < $2
                UNION SELECT target, day FROM probe_day
            )
            SELECT k.target, count(*) AS days, count(*) FILTER (WHERE s.day IS NULL) AS missing,
                coalesce(min(d.day) FILTER (WHERE s.day IS NULL)::text, '') AS first
            FROM known AS k CROSS JOIN day AS d
            LEFT JOIN seen AS s ON s.target = k.target AND s.day = d.day
            GROUP BY k.target ORDER BY k.target COLLATE "C"
            """, [.instant(scope.period.start), .instant(knownUntil)])
        guard !rows.isEmpty else {
            return [
                MonthFinding(
                    .data, "no_probes", "No target was ever probed, so availability cannot be judged",
                    advice: "Import the probes of the month and run it again.")
            ]
        }
        return try rows.compactMap { row in
            let (target, missing) = (try row.text("target"), try row.int("missing"))
            guard missing > 0 else { return nil }
            return MonthFinding(
                .data, "probes_missing", count: missing,
                "\(target) has no probe on \(missing) of \(try row.int("days")) days, the first of them "
                    + "\(try row.text("first"))",
                advice: "Import what its monitor recorded: what nobody probed counts as unmonitored.")
        }
    }

    /// Whether the service's rows of the month are there, and reach its end.
    private func rows() throws -> [MonthFinding] {
        let kinds: [(KnownTable, String)] = [
            (.batchJobs, "batch"), (.videoTasks, "task"), (Self.table("credit_ledger"), "entry"),
        ]
        var newest: Instant?
        var findings: [MonthFinding] = []
        for (table, word) in kinds {
            let row = try session.query(
                """
                WITH found AS (\(catalog.select(table)))
                SELECT count(*) FILTER (WHERE created_at < $2) AS rows, max(created_at) AS newest FROM found
                WHERE created_at >= $1
                """, [.instant(scope.period.start), .instant(knownUntil)])[0]
            newest = max(newest ?? .distantPast, try row.optionalInstant("newest") ?? .distantPast)
            guard try row.int("rows") == 0 else { continue }
            findings.append(
                MonthFinding(
                    .data, "no_\(word)", "\(table.fullName) has no row of the month",
                    advice: "Is this the right database, and was it brought up to date?"))
        }
        guard findings.isEmpty, let newest, newest.adding(seconds: Limits.monthSilenceSeconds) < knownUntil else {
            return findings
        }
        return [
            MonthFinding(
                .data, "rows_end_early", "The newest row of the service is of \(newest), before the month's end",
                advice: "Is this the right database, and was it brought up to date?")
        ]
    }

    /// Owners with batches in the month of whom no account tells.
    private func owners() throws -> [MonthFinding] {
        let row = try session.query(
            """
            WITH found AS (\(catalog.select(.batchJobs)))
            SELECT count(DISTINCT user_id) AS owners, count(*) AS batches FROM found
            WHERE created_at >= $1 AND created_at < $2 AND NOT (user_id = ANY ($3))
            """,
            [.instant(scope.period.start), .instant(knownUntil), .uuids(scope.accounts.map(\.userID))])[0]
        let owners = try row.int("owners")
        guard owners > 0 else { return [] }
        return [
            MonthFinding(
                .data, "owner_without_account", count: owners,
                "\(owners) owners of \(try row.int("batches")) batches have no account: they get no statement and no "
                    + "report of their own", advice: "Add them to the file of accounts and import it.")
        ]
    }

    private func addresses() throws -> [MonthFinding] {
        let addresses = try MailAddress.of(scope.accounts, session, catalog)
        return scope.accounts.filter { addresses[$0.userID, default: ""].isEmpty }.map {
            MonthFinding(
                .data, "no_address", account: $0.slug, "No mail address of \($0.slug) is known: nothing can be sent",
                advice: "Give its owner an address, or hand the files over by another way.")
        }
    }

    /// Accounts that have closed months, but not the one before this.
    private func gaps() throws -> [MonthFinding] {
        guard Self.ownTables.allSatisfy(catalog.has), let before = month.adding(months: -1) else { return [] }
        let rows = try session.query(
            """
            SELECT a.slug, to_char(max(c.month), 'YYYY-MM') AS last FROM daybook.account AS a
            JOIN daybook.month_close AS c ON c.user_id = a.user_id
            WHERE NOT EXISTS (
                SELECT FROM daybook.month_reopen AS r
                WHERE (r.user_id, r.month, r.revision) = (c.user_id, c.month, c.revision)
            )
            GROUP BY a.user_id, a.slug HAVING max(c.month) < $1 ORDER BY a.user_id
            """, [.date(before.firstDay)])
        return try rows.map { row in
            MonthFinding(
                .data, "month_before_open", account: try row.text("slug"),
                "\(try row.text("slug")) has closed \(try row.text("last")) last",
                advice: "Close the months between it and \(month) first: they close without a gap.")
        }.inNaturalOrder(of: \.account)
    }

    private static let probeDay = table("probe_day")
    private static let ownTables = [table("month_close"), table("month_reopen")]

    private static func table(_ name: String) -> KnownTable {
        guard let table = KnownTable.all.first(where: { $0.name == name }) else { preconditionFailure("\(name)") }
        return table
    }
}
