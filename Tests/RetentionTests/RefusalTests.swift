import Domain
import Foundation
import Postgres
import Retention
import TestSupport
import Testing

@testable import Documents

/// Everything that stands between a mistake and a deletion.
@Suite struct RefusalTests {
    /// A refused purge leaves everything as it was, and no record of a run.
    private func refusing(
        _ exitCode: Int32, _ words: String, _ arguments: [String], script: String? = nil, purging: Purging,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        if let script { try await execute(script, in: purging.settings) }
        let before = try await purging.fingerprint()
        let run = try await purging.retention(["purge"] + purging.places + arguments)
        #expect(run.exitCode == exitCode, "\(run.errors)", sourceLocation: sourceLocation)
        #expect(run.errors.contains(words), "\(run.errors)", sourceLocation: sourceLocation)
        #expect(try await purging.fingerprint() == before, sourceLocation: sourceLocation)
        #expect(
            try await purging.number("SELECT count(*)::text FROM daybook.purge_run") == 0,
            sourceLocation: sourceLocation)
    }

    @Test func `nobody to ask, a date in the future, more than half of a class, another number than the plan's`()
        async throws
    {
        try await withPurging { purging in
            try await refusing(64, "--yes", Purging.date, purging: purging)
            try await refusing(78, "--force future-date", ["--yes", "--as-of", "2027-06-01"], purging: purging)
            try await refusing(64, "more than half", ["--yes", "--as-of", "2026-11-05"], purging: purging)
            try await refusing(64, "not 12", ["--yes", "--expect-rows", "12"] + Purging.date, purging: purging)
        }
    }

    @Test func `what a refused purge prints can be pasted, with every option that was typed`() async throws {
        try await withPurging { purging in
            for refused in [["--expect-rows", "12"], ["--expect-rows=12"], []] {
                let asked = try await purging.retention(
                    ["purge", "--yes", "--quiet", "--no-rests"] + refused + purging.places + Purging.date)
                #expect(asked.exitCode == 64, "\(asked.errors)")
                let printed = asked.errors.firstMatch(of: /\S*daybook retention purge .*/)
                let command = try String(#require(printed, "\(asked.errors)").0)
                for option in ["--no-rests", "--quiet", purging.archive, purging.certificates] {
                    #expect(command.contains(option), "\(command)")
                }
                // The last of them is run as it stands there.
                guard refused.isEmpty else { continue }
                let pasted = try await ProgramRun(["-c", command], program: "/bin/sh")
                #expect(pasted.exitCode == 0 && pasted.output.contains("took"), "\(pasted.errors)")
            }
        }
    }

    @Test func `a policy shorter than 30 days`() async throws {
        try await withPurging { purging in
            try await refusing(
                78, "--force short-policy", ["--yes"] + Purging.date,
                script: """
                    ALTER TABLE daybook.account DROP CONSTRAINT account_retention_known;
                    UPDATE daybook.account SET retention_days = 7 WHERE slug = 'customer3'
                    """, purging: purging)
        }
    }

    @Test func `an archive that cannot be written`() async throws {
        try await withPurging { purging in
            let rows = try await PlanFile(purging.settings, Purging.date).sum("due_rows")
            let before = try await purging.fingerprint()
            let run = try await purging.retention(
                [
                    "purge", "--yes", "--expect-rows", String(rows), "--archive", "/proc/archive", "--certificates",
                    purging.certificates,
                ] + Purging.date)
            #expect(run.exitCode == 73, "\(run.errors)")
            #expect(
                run.errors
                    == "daybook: The archive folder /proc/archive cannot be made; nothing was purged. Name another with "
                    + "--archive.\n")
            #expect(try await purging.fingerprint() == before)
            #expect(try await purging.number("SELECT count(*)::text FROM daybook.purge_run") == 0)
        }
    }

    @Test func `holds that cannot be read`() async throws {
        try await withPurging { purging in
            try await refusing(
                78, "legal holds cannot be read", ["--yes"] + Purging.date, script: "DROP VIEW daybook.held_video",
                purging: purging)
        }
    }

    @Test func `a foreign key that would carry the purge into money`() async throws {
        try await withPurging { purging in
            let rows = try await PlanFile(purging.settings, Purging.date).sum("due_rows")
            try await refusing(
                78, "credit_ledger", ["--yes", "--expect-rows", String(rows)] + Purging.date,
                script: """
                    ALTER TABLE public.credit_ledger ADD COLUMN access_id uuid
                        REFERENCES public.video_external_access_log (id) ON DELETE CASCADE
                    """, purging: purging)
        }
    }

    @Test func `a clock that disagrees with the database's`() async throws {
        try await withPurging { purging in
            let connection = try await Connection.open(purging.settings)
            let templates = try TemplateSet(folders: [Deployment.root + "/templates"])
            for seconds in [Int64(303), -303, 297] {
                let settings = PurgeSettings(
                    asOf: CalendarDate(year: 2026, month: 11, day: 5), archive: nil, certificates: purging.certificates,
                    templates: templates, forced: [], expectedRows: nil, programVersion: "test", host: "here",
                    hostClock: {
                        Instant(microseconds: Int64(Date().timeIntervalSince1970) * 1_000_000).adding(seconds: seconds)
                    })
                let error = await #expect(throws: DaybookError.self) {
                    _ = try await Purge(settings, try await connection.direct(for: "A purge")).prepare()
                }
                // Without a skew the next refusal speaks: more than half of a class.
                #expect(error?.sentence.contains("clock") == (seconds.magnitude > 300), "\(error?.sentence ?? "")")
            }
            await connection.close()
        }
    }

    @Test func `a second purge while one is running says who holds the lock`() async throws {
        try await withPurging { purging in
            let first = try await Connection.open(purging.settings)
            try await first.run { _ = try $0.query("SELECT pg_advisory_lock(\(0x64_6179_7075_7267))") }
            try await refusing(75, "Another purge is running: process", ["--yes"] + Purging.date, purging: purging)
            await first.close()
        }
    }

    @Test func `a terminal is asked, and only the plan's number goes on`() async throws {
        try await withPurging { purging in
            let rows = try await PlanFile(purging.settings, Purging.date).sum("due_rows")
            for (answer, exitCode) in [("yes", Int32(1)), (String(rows), 0)] {
                let arguments =
                    ["retention", "purge", "--expect-rows", String(rows)] + Purging.date + purging.places
                    + purging.database
                let command = ([ProgramRun.daybook] + arguments).map {
                    "'" + $0.replacingOccurrences(of: "'", with: "'\\''") + "'"
                }
                .joined(separator: " ")
                let typed = try purging.folder.write(answer + "\n", to: "answer-\(exitCode)")
                // `script` gives the program a terminal.
                let run = try await ProgramRun(
                    ["--quiet", "--return", "--command", command, "/dev/null"], program: "/usr/bin/script", input: typed
                )
                #expect(run.exitCode == exitCode, "\(run.output)\(run.errors)")
                #expect(run.output.contains("Purge \(rows) rows?"), "\(run.output)")
            }
            #expect(try await PlanFile(purging.settings, Purging.date).sum("due_rows") == 0)
        }
    }
}
