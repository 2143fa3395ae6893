import Foundation
import Postgres
import TestSupport
import Testing

@testable import Retention

/// New months take after their table.
@Suite struct LikenessTests {
    private static let log = OwnMonths.log
    private static let ledger = "public.credit_ledger"

    /// Owner, identity, rights and settings of a partition, one per line.
    private static func looks(_ name: String) -> String {
        """
        SELECT 'owner ' || pg_get_userbyid(relowner) FROM pg_class WHERE oid = '\(name)'::regclass
        UNION ALL SELECT 'identity ' || relreplident::text FROM pg_class WHERE oid = '\(name)'::regclass
        UNION ALL SELECT 'setting ' || unnest(reloptions) FROM pg_class WHERE oid = '\(name)'::regclass
        UNION ALL SELECT 'toast ' || unnest(t.reloptions)
            FROM pg_class AS c JOIN pg_class AS t ON t.oid = c.reltoastrelid WHERE c.oid = '\(name)'::regclass
        UNION ALL SELECT 'tablespace ' || t.spcname
            FROM pg_class AS c JOIN pg_tablespace AS t ON t.oid = c.reltablespace WHERE c.oid = '\(name)'::regclass
        UNION ALL SELECT 'storage ' || attstorage::text FROM pg_attribute
            WHERE attrelid = '\(name)'::regclass AND attname = 'action'
        UNION ALL SELECT concat_ws(' ', 'right', pg_get_userbyid(a.grantee), a.privilege_type, a.is_grantable)
            FROM pg_class AS c CROSS JOIN LATERAL aclexplode(c.relacl) AS a
            WHERE c.oid = '\(name)'::regclass AND a.grantee <> c.relowner AND a.grantee <> 0
        UNION ALL SELECT concat_ws(' ', 'right', pg_get_userbyid(a.grantee), a.privilege_type, t.attname)
            FROM pg_attribute AS t CROSS JOIN LATERAL aclexplode(t.attacl) AS a WHERE t.attrelid = '\(name)'::regclass
        ORDER BY 1
        """
    }

    /// Months that the program makes have to be gone first.
    private static func forget(_ purging: Purging, _ table: String) async throws {
        let names = try await purging.lines(
            """
            SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = '\(table)'::regclass
                AND inhrelid::regclass::text ~ '_20(26_12|27_..)$'
            """)
        #expect(!names.isEmpty)
        try await execute(names.map { "DROP TABLE \($0)" }.joined(separator: "; "), in: purging.settings)
    }

    @Test func `months have the table's identity, rights and owner, and the settings of the newest beside them`()
        async throws
    {
        let cluster = try TestCluster(port: 5490)
        let database = try await TestDatabase.create(in: cluster)
        let purging = try Purging(database.settings)
        try await ProgramRun.expectingSuccess(["database", "migrate"] + purging.database)
        let connection = try await Connection.open(purging.settings)
        try await connection.run { session in
            try session.executeAlone("SET allow_in_place_tablespaces = on")
            try session.executeAlone("CREATE TABLESPACE elsewhere LOCATION ''")
        }
        await connection.close()
        for table in [Self.log, Self.ledger] {
            try await Self.forget(purging, table)
            try await execute(
                """
                ALTER TABLE \(table) REPLICA IDENTITY FULL;
                ALTER TABLE \(table) SET TABLESPACE elsewhere;
                GRANT USAGE, CREATE ON SCHEMA public TO pg_monitor;
                GRANT SELECT ON \(table) TO pg_monitor WITH GRANT OPTION;
                GRANT UPDATE (user_id) ON \(table) TO pg_monitor;
                GRANT SELECT ON \(table) TO PUBLIC;
                ALTER TABLE \(table)_2026_11 SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01,
                    toast.autovacuum_enabled = off)
                """, in: purging.settings)
        }
        try await execute("ALTER TABLE \(Self.log) ALTER COLUMN action SET STORAGE EXTERNAL", in: purging.settings)
        try await execute(
            "CREATE ROLE books; ALTER TABLE \(Self.log) OWNER TO books; GRANT CREATE ON SCHEMA public TO books",
            in: purging.settings)
        try await ProgramRun.expectingSuccess(["database", "partitions"] + purging.database)
        for table in [Self.log, Self.ledger] {
            #expect(
                try await purging.lines(Self.looks(table + "_2027_03")) == [
                    "identity f", table == Self.log ? "owner books" : "owner postgres", "right pg_monitor SELECT t",
                    "right pg_monitor UPDATE user_id", "setting autovacuum_vacuum_scale_factor=0.01",
                    "setting fillfactor=80",
                ] + (table == Self.log ? ["storage e"] : []) + [
                    "tablespace elsewhere", "toast autovacuum_enabled=off",
                ],
                "\(table)")
        }
        // Where policies guard the log, a right on a month by itself would get around them.
        try await Self.forget(purging, Self.log)
        try await execute("ALTER TABLE \(Self.log) ENABLE ROW LEVEL SECURITY", in: purging.settings)
        try await ProgramRun.expectingSuccess(["database", "partitions"] + purging.database)
        let looks = try await purging.lines(Self.looks(Self.log + "_2027_03"))
        #expect(looks.contains("identity f") && !looks.contains { $0.contains("pg_monitor") }, "\(looks)")
        try cluster.stop()
    }

    @Test func `a month takes the index by which its table's rows are told from others`() async throws {
        try await OwnMonths.with { purging in
            try await Self.forget(purging, Self.ledger)
            try await execute(
                "ALTER TABLE \(Self.ledger) REPLICA IDENTITY USING INDEX credit_ledger_pkey", in: purging.settings)
            try await ProgramRun.expectingSuccess(["database", "partitions"] + purging.database)
            let index = try await purging.lines(
                """
                SELECT indexrelid::regclass::text FROM pg_index WHERE indisreplident
                    AND indrelid = '\(Self.ledger)_2027_03'::regclass
                """)
            #expect(index == ["credit_ledger_2027_03_pkey"])
        }
    }

    @Test func `a month of the ledger that is carried forward keeps what it took after its table`() async throws {
        try await CarriedBooks.with { purging in
            try await execute(
                "ALTER TABLE \(Self.ledger) REPLICA IDENTITY FULL; GRANT SELECT ON \(Self.ledger) TO pg_monitor",
                in: purging.settings)
            #expect(try await CarryForwardTests.carry(purging).exitCode == 0)
            let looks = try await purging.lines(Self.looks(Self.ledger + "_2016_10"))
            #expect(looks.contains("identity f") && looks.contains("right pg_monitor SELECT f"), "\(looks)")
        }
    }
}
