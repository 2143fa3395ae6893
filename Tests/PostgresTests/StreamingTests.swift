import Postgres
import Synchronization
import TestSupport
import Testing

@Suite struct StreamingTests {
    private struct Refusal: Error {}

    @Test func `two million rows pass through flat memory`() async throws {
        try await withDatabase { settings in
            try Handover.give(try #require(settings.options["host"]), "streaming-host")
            try Handover.give(try #require(settings.options["dbname"]), "streaming-database")
            // In a process of its own, whose memory no other test touches.
            await #expect(processExitsWith: .success) {
                let settings = ConnectionSettings(options: [
                    "host": try Handover.take("streaming-host"), "dbname": try Handover.take("streaming-database"),
                    "user": "postgres",
                ])
                let connection = try await Connection.open(settings)
                let grown = try await connection.run { session in
                    try session.execute("SELECT 1")
                    let before = try ProcessStatus.peakKilobytes()
                    var sum: Int64 = 0
                    let count = try session.forEachRow(
                        "SELECT n, 'some text to carry ' || n, now() FROM generate_series(1, 2000000) n"
                    ) { row in
                        sum += try row.int(0)
                        _ = try row.instant(2)
                    }
                    #expect(count == 2_000_000)
                    #expect(sum == 2_000_001_000_000)
                    return try ProcessStatus.peakKilobytes() - before
                }
                #expect(grown < 20 * 1024, "grew by \(grown) kB")
                await connection.close()
            }
            try Handover.end("streaming-host")
            try Handover.end("streaming-database")
        }
    }

    @Test func `columns come before the first row, and without any`() async throws {
        try await withConnection { connection in
            for rows in [0, 3] {
                let heard = Heard()
                let count = try await connection.run { session in
                    try session.forEachRow(
                        "SELECT n AS number, n::text AS label FROM generate_series(1, $1) n",
                        [Value(rows)],
                        onColumns: { heard.add($0.map { "\($0.name) \($0.type)" }.joined(separator: ", ")) },
                        { row in heard.add(try row.text(1)) }
                    )
                }
                #expect(count == rows)
                #expect(heard.all == ["number int8, label text"] + (0..<rows).map { "\($0 + 1)" })
            }
        }
    }

    @Test func `a streamed row reads like a copied one`() async throws {
        try await withConnection { connection in
            try await connection.run { session in
                let sql = "SELECT 1::int2 AS a, NULL::text AS b, '{1,2}'::int4[] AS c, 1.50::numeric AS d, '' AS e"
                let copied = try session.query(sql)[0]
                try session.forEachRow(sql) { row in
                    #expect(row.columnCount == 5)
                    #expect(row.name(3) == "d")
                    #expect(row.type(3) == .numeric)
                    #expect(row.isNull(1) && !row.isNull(4))
                    #expect(row.bytes(0).elementsEqual([0, 1]))
                    for index in 0..<5 {
                        #expect(try row.string(index) == copied.string(index))
                        #expect(try row.string(copied.columns[index].name) == copied.string(index))
                    }
                    var text: [UInt8] = []
                    for index in 0..<5 { try row.appendText(index, to: &text) }
                    #expect(String(decoding: text, as: UTF8.self) == "1{1,2}1.50")
                }
            }
        }
    }

    @Test(arguments: [1, 2, 50_000])
    func `a body that throws stops the stream and leaves the connection usable`(row stop: Int64) async throws {
        try await withConnection { connection in
            await #expect(throws: Refusal.self) {
                try await connection.run { session in
                    try session.forEachRow("SELECT generate_series(1, 100000000)") { row in
                        if try row.int(0) == stop { throw Refusal() }
                    }
                }
            }
            for _ in 1...20 {
                let one = try await connection.run { try $0.query("SELECT 1")[0].int(0) }
                #expect(one == 1)
            }
        }
    }

    @Test func `a failure after some rows is thrown after them`() async throws {
        try await withConnection { connection in
            let heard = Heard()
            let error = await #expect(throws: PostgresError.self) {
                try await connection.run { session in
                    try session.forEachRow("SELECT 10 / (3 - n) FROM generate_series(1, 5) n") { row in
                        heard.add("\(try row.int(0))")
                    }
                }
            }
            #expect(error?.sqlState == "22012")
            #expect(heard.all == ["5", "10"])
            let one = try await connection.run { try $0.query("SELECT 1")[0].int(0) }
            #expect(one == 1)
        }
    }

    @Test func `another statement cannot run within a stream`() async throws {
        try await withConnection { connection in
            let error = await #expect(throws: PostgresError.self) {
                try await connection.run { session in
                    try session.forEachRow("SELECT generate_series(1, 10)") { _ in try session.execute("SELECT 1") }
                }
            }
            #expect(error?.code == .invalidUse)
        }
    }

    @Test func `a statement without rows and one that is wrong`() async throws {
        try await withConnection { connection in
            let count = try await connection.run { session in
                try session.forEachRow("CREATE TABLE books (id int)") { _ in Issue.record("there is no row") }
            }
            #expect(count == 0)
            for sql in ["SELECT * FROM nowhere", "COPY books TO STDOUT", "COPY books FROM STDIN"] {
                await #expect(throws: PostgresError.self) {
                    try await connection.run { try $0.forEachRow(sql) { _ in } }
                }
            }
            let one = try await connection.run { try $0.query("SELECT 1")[0].int(0) }
            #expect(one == 1)
        }
    }
}

/// Collects what is told from other threads.
final class Heard: Sendable {
    private let texts = Mutex<[String]>([])

    var all: [String] { texts.withLock { $0 } }

    func add(_ text: String) {
        texts.withLock { $0.append(text) }
    }
}
