import Domain
import Foundation
import Postgres
import TestSupport
import Testing

@testable import Retention

/// The folder of certificates, and what `verify` says of purges that are not certified or of one account.
@Suite struct ShelfTests {
    @Test func `a folder with the certificates of another database is refused before anything happens`() async throws {
        try await withPurging { purging in
            #expect(try await purging.purge(["--archive-days", "1"]).exitCode == 0)
            let certificate = purging.certificates + "/certificate-000001.json"
            let theirs = try Data(contentsOf: URL(fileURLWithPath: certificate))
            try await withPurging { other in
                let books = try await other.fingerprint()
                let rows = try await PlanFile(other.settings, Purging.date).sum("due_rows")
                func purge(_ folder: String) async throws -> ProgramRun {
                    try await other.retention(
                        ["purge", "--yes", "--quiet", "--expect-rows", String(rows), "--archive", other.archive]
                            + ["--certificates", folder] + Purging.date)
                }
                let refused = try await purge(purging.certificates)
                #expect(
                    refused.exitCode == 73 && refused.errors.contains("certificate-000001.json is there already"),
                    "\(refused.errors)")
                #expect(try await other.fingerprint() == books)
                #expect(try await other.resume().output.contains("Nothing to resume"))
                #expect(try await purge(other.certificates).exitCode == 0)
                #expect(try await other.retention(["verify"]).exitCode == 0)
            }
            #expect(try Data(contentsOf: URL(fileURLWithPath: certificate)) == theirs)

            // The same for what else is certified.
            try Data("theirs".utf8).write(to: URL(fileURLWithPath: purging.certificates + "/certificate-000002.html"))
            try await execute(
                "UPDATE daybook.purge_run SET archive_expires_at = clock_timestamp() - interval '1 s'",
                in: purging.settings)
            let books = try await purging.fingerprint()
            let manifest = purging.archive + "/run-000001/manifest.json"
            for arguments in [["restore", manifest], ["expire-archives"]] {
                let run = try await purging.retention(arguments + ["--certificates", purging.certificates])
                #expect(run.exitCode == 73 && run.errors.contains("Nothing was done"), "\(run.errors)")
            }
            #expect(try await purging.fingerprint() == books)
            #expect(FileManager.default.fileExists(atPath: manifest))
            #expect(try await purging.number("SELECT count(*)::text FROM daybook.retention_certificate") == 1)
        }
    }

    @Test func `an old folder that cannot be reached keeps neither a restore nor an expiry from its end`()
        async throws
    {
        for arguments in [["restore", "archive/run-000002/manifest.json"], ["expire-archives"]] {
            try await withPurging { purging in
                #expect(try await purging.purge(date: Purging.date + ["--account", "customer9"]).exitCode == 0)
                let elsewhere = ["--certificates", purging.folder.file("elsewhere")]
                let rows = try await PlanFile(purging.settings, Purging.date).sum("due_rows")
                let purged = try await purging.retention(
                    ["purge", "--yes", "--quiet", "--expect-rows", String(rows), "--archive", purging.archive]
                        + elsewhere + Purging.date)
                #expect(purged.exitCode == 0, "\(purged.errors)")
                try await execute(
                    """
                    UPDATE daybook.purge_run SET archive_expires_at = clock_timestamp() - interval '1 s'
                    WHERE run_id = 2
                    """, in: purging.settings)
                try FileManager.default.removeItem(atPath: purging.certificates)
                try Data().write(to: URL(fileURLWithPath: purging.certificates))
                let run = try await purging.retention(
                    [arguments[0]] + arguments.dropFirst().map { purging.folder.file($0) } + elsewhere)
                #expect(run.exitCode == 0, "\(run.errors)")
                #expect(run.errors.contains("certificate 1 is not in its folder"), "\(run.errors)")
                #expect(run.output.contains("elsewhere/certificate-000003.json"), "\(run.output)")
            }
        }
    }

    @Test func `a certificate that cannot be written is an error, and the next run lays it down`() async throws {
        try await withPurging { purging in
            #expect(try await purging.purge().exitCode == 0)
            let blocked = purging.folder.file("blocked")
            try Data().write(to: URL(fileURLWithPath: blocked))
            let manifest = purging.archive + "/run-000001/manifest.json"
            let run = try await purging.retention(["restore", manifest, "--certificates", blocked])
            #expect(
                run.exitCode == 73 && run.errors.contains("certificate 2 cannot be written to ")
                    && run.errors.contains("/blocked;"), "\(run.errors)")
            try FileManager.default.removeItem(atPath: blocked)
            let resumed = try await purging.resume()
            #expect(resumed.output.contains("blocked/certificate-000002.json"), "\(resumed.output) \(resumed.errors)")
        }
    }

    @Test func `verify names a purge that was interrupted, and none that is under way`() async throws {
        try await withPurging { purging in
            try await purging.begin(pages: 0..<8)
            let interrupted = try await purging.retention(["verify"])
            #expect(
                interrupted.exitCode == 2 && interrupted.output.contains("purge 1")
                    && interrupted.output.contains("--resume"), "\(interrupted.output)")
            let other = try await Connection.open(purging.settings)
            try await other.run { try PurgeLock.take($0) }
            #expect(try await purging.retention(["verify"]).exitCode == 0)
            // In another database of the server the lock means nothing here.
            try await withPurging { further in
                try await further.begin()
                #expect(try await further.retention(["verify"]).exitCode == 2)
            }
            await other.close()
            #expect(try await purging.resume().exitCode == 0)
            #expect(try await purging.retention(["verify"]).exitCode == 0)
        }
    }

    @Test func `verify asks again for accounts that were purged alone`() async throws {
        try await withPurging { purging in
            #expect(try await purging.purge(date: Purging.date + ["--account", "customer9"]).exitCode == 0)
            #expect(try await purging.retention(["verify"]).exitCode == 0)
            try await execute(
                """
                INSERT INTO public.video_external_access_log (video_id, action, source, policy_snapshot, created_at)
                SELECT t.id, 'play', 'embed', '{}', '2026-01-01Z' FROM public.video_tasks AS t
                JOIN daybook.account AS a ON a.user_id = t.user_id WHERE a.slug IN ('customer5', 'customer9')
                """, in: purging.settings)
            let run = try await purging.retention(["verify"])
            #expect(run.exitCode == 2 && run.output.contains("access_log of customer9"), "\(run.output)")
            #expect(!run.output.contains("customer5"), "\(run.output)")
            // A purge of everybody is asked for all of them, and the one before it no more.
            #expect(try await purging.purge().exitCode == 0)
            let verified = try await purging.retention(["verify"])
            #expect(verified.exitCode == 0 && verified.output.contains("as of 2026-11-05"), "\(verified.output)")
        }
    }
}
