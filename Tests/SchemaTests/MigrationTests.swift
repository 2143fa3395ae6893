import Domain
import Foundation
import Postgres
import Schema
import TestSupport
import Testing

@Suite struct MigrationTests {
    @Test func `migrating again changes nothing`() async throws {
        try await withConnection { connection in
            let first = try await Migrator().migrate(connection)
            let second = try await Migrator().migrate(connection)
            #expect(first == Migration.all.map { "\($0.version) \($0.name)" })
            #expect(second.isEmpty)
        }
    }

    @Test func `two at once apply every migration once`() async throws {
        try await withDatabase { settings in
            let applied = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<6 {
                    group.addTask {
                        let connection = try await Connection.open(settings)
                        let count = try await Migrator().migrate(connection).count
                        await connection.close()
                        return count
                    }
                }
                return try await group.reduce(0, +)
            }
            #expect(applied == Migration.all.count)
        }
    }

    @Test func `a deployment gets the books, and the engine only where it is asked for`() async throws {
        let script = try Deployment.sampleScript()
        let schema = script.components(separatedBy: "\nCOPY ")[0] + "COMMIT;"
        try await withConnection { connection in
            try await connection.run { try $0.executeScript(schema) }
            let books = try await Migrator().migrate(connection)
            #expect(books == Migration.all.filter { $0.part == .books }.map { "\($0.version) \($0.name)" })
            let engine = try await Migrator(withEngine: true).migrate(connection)
            #expect(engine == Migration.all.filter { $0.part == .engine }.map { "\($0.version) \($0.name)" })
            #expect(try await Migrator().migrate(connection).isEmpty)
        }
    }

    @Test func `a filled ledger of our own is divided by month: every row as it was, and rights as they were`()
        async throws
    {
        try await withConnection { connection in
            let older = Migration.all.filter { $0.version < 11 }
            _ = try await Migrator(migrations: older).migrate(connection)
            let rows =
                "SELECT coalesce(md5(string_agg(l::text, ' ' ORDER BY id)), '') AS rows FROM public.credit_ledger AS l"
            let (before, role) = try await connection.run { session in
                let name = try session.query("SELECT 'reader_' || current_database() AS name")[0].text("name")
                try session.executeScript(
                    """
                    INSERT INTO public.users (id) VALUES ('00000000-0000-0000-0000-00000000000a');
                    INSERT INTO public.credit_ledger (user_id, type, credits_delta, meta, created_at)
                    SELECT '00000000-0000-0000-0000-00000000000a', 'purchase', n, '{"usd": 1.5}',
                        timestamptz '2025-11-29 23:59:59.999999Z' + n * interval '50 hours' FROM generate_series(0, 200) AS n;
                    CREATE ROLE \(name);
                    GRANT SELECT, INSERT ON public.credit_ledger TO \(name)
                    """)
                return (try session.query(rows)[0].text("rows"), name)
            }
            let later = Migration.all.filter { $0.version >= 11 }.map { "\($0.version) \($0.name)" }
            #expect(try await Migrator().migrate(connection) == later)
            try await connection.run { session in
                #expect(try session.query(rows)[0].text("rows") == before)
                let facts = try session.query(
                    """
                    SELECT (SELECT count(*) FROM ONLY public.credit_ledger_default) AS waiting,
                        (SELECT count(DISTINCT tableoid) FROM public.credit_ledger) AS months,
                        has_table_privilege($1, 'public.credit_ledger', 'INSERT')
                            AND NOT has_table_privilege($1, 'public.credit_ledger', 'DELETE') AS is_granted,
                        nextval('public.credit_ledger_id_seq') AS next
                    """, [.text(role)])[0]
                #expect(try facts.int("waiting") == 0 && facts.int("months") == 15)
                #expect(try facts.bool("is_granted") && facts.int("next") == 202)
                try session.executeScript("DROP OWNED BY \(role); DROP ROLE \(role)")
                let error = #expect(throws: PostgresError.self) {
                    try session.executeScript("DELETE FROM public.credit_ledger")
                }
                #expect(error?.sqlState?.rawValue == "DB001")
            }
        }
    }

    @Test func `a migration that was edited afterwards is refused`() async throws {
        try await withConnection { connection in
            let original = Migration(version: 1, name: "first", sql: "CREATE TABLE daybook.a (x integer)")
            let edited = Migration(version: 1, name: "first", sql: "CREATE TABLE daybook.a (x bigint)")
            _ = try await Migrator(migrations: [original]).migrate(connection)
            let error = await #expect(throws: DaybookError.self) {
                _ = try await Migrator(migrations: [edited]).migrate(connection)
            }
            #expect(error?.kind == .badData)
            #expect(error?.sentence.contains("other contents") == true)
        }
    }

    @Test func `a migration that fails leaves nothing behind`() async throws {
        try await withConnection { connection in
            let broken = Migration(version: 1, name: "broken", sql: "CREATE TABLE daybook.a (x integer); SELECT 1/0")
            await #expect(throws: PostgresError.self) {
                _ = try await Migrator(migrations: [broken]).migrate(connection)
            }
            let left = try await connection.run { session in
                try session.query("SELECT to_regclass('daybook.a') IS NULL AS gone")[0].bool("gone")
            }
            #expect(left)
        }
    }

    @Test func `a database that a newer program migrated is left alone`() async throws {
        try await withConnection { connection in
            let future = Migration.all + [Migration(version: 999, name: "future", sql: "SELECT 1")]
            _ = try await Migrator(migrations: future).migrate(connection)
            let error = await #expect(throws: DaybookError.self) { _ = try await Migrator().migrate(connection) }
            #expect(error?.sentence.contains("newer daybook") == true)
        }
    }

    @Test func `nothing of a deployment's own is touched or locked`() async throws {
        try await withDatabase { settings in
            let holder = try await Connection.open(settings)
            let migrating = try await Connection.open(settings)
            try await holder.run {
                try $0.executeScript("CREATE TABLE public.users (id int)")
                try $0.executeScript("BEGIN; LOCK TABLE public.users")
            }
            let applied = try await Migrator().migrate(migrating)
            #expect(applied.count == Migration.all.count { $0.part == .books })
            await holder.close()
            await migrating.close()
        }
    }
}

