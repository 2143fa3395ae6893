import Domain
import Foundation
import Postgres
import Schema
import TestSupport
import Testing

/// The rules that reports share with the program: one text, whoever asks.
@Suite struct SharedSourceTests {
    @Test func `the program goes by the files that everybody can read`() throws {
        let folder = Deployment.root + "/reports/sources"
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        #expect(names == SharedSource.allCases.map { "\($0.rawValue).sql" }.sorted())
        for source in SharedSource.allCases {
            let file = try String(contentsOfFile: "\(Deployment.root)/\(source.path)", encoding: .utf8)
            #expect(source.text == file, "\(source.path) was built into the program as something else")
        }
    }

    @Test func `a column of a rule is written for the row at hand`() {
        let ended = SharedSource.datedTask.expression("ended_at") { table, column in
            table == "t" ? "r.\(column)::timestamptz" : "known.\(column)"
        }
        #expect(ended == "coalesce(r.completed_at::timestamptz, known.terminal_at, r.updated_at::timestamptz)")
        let isSettled = SharedSource.batchState.expression("is_settled") { "j.\($1)" }
        #expect(isSettled == "j.settlement_status IN ('finalized', 'refunded')")
        let same = SharedSource.datedTask.condition(of: "f") { table, column in
            (table == "t" ? "r." : "f.") + column
        }
        #expect(same == "f.user_id = r.user_id AND f.task_id = r.id")
        #expect(SharedSource.ownedAccess.condition(of: "t") { "\($0).\($1)" } == "t.id = r.video_id")
    }

    @Test func `slugs have the same order in SQL as in Swift`() async throws {
        try await withConnection { connection in
            var generator = SeededRandom(seed: 20_261_130)
            let slugs = Set((0..<3_000).map { _ in RandomSlug.next(&generator) }).shuffled()
            let ordered = try await connection.transaction { session in
                try session.executeScript("SET LOCAL search_path = pg_catalog, pg_temp")
                return try session.query(
                    """
                    WITH account AS (SELECT NULL::uuid AS user_id, slug FROM unnest($1::text[]) AS s (slug))
                    SELECT slug FROM (\(SharedSource.slugOrder.text)) AS o ORDER BY place
                    """, [.texts(slugs)]
                ).map { try $0.text("slug") }
            }
            #expect(slugs.count > 1_000)
            #expect(ordered == slugs.inNaturalOrder { $0 })
        }
    }

    @Test func `every rule runs by itself, whatever of its tables there is`() async throws {
        try await withConnection { connection in
            for isMigrated in [false, true] {
                if isMigrated { _ = try await Migrator().migrate(connection) }
                try await connection.transaction { session in
                    try session.executeScript("SET LOCAL search_path = pg_catalog, pg_temp")
                    let catalog = try Catalog(session)
                    // The models of a report's customers are values that the report binds.
                    for source in SharedSource.allCases where source != .namedTask {
                        #expect(try session.query(source.select(catalog)).isEmpty, "\(source)")
                    }
                }
            }
        }
    }
}
