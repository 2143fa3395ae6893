import Codecs
import Domain
public import Postgres

/// Brings a database to the schema of this program.
///
/// Each migration runs in a transaction of its own under one advisory lock, and
/// is recorded with its digest: running it again, or twice at once, is safe.
///
/// An empty database gets the whole system. A deployment, which has the service's tables
/// already, gets the books, and the engine's part only where it is asked for or was before.
public struct Migrator: Sendable {
    /// The advisory lock that two migrators contend for ("daybook" in ASCII, shortened to 63 bits).
    static let lockKey: Int64 = 0x64_6179_626f_6f6b

    private let migrations: [Migration]
    private let withEngine: Bool

    /// - Parameter withEngine: True adds the engine's part to a deployment.
    public init(migrations: [Migration] = Migration.all, withEngine: Bool = false) {
        self.migrations = migrations
        self.withEngine = withEngine
    }

    /// Applies what is missing and gives the names of what was applied.
    ///
    /// Throws `badData` if an applied migration was edited or is unknown to this program, and
    /// `tryAgain` if a lock is not to be had within five seconds; ``StoppedRun`` where it ends after it applied some.
    public func migrate(_ connection: Connection) async throws -> [String] {
        var applied: [String] = []
        do {
            try await migrate(connection, &applied)
        } catch  where !applied.isEmpty {
            let isInterruption = error is CancellationError || (error as? PostgresError)?.code == .cancelled
            throw StoppedRun(
                isInterruption && Task.isCancelled ? .interruption : .failure(error),
                standing: "Applied before that: \(applied.joined(separator: ", ")).", .goOnMigrating)
        }
        return applied
    }

    private func migrate(_ connection: Connection, _ applied: inout [String]) async throws {
        let connection = try await connection.direct(for: "A migration")
        if withEngine { try await connection.run { try $0.requireOneServer(for: "The batch engine") } }
        for migration in migrations {
            let options = TransactionOptions(lockTimeoutMilliseconds: 5000)
            let isNew = try await connection.transaction(options) { session in
                try apply(migration, session)
            }
            if isNew { applied.append("\(migration.version) \(migration.name)") }
        }
        // What an older version left open, and what is new, is the documented roles' as the table of rights says.
        try await connection.transaction(TransactionOptions(lockTimeoutMilliseconds: 5000)) { session in
            try Self.lock(session)
            try session.executeScript("SET LOCAL search_path = pg_catalog, pg_temp")
            try Rights.apply(session, .own)
        }
    }

    /// One at a time changes the schema or the rights on it.
    public static func lock(_ session: Session) throws {
        _ = try session.query("SELECT pg_advisory_xact_lock($1)", [.int(lockKey)])
    }

    /// True if the migration was applied, false if it was there already.
    private func apply(_ migration: Migration, _ session: Session) throws -> Bool {
        try Self.lock(session)
        try session.executeScript(
            """
            SET LOCAL search_path = pg_catalog, pg_temp;
            CREATE SCHEMA IF NOT EXISTS daybook;
            CREATE TABLE IF NOT EXISTS daybook.migration (
                version    bigint      CONSTRAINT migration_pkey PRIMARY KEY,
                name       text        NOT NULL,
                sha256     text        NOT NULL,
                applied_at timestamptz NOT NULL DEFAULT transaction_timestamp()
            )
            """)
        try refuseForeignHistory(session)
        guard try isWanted(migration.part, session) else { return false }
        let recorded = try session.query(
            "SELECT sha256 FROM daybook.migration WHERE version = $1", [.int(migration.version)])
        if let row = recorded.first {
            guard try row.text("sha256") == migration.sha256 else {
                throw DaybookError.badData(
                    "Migration \(migration.version) (\(migration.name)) was applied to this database with other "
                        + "contents; use the program that applied it, or restore the file.")
            }
            return false
        }
        try session.executeScript(migration.sql)
        _ = try session.execute(
            "INSERT INTO daybook.migration (version, name, sha256) VALUES ($1, $2, $3)",
            [.int(migration.version), .text(migration.name), .text(migration.sha256)])
        return true
    }

