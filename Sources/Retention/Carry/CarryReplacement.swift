internal import Codecs
internal import Domain
internal import Postgres
internal import Schema

/// The transaction that replaces months of the ledger.
struct CarryReplacement: Sendable {
    let id: Int64
    let plan: CarryPlan
    let settings: PurgeSettings
    let place: ArchivePlace
    let tell: @Sendable (PurgeProgress) -> Void

    /// Archives, replaces and certifies. The sorted rows of the plan are in the transaction already.
    ///
    /// Everything that takes long comes before the lock that others wait for.
    func run(_ session: Session) throws -> CertificateIssuer.Issued {
        let months = plan.lines.map { CarryMonth(month: $0.month) }
        for month in months { try month.keepStill(session) }
        // Sorted again: nobody can add to the months now.
        // A batch whose refund is replaced by a balance keeps the instant that it was settled at.
        try SettlementCapture.run(session, catalog: Catalog(session))
        try CarryRows.collect(before: plan.cutoff, session)
        guard try CarryRows.lines(session) == plan.lines else { throw Self.changed }
        try record(session)
        let archive = ArchiveFolder(place: place, run: id)
        try archive.make()
        let run = PurgeRun(
            id: id, terms: Terms(asOf: plan.asOf, account: nil, all: [], policyDigest: ""), archive: archive,
            isEncrypted: place.cipher != nil)
        for month in months {
            tell(.step("archiving \(month.relation)"))
            try month.archive(run, archive, key: place.key, session)
            try month.prepare(session)
        }
        tell(.step("working out what the credits cost"))
        try adopt(session)
        try CarryCosts.write(before: plan.cutoff, session)
        try keepSums(session)
        // A hold that is acknowledged from here on covers what is left; one from before is in the plan.
        try LegalHoldLock.share(session)
        guard try Terms.holdDigest(session) == plan.holdDigest else { throw Self.changed }
        tell(.step("replacing \(months.count) months"))
        try lockLedger(session)
        for month in months { try month.replace(session) }
        return try certify(run, archive, session)
    }

    private static let changed = DaybookError(
        .tryAgain, "The ledger or the holds changed since the plan was made; nothing was replaced.")

    private func record(_ session: Session) throws {
        let cutoffs = try session.query(
            """
            SELECT o.user_id, o.slug, ($1::date - ($2 AT TIME ZONE 'UTC')::date)::bigint AS days
            FROM (
                SELECT user_id, slug FROM daybook.account
                UNION ALL
                SELECT $3::uuid, ''
            ) AS o
            """, [.date(plan.asOf), .instant(plan.cutoff), .uuid(RetentionSession.nobody)]
        ).map { row in
            RunEntry.Cutoff(
                userID: try row.uuid("user_id"), slug: try row.text("slug"), timeZone: "UTC",
                dataClass: CarryForward.dataClass, retentionDays: try row.int("days"), instant: plan.cutoff)
        }
        _ = try RunEntry(
            asOf: plan.asOf, plan: plan.csv, policyDigest: SHA256Digest.hex("credit_ledger \(plan.years) years"),
            holdDigest: plan.holdDigest, archive: place, cutoffs: cutoffs
        ).write(.reserved(id), settings, session)
        _ = try session.execute(
            """
            INSERT INTO daybook.purge_total (user_id, run_id, data_class, row_count, oldest, newest)
            SELECT user_id, $1, $2, count(*), min(created_at), max(created_at) FROM pg_temp.carry_row
            WHERE NOT is_held AND NOT is_open AND NOT is_carried GROUP BY user_id
            """, [.int(id), .text(CarryForward.dataClass)])
    }

    /// The engine knows the money of every batch whose rows go: a caller of its functions that repeats itself after
    /// years is told so, as before.
    private func adopt(_ session: Session) throws {
        _ = try session.execute(
            """
            SELECT daybook.hold_batch(j.id, j.user_id) FROM public.batch_jobs AS j
            WHERE EXISTS (
                SELECT FROM pg_temp.carry_row AS r
                WHERE r.user_id = j.user_id AND r.batch_id = j.id::text AND r.role IN ('freeze', 'refund')
                    AND NOT r.is_held AND NOT r.is_open
            ) AND NOT EXISTS (
                SELECT FROM daybook.batch AS b WHERE b.user_id = j.user_id AND b.batch_id = j.id
            )
            """)
    }

    /// What the replaced rows said of each batch.
    private func keepSums(_ session: Session) throws {
        _ = try session.execute(
            """
            INSERT INTO daybook.carried_batch (
                user_id, batch_id, role, model, run_id, entries, credits, first_entry_id, last_posted_at)
            SELECT r.user_id, r.batch_id, r.role, r.model, $1, count(*), sum(r.credits), min(r.id), max(r.created_at)
            FROM pg_temp.carry_row AS r
            WHERE NOT r.is_held AND NOT r.is_open AND NOT r.is_carried AND r.batch_id IS NOT NULL AND (
                r.role <> 'purchase' OR EXISTS (
                    SELECT FROM public.batch_jobs AS j WHERE j.user_id = r.user_id AND j.id::text = r.batch_id))
            GROUP BY r.user_id, r.batch_id, r.role, r.model
            """, [.int(id)])
    }

