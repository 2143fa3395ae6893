import Postgres
import TestSupport
import Testing

/// Where several connections cannot be had, or would not see the same.
@Suite(.timeLimit(.minutes(2))) struct FewerReadersTests {
    /// How many connections there are, and then the parts of a read, with so many at most.
    private func parts(_ settings: ConnectionSettings, atMost: Int = 3) async throws -> [String] {
        try await SnapshotReadersTests.read(settings, atMost: atMost) { session, readers in
            let parts = try readers.read(session, options: .snapshot, prepare: { _ in }) { session, part, parts in
                try session.query("SELECT concat($1, ' of ', $2)", [Value(part), Value(parts)])[0].text(0)
            }
            return ["\(readers.count)"] + parts
        }
    }

    private func expect(_ settings: ConnectionSettings, atMost: Int = 3, _ expected: [String]) async throws {
        let parts = try await parts(settings, atMost: atMost)
        #expect(parts == expected)
    }

    private static let alone = ["1", "0 of 1"]
    private static let two = ["2", "0 of 2", "1 of 2"]
    private static let three = ["3", "0 of 3", "1 of 3", "2 of 3"]

    @Test func `at most so many are opened`() async throws {
        try await withDatabase { settings in
            try await expect(settings, atMost: 0, Self.alone)
            try await expect(settings, atMost: 1, Self.alone)
            try await expect(settings, atMost: 2, Self.two)
            try await expect(settings, atMost: 3, Self.three)
        }
    }

    @Test func `a role's limit is kept to`() async throws {
        try await withDatabase { settings in
            for (limit, expected) in [(1, Self.alone), (2, Self.two)] {
                try await withLogin(settings, attributes: "CONNECTION LIMIT \(limit)") { login in
                    try await expect(login, expected)
                }
            }
        }
    }

    @Test func `a server with one free connection is read by one`() async throws {
        let cluster = try TestCluster(settings: ["max_connections": "4", "superuser_reserved_connections": "0"])
        let settings = cluster.settings()
        var others: [Connection] = []
        for _ in 0..<3 { others.append(try await Connection.open(settings)) }
        try await expect(settings, Self.alone)
        for other in others { await other.close() }
        try cluster.stop()
    }

    @Test func `who may not export a snapshot reads alone`() async throws {
        try await withDatabase { settings in
            try await execute("REVOKE EXECUTE ON FUNCTION pg_export_snapshot() FROM PUBLIC", in: settings)
            try await withLogin(settings) { login in
                try await expect(login, Self.alone)
            }
        }
    }

    @Test(arguments: [
        // As Citus keeps its list of distributed tables, with one in it.
        """
        SET allow_system_table_mods = on;
        CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass);
        GRANT SELECT ON pg_catalog.pg_dist_partition TO PUBLIC;
        INSERT INTO pg_catalog.pg_dist_partition VALUES ('pg_class')
        """,
        """
        CREATE FOREIGN DATA WRAPPER elsewhere; CREATE SERVER there FOREIGN DATA WRAPPER elsewhere;
        CREATE FOREIGN TABLE books (id bigint) SERVER there
        """,
    ])
    func `tables that are elsewhere are read by one`(tables: String) async throws {
        try await withDatabase { settings in
            try await expect(settings, Self.three)
            try await execute(tables, in: settings)
            try await withLogin(settings) { login in
                try await expect(login, Self.alone)
            }
        }
    }

    @Test func `Citus without a distributed table is a server like others`() async throws {
        try await withDatabase { settings in
            try await execute(
                """
                SET allow_system_table_mods = on;
                CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass)
                """, in: settings)
            try await expect(settings, Self.three)
        }
    }

    @Test(arguments: [("transaction", 1, 1), ("transaction", 2, 2), ("transaction", 5, 3), ("session", 5, 3)])
    func `a pooler gives as many as it has to spare, soon, and all see one moment`(
        mode: String, size: Int, parts: Int
    ) async throws {
        try await withDatabase { direct in
            try await execute(SnapshotReadersTests.books, in: direct)
            let pooler = try TestPooler(mode: mode, size: size)
            let settings = try await pooler.settings(direct)
            let started = ContinuousClock.now
            let counts = try await SnapshotReadersTests.countsBesideChange(settings) {
                try await execute("INSERT INTO books SELECT generate_series(1001, 1500)", in: direct)
            }
            #expect(counts == Array(repeating: 1000, count: 1 + 2 * parts))
            // PgBouncer itself would let them wait for two minutes.
            #expect(ContinuousClock.now - started < .seconds(30))
        }
    }
}

extension StandbyTests {
    @Suite struct Readers {
        @Test func `parts that are read on a standby see one moment while it replays`() async throws {
            try await StandbyTests.withPair { pair, primary, standby in
                let counts = try await SnapshotReadersTests.countsBesideChange(standby) {
                    try await execute("INSERT INTO books SELECT generate_series(1001, 1500)", in: primary)
                    try await pair.catchUp()
                }
                #expect(counts == Array(repeating: 1000, count: 7))
                let later = try await SnapshotReadersTests.read(standby) { session, _ in
                    try session.query("SELECT count(*) FROM books")[0].int(0)
                }
                #expect(later == 1500)
            }
        }
    }
}