    private func isWanted(_ part: Migration.Part, _ session: Session) throws -> Bool {
        switch part {
        case .books: true
        case .service: try Self.has(.service, migrations, session) || !Catalog(session).hasService
        case .engine:
            try withEngine || Self.has(.service, migrations, session) || Self.has(.engine, migrations, session)
        }
    }

    /// True if a migration of a part was applied.
    static func has(_ part: Migration.Part, _ migrations: [Migration], _ session: Session) throws -> Bool {
        let versions = migrations.filter { $0.part == part }.map(\.version)
        let rows = try session.query(
            "SELECT EXISTS (SELECT FROM daybook.migration WHERE version = ANY ($1)) AS applied", [.ints(versions)])
        return try rows[0].bool("applied")
    }

    /// True where the service's own tables were made by Daybook, not by a deployment's application.
    public static func madeService(_ session: Session) throws -> Bool {
        let known = try session.query("SELECT to_regclass('daybook.migration') IS NOT NULL AS exists")
        return try known[0].bool("exists") && has(.service, Migration.all, session)
    }

    /// A database that a newer program has migrated is not for this one.
    private func refuseForeignHistory(_ session: Session) throws {
        let newest = try session.query("SELECT coalesce(max(version), 0) AS version FROM daybook.migration")
        let known = migrations.last?.version ?? 0
        guard let version = try newest.first?.int("version"), version > known else { return }
        throw DaybookError.badData(
            "This database is at schema version \(version), but this program knows only \(known); use a newer "
                + "daybook.")
    }
}

/// One step of the schema: its number, its name and its SQL.
public struct Migration: Sendable {
    /// Which databases a migration is for.
    public enum Part: String, Sendable, Hashable, CaseIterable {
        /// What reports, statements and retention need: every database.
        case books
        /// The service's own tables: a database that has none of them.
        case service
        /// What the batch engine needs: a database of Daybook's own, and a deployment that asks for it.
        case engine
    }

    public let version: Int64
    public let name: String
    public let part: Part
    public let sql: String

    /// SHA-256 of the SQL: a migration that was applied may never be edited afterwards.
    public var sha256: String { SHA256Digest.hex(sql) }

    public init(version: Int64, name: String, part: Part = .books, sql: String) {
        self.version = version
        self.name = name
        self.part = part
        self.sql = sql
    }

