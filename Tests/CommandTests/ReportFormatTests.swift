import Foundation
import Postgres
import TestSupport
import Testing

/// How a custom report writes the values of any query.
@Suite struct ReportFormatTests {
    private nonisolated(nonsending) func withReader(
        _ script: String = "", _ body: (ConnectionSettings) async throws -> Void
    ) async throws {
        try await withDatabase { settings in
            try await execute(script, in: settings)
            try await withLogin(settings) { try await body($0) }
        }
    }

    @Test func `what is no decimal number is refused where its format says decimal`() async throws {
        try await withReader { reader in
            for text in [
                "=1+1", "0x1F", "1\r\n2,3", "1,2", "+5", " 5", "5 ", "1_000", "1.", ".5", "-", "1e", "", "NaN",
                "Infinity",
                "٣", "1\u{301}", "-Infinity", "2026-10-01",
            ] {
                let report = try BroughtReport(
                    "SELECT \(Self.literal(text)) AS figure, 'x' AS next",
                    columns: #"{"figure": {"format": "decimal"}}"#)
                let run = try await report.run(reader, ["--quiet"])
                #expect(run.exitCode == 78, "\(text): \(run.errors)")
                #expect(run.errors.contains("The column figure has the value"), "\(run.errors)")
                #expect(run.errors.split(separator: "\n").count == 1, "\(run.errors)")
                #expect(try report.published() == [])
            }
            let report = try BroughtReport(
                "SELECT unnest(ARRAY['-12.50', '0', '1e22', '-1E-7', '00012', '-0.0']) AS figure",
                columns: #"{"figure": {"format": "decimal"}}"#)
            let run = try await report.run(reader)
            #expect(run.exitCode == 0, "\(run.errors)")
            #expect(try report.rows() == ["-12.50", "0", "1e22", "-1E-7", "00012", "-0.0"])
        }
    }

    private static func literal(_ text: String) -> String { "'\(text.replacing("'", with: "''"))'" }

    @Test func `a number never gets an apostrophe, and what is none does`() async throws {
        try await withReader { reader in
            let report = try BroughtReport(
                """
                SELECT -1.5::float8, -0.25::real, 1e22::float8, -1e-7::float8, 0.1::float8 + 0.2::float8,
                    -2.50::numeric, -3::smallint, -4::bigint, '-Infinity'::float8, 'NaN'::float8, '-Infinity'::numeric, '-5'::text,
                    '-5'::text AS counted, '-7.25'::text AS dollars
                """, columns: #"{"counted": {"format": "integer"}, "dollars": {"format": "usd"}}"#)
            let run = try await report.run(reader)
            #expect(run.exitCode == 0, "\(run.errors)")
            #expect(
                try report.rows() == [
                    "-1.5,-0.25,1e+22,-1e-07,0.30000000000000004,-2.50,-3,-4,'-Infinity,NaN,'-Infinity,'-5,-5,-7.25"
                ])
        }
    }

    /// Each expression with what PostgreSQL prints for it, as the CSV file has it.
    private static let printed: [(sql: String, csv: String)] = [
        ("interval '1 mon -2 days 03:04:05.5'", "1 mon -2 days +03:04:05.5"), ("interval '-1 day'", "'-1 days"),
        ("1234.5::money", "\"$1,234.50\""), ("timestamp '2026-10-01 04:05:06.5'", "2026-10-01 04:05:06.5"),
        ("date '2026-10-01'", "2026-10-01"), ("time '04:05:06'", "04:05:06"), ("timetz '04:05:06+02'", "04:05:06+02"),
        ("inet '10.0.0.1/8'", "10.0.0.1/8"), ("cidr '10.0.0.0/8'", "10.0.0.0/8"),
        ("macaddr '08:00:2b:01:02:03'", "08:00:2b:01:02:03"), ("int4range(1, 5)", "\"[1,5)\""),
        ("tstzrange('2026-10-01Z', NULL)", "\"[\"\"2026-10-01 00:00:00+00\"\",)\""),
        ("int4multirange(int4range(1, 2), int4range(4, 6))", "\"{[1,2),[4,6)}\""),
        ("ARRAY[1, NULL, 3]", "\"{1,NULL,3}\""),
        ("ARRAY[-0.5::float8, 1e22]", "\"{-0.5,1e+22}\""),
        ("ARRAY[['a', 'b c'], ['', 'NULL']]", #""{{a,""b c""},{"""",""NULL""}}""#),
        ("ARRAY[interval '1 day']", #""{""1 day""}""#), (#"'{"a":  1}'::json"#, #""{""a"":  1}""#),
        (#"'{"a":  1}'::jsonb"#, #""{""a"": 1}""#), (#"'\x00ff'::bytea"#, #"\x00ff"#), ("'sad'::public.mood", "sad"),
        ("7::public.positive", "7"), ("ROW(-1, 'a b')::public.pair", "\"(-1,\"\"a b\"\")\""),
        ("'<a>1</a>'::xml", "<a>1</a>"),
        ("B'101'", "101"), ("point(1, -2)", "\"(1,-2)\""), ("42::oid", "42"), ("'pg_class'::regclass", "pg_class"),
        ("to_tsvector('simple', 'a b')", "'a':1 'b':2"), ("'x'::\"char\"", "x"), ("'0/16B3748'::pg_lsn", "0/16B3748"),
        ("'name'::name", "name"), ("timestamptz '2026-10-01 04:00:00+00'", "2026-10-01T04:00:00.000000+00:00"),
        ("timestamptz 'infinity'", "infinity"), ("timestamptz '-infinity'", "-infinity"),
        ("timestamptz '0044-03-15 00:00:00+00 BC'", "0044-03-15 00:00:00+00 BC"),
        ("'4F9619FF-8B86-D011-B42D-00C04FC964FF'::uuid", "4f9619ff-8b86-d011-b42d-00c04fc964ff"), ("true", "true"),
        ("NULL::interval", ""), ("to_char(1234.5, 'L9G999D9')", "\"  1,234.5\""), ("repeat('é', 2)", "éé"),
    ]

    @Test func `every type is shown as PostgreSQL prints it, whatever the database prefers`() async throws {
        try await withReader(
            """
            CREATE TYPE public.mood AS ENUM ('sad', 'glad');
            CREATE DOMAIN public.positive AS integer CHECK (VALUE > 0);
            CREATE TYPE public.pair AS (number integer, words text);
            DO $$ BEGIN
                EXECUTE format('ALTER DATABASE %I SET IntervalStyle = iso_8601', current_database());
                EXECUTE format('ALTER DATABASE %I SET DateStyle = ''SQL, DMY''', current_database());
                EXECUTE format('ALTER DATABASE %I SET bytea_output = escape', current_database());
                EXECUTE format('ALTER DATABASE %I SET extra_float_digits = -10', current_database());
                EXECUTE format('ALTER DATABASE %I SET TimeZone = ''Asia/Tokyo''', current_database());
            END $$
            """
        ) { reader in
            let columns = Self.printed.enumerated().map { "\($1.sql) AS c\($0)" }
            let report = try BroughtReport("SELECT " + columns.joined(separator: ",\n"))
            let run = try await report.run(reader)
            #expect(run.exitCode == 0, "\(run.errors)")
            let rows = try report.rows()
            #expect(rows == [Self.printed.map(\.csv).joined(separator: ",")])
            // One by one, to say which.
            for (sql, csv) in Self.printed where rows.first != Self.printed.map(\.csv).joined(separator: ",") {
                let single = try BroughtReport("SELECT \(sql) AS c")
                _ = try await single.run(reader, ["--format", "csv"])
                #expect(try single.rows() == [csv], "\(sql)")
            }
        }
    }

    @Test func `numbers of more than fifteen digits are text in the workbook`() async throws {
        try await withReader { reader in
            let report = try BroughtReport(
                """
                SELECT 999999999999999::bigint AS a, 1000000000000001::bigint AS b, -9007199254740991::bigint AS c,
                    999999999.999999 AS d, 9999999999.999999 AS e, 99999999999.9999 AS f, 999999999999.9999 AS g,
                    999999999999.999 AS h, 9000000000000.999 AS i, 0.000000000000012345::numeric AS j,
                    1234567890.123456::numeric AS k, -1.5::float8 AS l, 1::float8 / 3 AS m, 90000000000.00 AS n
                """,
                columns: """
                    {"d": {"format": "usd"}, "e": {"format": "usd"}, "f": {"format": "percent"},
                    "g": {"format": "percent"}, "h": {"format": "seconds"}, "i": {"format": "seconds"},
                    "n": {"format": "usd"}}
                    """)
            let run = try await report.run(reader)
            #expect(run.exitCode == 0, "\(run.errors)")
            let cells = try Command.run([
                TestPython.path, "-c",
                """
                import openpyxl, sys
                row = list(openpyxl.load_workbook(sys.argv[1])["Values"].iter_rows(min_row=2))[0]
                print(" ".join(f"{cell.data_type}:{cell.value}" for cell in row))
                """, report.workbook,
            ])
            #expect(
                cells == """
                    n:999999999999999 s:1000000000000001 s:-9007199254740991 n:999999999.999999 s:9999999999.999999 \
                    n:99999999999.9999 s:999999999999.9999 n:999999999999.999 s:9000000000000.999 \
                    n:1.2345e-14 s:1234567890.123456 n:-1.5 s:0.3333333333333333 n:90000000000

                    """)
        }
    }

    @Test func `rows are a table of the spreadsheet's own where they are few enough and their headers differ`()
        async throws
    {
        try await withReader { reader in
            let cases: [(sql: String, columns: String, table: String)] = [
                ("SELECT n AS number, now() AS at FROM generate_series(1, 100000) AS n", "{}", "Values A1:B100001"),
                ("SELECT n AS number, now() AS at FROM generate_series(1, 100001) AS n", "{}", "A1:B100002"),
                ("SELECT 1 AS number WHERE false", "{}", "A1:A2"),
                (
                    "SELECT 1 AS number, 2 AS other",
                    #"{"number": {"title": "Figure"}, "other": {"title": "figure"}}"#, "A1:B2"
                ),
            ]
            for (sql, columns, table) in cases {
                let report = try BroughtReport(sql, columns: columns)
                let run = try await report.run(reader)
                #expect(run.exitCode == 0, "\(run.errors)")
                let printed = try Command.run([
                    TestPython.path, "-c",
                    """
                    import openpyxl, sys
                    sheet = openpyxl.load_workbook(sys.argv[1])["Values"]
                    tables = list(sheet.tables.values())
                    for table in tables:
                        assert table.autoFilter.ref == table.ref and not sheet.auto_filter.ref
                        assert list(table.column_names) == [cell.value for cell in sheet[1]]
                        print(table.displayName, table.ref)
                    if not tables: print(sheet.auto_filter.ref)
                    """, report.workbook,
                ])
                #expect(printed == table + "\n", "\(sql)")
            }
        }
    }
}