@Suite struct ImportTests {
    private let header = "user_id,slug,name,plan,currency,timezone,retention_days,monthly_fee_usd,legal_hold\n"
    private let good = "2eae05cf-96d0-4c5f-94c2-8c2e7c26847f,one,One,payg,USD,Europe/Berlin,30,12.50,\n"

    private func importing(_ text: String, _ kind: ImportKind = .accounts) async throws -> (CSVImport.Outcome?, String)
    {
        let folder = try ScratchFolder()
        let file = try folder.write(text, to: "file.csv")
        return try await withConnection { connection in
            _ = try await Migrator().migrate(connection)
            do {
                return (try await CSVImport(kind, file: ImportFile(path: file)).run(connection), "")
            } catch let error as DaybookError {
                let rows = try await connection.run {
                    try $0.query("SELECT count(*) AS n FROM daybook.account")[0].int("n")
                }
                #expect(rows == 0)
                return (nil, error.sentence)
            }
        }
    }

    @Test func `a good file is imported, and again without effect`() async throws {
        let folder = try ScratchFolder()
        let file = try folder.write(header + good, to: "accounts.csv")
        try await withConnection { connection in
            _ = try await Migrator().migrate(connection)
            let importer = CSVImport(.accounts, file: ImportFile(path: file))
            let first = try await importer.run(connection)
            #expect(first == .init(read: 1, added: 1, changed: 0))
            let second = try await importer.run(connection)
            #expect(second == .init(read: 1, added: 0, changed: 0))
            _ = try folder.write(header + good.replacingOccurrences(of: "12.50", with: "13"), to: "accounts.csv")
            let third = try await importer.run(connection)
            #expect((third.added, third.changed) == (0, 1) && third.terms.map(\.slug) == ["one"])
        }
    }