    /// From here on everybody waits who reads or writes the ledger: for a moment per month.
    private func lockLedger(_ session: Session) throws {
        for _ in 0..<Limits.carryAttempts {
            do {
                try session.savepoint {
                    try session.executeScript("LOCK TABLE public.credit_ledger IN ACCESS EXCLUSIVE MODE")
                }
                let stray = try session.query(
                    "SELECT EXISTS (SELECT FROM ONLY public.credit_ledger_default WHERE created_at < $1) AS is_there",
                    [.instant(plan.cutoff)])
                guard try !stray[0].bool("is_there") else { throw Self.changed }
                return
            } catch let error as PostgresError where error.code == .lockNotAvailable {
                tell(.pausing("the ledger is being read or written"))
                _ = try session.query("SELECT pg_sleep(0.2)::text")
            }
        }
        throw DaybookError(
            .tryAgain,
            "The ledger was in use for too long, by a report or a transaction that stays open; nothing was replaced. "
                + "Try again when it is done.")
    }

    private func certify(
        _ run: PurgeRun, _ archive: ArchiveFolder, _ session: Session
    ) throws -> CertificateIssuer.Issued {
        let digest = try ArchiveManifest(run, session).write(to: archive)
        try RunRecord.finish(id, manifestDigest: digest, session)
        _ = try session.execute("UPDATE daybook.ledger_carry SET state = 'done' WHERE run_id = $1", [.int(id)])
        let carried = try CarriedEvidence.read(run: id, plan, session)
        return try settings.issuer.issue(.init(kind: .carry, run: id, carried: carried), session)
    }
}

/// One month of the ledger while it is replaced.
struct CarryMonth: Sendable {
    let month: Month

    /// `public.credit_ledger_2014_03`.
    var relation: String { "public." + name }
    private var name: String { "credit_ledger_" + month.description.replacing("-", with: "_") }
    private var next: String { "public.\(name)_next" }
    private var start: String { "'\(month.firstDay) 00:00:00+00'" }
    private var end: String { "'\(month.endDay) 00:00:00+00'" }
    private static let kept = "(c.is_held OR c.is_open)"

    /// Nobody can add a row until the transaction ends; everybody can read.
    func keepStill(_ session: Session) throws {
        try session.executeScript("LOCK TABLE \(relation) IN SHARE MODE")
    }

    /// Writes the rows that go into a segment of the archive, before they go.
    func archive(_ run: PurgeRun, _ folder: ArchiveFolder, key: [UInt8]?, _ session: Session) throws {
        let columns = try SweepStatement.columns(of: relation, session)
        let list = columns.map { "l." + session.quoteIdentifier($0) }.joined(separator: ", ")
        _ = try folder.archive(
            """
            SELECT \(list) FROM ONLY \(relation) AS l
            JOIN pg_temp.carry_row AS c ON c.user_id = l.user_id AND c.id = l.id AND NOT \(Self.kept)
            ORDER BY l.user_id, l.created_at, l.id
            """, columns: columns, dataClass: CarryForward.dataClass, relation: relation, run: run, key: key,
            session)
    }

    /// Makes the table that takes the month's place: the rows that stay, each as it is, and a balance per owner and
    /// lot.
    ///
    /// A balance has the month's last instant. It names how many rows it stands for, and their SHA-256: that of the
    /// rows as PostgreSQL writes them in UTC, one row per line, in the order of instant and id. Balances that add come
    /// before those that take away, so that none of them lets the sum fall below the month's last balance.
    func prepare(_ session: Session) throws {
        let tablespace = try PartitionLikeness.tablespace(of: LedgerPartitions.parent, session)
        let columns = try SweepStatement.columns(of: LedgerPartitions.parent, session).map {
            session.quoteIdentifier($0)
        }
        try session.executeScript(
            """
            CREATE TABLE \(next) (LIKE public.credit_ledger INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING GENERATED
                INCLUDING STORAGE INCLUDING COMPRESSION)\(tablespace);
            INSERT INTO \(next) (\(columns.joined(separator: ", ")))
            SELECT \(columns.map { "l." + $0 }.joined(separator: ", ")) FROM ONLY \(relation) AS l
            JOIN pg_temp.carry_row AS c ON c.user_id = l.user_id AND c.id = l.id AND \(Self.kept);
            INSERT INTO \(next) (user_id, type, credits_delta, ref_type, ref_id, meta, created_at)
            SELECT b.user_id, 'adjust', b.credits, '\(StatementEntry.carriedForward)', '\(month)',
                jsonb_strip_nulls(jsonb_build_object(
                    'bucket', b.bucket, 'lot_id', b.lot, 'entries', b.entries, 'sha256', b.sha256)),
                timestamptz \(end) - interval '1 microsecond'
            FROM (
                SELECT c.user_id, c.lot, c.bucket, sum(c.credits) AS credits,
                    sum(CASE WHEN c.is_carried THEN (l.meta ->> 'entries')::bigint ELSE 1 END) AS entries,
                    encode(sha256(convert_to(
                        string_agg(l::text, E'\\n' ORDER BY l.created_at, l.id), 'UTF8')), 'hex') AS sha256
                FROM ONLY \(relation) AS l
                JOIN pg_temp.carry_row AS c ON c.user_id = l.user_id AND c.id = l.id AND NOT \(Self.kept)
                GROUP BY c.user_id, c.lot, c.bucket
            ) AS b ORDER BY b.user_id, b.credits < 0, b.lot, b.bucket
            """)
    }

    /// Puts the new table in the old one's place.
    func replace(_ session: Session) throws {
        try session.executeScript(
            """
            ALTER TABLE public.credit_ledger DETACH PARTITION \(relation);
            DROP TABLE \(relation);
            ALTER TABLE \(next) RENAME TO \(name);
            ALTER TABLE public.credit_ledger ATTACH PARTITION \(relation) FOR VALUES FROM (\(start)) TO (\(end));
            CREATE TRIGGER daybook_never_emptied BEFORE TRUNCATE ON \(relation)
                FOR EACH STATEMENT EXECUTE FUNCTION daybook.refuse_alteration()
            """)
        try PartitionLikeness.give(relation, of: LedgerPartitions.parent, session)
    }
}
