import Codecs

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
    ]

    private init(version: Int64, name: String, part: Part = .books, embedded: [UInt8]) {
        self.init(version: version, name: name, part: part, sql: String(decoding: embedded, as: UTF8.self))
    }
}