    /// Every migration of this program, in order. Those of the books depend on no other part.
    public static let all: [Migration] = [
        Migration(version: 1, name: "books", embedded: PackageResources._01_books_sql),
        Migration(version: 2, name: "service", part: .service, embedded: PackageResources._02_service_sql),
        Migration(version: 3, name: "money", part: .engine, embedded: PackageResources._03_money_sql),
        Migration(version: 4, name: "batches", part: .engine, embedded: PackageResources._04_batches_sql),
        Migration(version: 5, name: "access", part: .engine, embedded: PackageResources._05_access_sql),
        Migration(version: 6, name: "closes", embedded: PackageResources._06_closes_sql),
        Migration(version: 7, name: "retention", embedded: PackageResources._07_retention_sql),
        Migration(version: 8, name: "api", part: .engine, embedded: PackageResources._08_api_sql),
        Migration(version: 9, name: "work", part: .engine, embedded: PackageResources._09_work_sql),
        Migration(version: 10, name: "balances", part: .service, embedded: PackageResources._10_balances_sql),
        Migration(version: 11, name: "carry", embedded: PackageResources._11_carry_sql),
        Migration(version: 12, name: "divided", part: .service, embedded: PackageResources._12_divided_sql),
        Migration(version: 13, name: "runs", embedded: PackageResources._13_runs_sql),
        Migration(version: 14, name: "guards", part: .engine, embedded: PackageResources._14_guards_sql),
        Migration(version: 15, name: "closed", embedded: PackageResources._15_closed_sql),
        Migration(version: 16, name: "rights", embedded: PackageResources._16_rights_sql),
        Migration(version: 19, name: "terms", embedded: PackageResources._19_terms_sql),
        Migration(version: 20, name: "bonus", part: .engine, embedded: PackageResources._20_bonus_sql),
        Migration(version: 21, name: "callers", part: .engine, embedded: PackageResources._21_callers_sql),
        Migration(version: 23, name: "settlement", embedded: PackageResources._23_settlement_sql),
        Migration(version: 24, name: "prices", embedded: PackageResources._24_prices_sql),
        Migration(version: 25, name: "slugs", embedded: PackageResources._25_slugs_sql),
        Migration(version: 26, name: "accesses", embedded: PackageResources._26_accesses_sql),
        Migration(version: 29, name: "defaults", part: .engine, embedded: PackageResources._29_defaults_sql),
        Migration(version: 32, name: "looks", embedded: PackageResources._32_looks_sql),
        Migration(version: 33, name: "faces", embedded: PackageResources._33_faces_sql),
        Migration(version: 34, name: "erasure", embedded: PackageResources._34_erasure_sql),
        Migration(version: 35, name: "sending", embedded: PackageResources._35_sending_sql),
        Migration(version: 36, name: "draws", part: .engine, embedded: PackageResources._36_draws_sql),
        Migration(version: 37, name: "credits", part: .engine, embedded: PackageResources._37_credits_sql),
        Migration(version: 38, name: "turns", part: .engine, embedded: PackageResources._38_turns_sql),
        Migration(version: 39, name: "recorded", embedded: PackageResources._39_recorded_sql),
        Migration(version: 40, name: "history", part: .service, embedded: PackageResources._40_history_sql),
        Migration(version: 41, name: "hints", part: .engine, embedded: PackageResources._41_hints_sql),
        Migration(version: 42, name: "plans", part: .engine, embedded: PackageResources._42_plans_sql),
        Migration(version: 43, name: "idle", part: .engine, embedded: PackageResources._43_idle_sql),
        Migration(version: 44, name: "late", part: .engine, embedded: PackageResources._44_late_sql),
        Migration(version: 45, name: "owners", part: .engine, embedded: PackageResources._45_owners_sql),
        Migration(version: 46, name: "adoption", part: .engine, embedded: PackageResources._46_adoption_sql),
        Migration(version: 47, name: "sets", part: .engine, embedded: PackageResources._47_sets_sql),
        Migration(version: 48, name: "room", part: .engine, embedded: PackageResources._48_room_sql),
        Migration(version: 49, name: "windows", embedded: PackageResources._49_windows_sql),
        Migration(version: 51, name: "hinted_task", part: .engine, embedded: PackageResources._51_hinted_task_sql),
        Migration(version: 52, name: "webhooks", part: .engine, embedded: PackageResources._52_webhooks_sql),
        Migration(version: 53, name: "month", embedded: PackageResources._53_month_sql),
        Migration(version: 54, name: "service_credits", embedded: PackageResources._54_service_credits_sql),
        Migration(version: 56, name: "billing", embedded: PackageResources._56_billing_sql),
        Migration(version: 57, name: "keys", part: .engine, embedded: PackageResources._57_keys_sql),
        Migration(version: 58, name: "letters", embedded: PackageResources._58_letters_sql),
        Migration(version: 60, name: "custom_ids", part: .engine, embedded: PackageResources._60_custom_ids_sql),
        Migration(
            version: 61, name: "webhook_retention", part: .engine,
            embedded: PackageResources._61_webhook_retention_sql),
        Migration(version: 62, name: "store", part: .engine, embedded: PackageResources._62_store_sql),
        Migration(version: 63, name: "videos", part: .engine, embedded: PackageResources._63_videos_sql),
        Migration(
            version: 64, name: "video_retention", part: .engine, embedded: PackageResources._64_video_retention_sql),
        Migration(version: 66, name: "watched", part: .engine, embedded: PackageResources._66_watched_sql),
    ]

    private init(version: Int64, name: String, part: Part = .books, embedded: [UInt8]) {
        self.init(version: version, name: name, part: part, sql: String(decoding: embedded, as: UTF8.self))
    }
}
