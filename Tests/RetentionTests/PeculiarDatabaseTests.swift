import Foundation
import Postgres
import TestSupport
import Testing

@testable import Retention

/// Databases whose own settings change how PostgreSQL writes names, texts and instants: nothing comes out otherwise.
@Suite struct PeculiarDatabaseTests {
    private static let settings = [
        "quote_all_identifiers = on", "standard_conforming_strings = off", "bytea_output = escape",
        "DateStyle = 'SQL, DMY'", "IntervalStyle = iso_8601", "extra_float_digits = -10", "TimeZone = 'Asia/Tokyo'",
        "search_path = daybook, public",
    ]

    private static func make(peculiar purging: Purging, _ settings: [String] = settings) async throws {
        let script = settings.map {
            "EXECUTE format('ALTER DATABASE %I SET ', current_database()) || $set$\($0)$set$;"
        }
        try await execute("DO $do$ BEGIN \(script.joined(separator: " ")) END $do$", in: purging.settings)
    }

    /// What the commands of a round print, and what is in the database after it, without what differs each time.
    private static func round(_ purging: Purging) async throws -> [String] {
        var printed: [String] = []
        for command in [
            ["database", "migrate"], ["database", "roles"], ["database", "check"],
            ["retention", "plan"] + Purging.date,
        ] {
            let run = try await ProgramRun(command + purging.database)
            #expect(run.exitCode == 0, "\(command): \(run.errors)")
            // Which roles were there already is the whole server's.
            if command != ["database", "roles"] { printed += [run.output, run.errors] }
        }
        let purged = try await purging.purge()
        #expect(purged.exitCode == 0, "\(purged.errors)")
        for command in [["retention", "verify"], ["retention", "plan"] + Purging.date, ["database", "check"]] {
            let run = try await ProgramRun(command + purging.database)
            #expect(run.exitCode == 0, "\(command): \(run.output)\(run.errors)")
            if command != ["retention", "verify"] { printed.append(run.output) }
        }
        return printed
    }

    @Test func `a round on a deployment prints and leaves the same under every setting of its database`() async throws {
        var expected: (printed: [String], left: [String: String])?
        for settings in [[], Self.settings] {
            try await withPurging { purging in
                if !settings.isEmpty { try await Self.make(peculiar: purging, settings) }
                let printed = try await Self.round(purging)
                let left = try await purging.fingerprint().filter { !$0.key.contains("purge_total") }
                if let expected {
                    #expect(printed == expected.printed, "\(settings)")
                    #expect(left == expected.left, "\(settings)")
                }
                expected = expected ?? (printed, left)
                let manifest = purging.archive + "/run-000001/manifest.json"
                let restored = try await purging.retention(
                    ["restore", manifest, "--certificates", purging.certificates])
                #expect(restored.exitCode == 0, "\(restored.errors)")
            }
        }
    }

    @Test func `a round on a database that Daybook made drops whole months and finds every right in its place`()
        async throws
    {
        try await withDatabase { settings in
            let purging = try Purging(settings)
            try await Self.make(peculiar: purging)
            try await ProgramRun.expectingSuccess(["database", "migrate"] + purging.database)
            try await execute(OwnMonths.script, in: settings)
            let printed = try await Self.round(purging)
            #expect(printed.contains { $0.contains("Dropped whole: \(OwnMonths.month)") }, "\(printed)")
            #expect(!printed.contains { $0.contains("rights:") || $0.contains(", not ") }, "\(printed)")
            #expect(try await OwnMonths.rows(purging) == 0)
            #expect(try await purging.number("SELECT to_regclass('\(OwnMonths.month)')::oid::text") == -1)
        }
    }

    @Test func `types are told by their numbers, not by how the server spells them`() async throws {
        try await withPurging { purging in
            // A type of the application's own that has the name of PostgreSQL's.
            try await execute(
                """
                CREATE DOMAIN public.text AS varchar(40);
                ALTER TABLE public.users ALTER COLUMN status TYPE public.text
                """, in: purging.settings)
            try await Self.make(peculiar: purging, ["search_path = public, pg_catalog"])
            let check = try await ProgramRun(["database", "check"] + purging.database)
            #expect(check.output.contains("status is public.text, not text"), "\(check.output)")
        }
    }
}