    @Test func `a file that would release a legal hold needs a reason, and the release is written down`() async throws {
        let folder = try ScratchFolder()
        let held = good.replacingOccurrences(of: "12.50,", with: "12.50,matter 7")
        let file = try folder.write(header + held, to: "accounts.csv")
        try await withConnection { connection in
            _ = try await Migrator().migrate(connection)
            _ = try await CSVImport(.accounts, file: ImportFile(path: file)).run(connection)
            _ = try folder.write(header + good, to: "accounts.csv")
            await #expect(throws: DaybookError.self) {
                try await CSVImport(.accounts, file: ImportFile(path: file)).run(connection)
            }
            let holds = "SELECT count(*) AS n FROM daybook.held_owner"
            #expect(try await connection.run { try $0.query(holds)[0].int("n") } == 1)
            let importer = CSVImport(.accounts, file: ImportFile(path: file), releaseReason: "settled")
            #expect(try await importer.run(connection) == .init(read: 1, added: 0, changed: 1))
            #expect(try await connection.run { try $0.query(holds)[0].int("n") } == 0)
            let written = try await connection.run { session in
                let row = try session.query(
                    "SELECT matter, release_reason, released_at IS NOT NULL AS is_over FROM daybook.legal_hold")[0]
                return [try row.text("matter"), try row.text("release_reason"), String(try row.bool("is_over"))]
            }
            #expect(written == ["matter 7", "settled", "true"])
        }
    }

    @Test(arguments: [
        ("payg", "free", "line 3, column 46: plan is \"free\""),
        ("USD", "EUR", "currency is \"EUR\""),
        ("Europe/Berlin", "Europe/Bern", "timezone is \"Europe/Bern\""),
        (",30,", ",31,", "retention_days is \"31\""),
        ("12.50", "12.505", "monthly_fee_usd is \"12.505\""),
        ("2eae05cf", "zeae05cf", "column 1: user_id is"),
        ("one", "One", "slug is \"One\""),
        ("One,", ",", "name is empty"),
    ])
    func `one wrong value refuses the whole file and names its place`(
        old: String, new: String, place: String
    ) async throws {
        let second = good.replacingOccurrences(of: "2eae05cf", with: "3eae05cf").replacingOccurrences(
            of: "one", with: "two")
        let bad = good.replacingOccurrences(of: old, with: new)
        let (outcome, sentence) = try await importing(header + second + bad)
        #expect(outcome == nil)
        #expect(sentence.contains("line 3"), "\(sentence)")
        #expect(sentence.contains(place), "\(sentence)")
    }

    @Test func `a file with the wrong columns, a row too short, or a repeated key is refused`() async throws {
        for (text, why) in [
            ("slug,colour\n", "no column \"colour\""), ("slug,slug\n", "twice"), ("slug\n", "has no column"),
            ("", "empty"),
            (header + "a,b\n", "2 fields, the header 9"), (header + good + good, "stands on line 2 too"),
            (header + "\"" + good, "never closed"),
        ] {
            let sentence = try await importing(text).1
            #expect(sentence.contains(why), "\(sentence)")
        }
    }

    @Test func `a broken gzip file is refused whole`() async throws {
        let folder = try ScratchFolder()
        let file = folder.file("probes.csv.gz")
        let whole = try #require(FileManager.default.contents(atPath: Deployment.root + "/sample/probes.csv.gz"))
        try whole.prefix(whole.count / 2).write(to: URL(fileURLWithPath: file))
        try await withConnection { connection in
            _ = try await Migrator().migrate(connection)
            await #expect(throws: DaybookError.self) {
                _ = try await CSVImport(.probes, file: ImportFile(path: file)).run(connection)
            }
            let rows = try await connection.run { try $0.query("SELECT count(*) AS n FROM daybook.probe")[0].int("n") }
            #expect(rows == 0)
        }
    }
}
