import Domain
import Foundation
import Postgres
import TestSupport
import Testing

@testable import Retention

/// The folder of certificates, and what `verify` says of purges that are not certified or of one account.
@Suite struct CertificateFolderTests {
    private static let elsewhere = " Nothing was done; name another folder with --certificates."

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
                    refused.exitCode == 73
                        && refused.errors.hasSuffix(
                            "certificate-000001.json is there already: of another database, or of a later state of this "
                                + "one. Nothing was done; name another folder with --certificates.\n"),
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
                #expect(run.exitCode == 73 && run.errors.contains(Self.elsewhere + "\n"), "\(run.errors)")
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
            // No file may be written, as on a full disk.
            let elsewhere = purging.folder.file("elsewhere")
            let script = #"(ulimit -f 0; exec "$@") 2>&1 | cat; exit ${PIPESTATUS[0]}"#
            let restore = ["restore", purging.archive + "/run-000001/manifest.json", "--certificates", elsewhere]
            let run = try await ProgramRun(
                ["-c", script, "bash", ProgramRun.daybook, "retention"] + restore + purging.database,
                program: "/bin/bash")
            #expect(
                run.exitCode == 73 && run.output.contains("but certificate 2 cannot be written to")
                    && run.output.hasSuffix("/elsewhere; make room there, then: daybook retention purge --resume\n"),
                "\(run.output)")
            let resumed = try await purging.resume()
            #expect(resumed.output.contains("elsewhere/certificate-000002.json"), "\(resumed.output) \(resumed.errors)")
            #expect(!resumed.output.contains("was due"), "\(resumed.output)")
        }
    }

    @Test func `a folder of certificates that cannot be written is refused before anything happens`() async throws {
        try await withPurging { purging in
            try await purging.begin(pages: 0..<8)
            let blocked = purging.folder.file("blocked")
            try Data().write(to: URL(fileURLWithPath: blocked))
            let books = try await purging.fingerprint()
            let run = try await purging.retention(["purge", "--resume", "--certificates", blocked])
            #expect(run.exitCode == 73 && run.errors.contains(Self.elsewhere), "\(run.errors)")
            #expect(try await purging.fingerprint() == books)
            #expect(try await purging.resume().exitCode == 0)
        }
    }

    @Test func `an archive that cannot be reached keeps no other from its end, and can be written off`() async throws {
        try await withPurging { purging in
            let first = Purging.date + ["--account", "customer9"]
            #expect(try await purging.purge(date: first).exitCode == 0)
            #expect(try await purging.purge().exitCode == 0)
            try await execute(
                "UPDATE daybook.purge_run SET archive_expires_at = clock_timestamp() - interval '1 s'",
                in: purging.settings)
            let copy = purging.folder.file("copy")
            try FileManager.default.copyItem(atPath: purging.archive + "/run-000002", toPath: copy)
            try FileManager.default.moveItem(
                atPath: purging.archive + "/run-000001", toPath: purging.folder.file("away"))
            let expire = ["expire-archives", "--certificates", purging.certificates]
            let run = try await purging.retention(expire)
            let lostForGood = "If it is lost for good: daybook retention expire-archives --lost 1\n"
            #expect(run.exitCode == 73 && run.errors.hasSuffix(lostForGood), "\(run.errors)")
            #expect(run.output.contains("The archive of purge 2 was destroyed."), "\(run.output)")
            let verified = try await purging.retention(["verify"])
            #expect(verified.exitCode == 2 && verified.output.contains("run-000001"), "\(verified.output)")
            // What is there is not lost, and what is destroyed is not put back.
            try FileManager.default.moveItem(
                atPath: purging.folder.file("away"), toPath: purging.archive + "/run-000001")
            let found = try await purging.retention(expire + ["--lost", "1"])
            let end = "so it is not lost; it ends at its time, with: daybook retention expire-archives\n"
            #expect(found.exitCode == 64 && found.errors.hasSuffix("is there, \(end)"), "\(found.errors)")
            let restored = try await purging.retention(["restore", copy + "/manifest.json"])
            #expect(restored.exitCode == 65 && restored.errors.contains("certified as destroyed"), "\(restored.errors)")
            try FileManager.default.removeItem(atPath: purging.archive + "/run-000001")
            let lost = try await purging.retention(expire + ["--lost", "1"])
            #expect(lost.exitCode == 0 && lost.output.contains("certificate-000004.json"), "\(lost.errors)")
            #expect(try await purging.retention(expire).exitCode == 0)
            #expect(try await purging.retention(["verify"]).exitCode == 0)
            for state in ["destroyed", "lost"] {
                try await execute(
                    """
                    UPDATE daybook.purge_run SET archive_state = '\(state)'
                    WHERE archive_state <> '\(state)'
                    """, in: purging.settings)
                let run = try await purging.retention(["verify"])
                #expect(run.exitCode == 2 && run.output.contains("no certificate says so"), "\(run.output)")
            }
        }
    }

    @Test func `what a longer policy keeps today is no finding, and a purge that ended early says what is left`()
        async throws
    {
        try await withPurging { purging in
            try await purging.begin(pages: 0..<4)
            try await execute("UPDATE daybook.account SET retention_days = 180", in: purging.settings)
            let resumed = try await purging.retention(["purge", "--resume"] + purging.places)
            #expect(resumed.exitCode == 0 && resumed.output.contains("are still there"), "\(resumed.output)")
            for dataClass in ["access_log", "task_content", "api_usage"] {
                try await execute(
                    """
                    INSERT INTO daybook.retention_policy (user_id, data_class, retention_days, reason)
                    SELECT user_id, '\(dataClass)', 4000, 'r' FROM daybook.account
                    UNION ALL SELECT '00000000-0000-0000-0000-000000000000', '\(dataClass)', 4000, 'r'
                    """, in: purging.settings)
            }
            let verified = try await purging.retention(["verify"])
            #expect(verified.exitCode == 0, "\(verified.output)")
            let list = try await purging.retention(["policy", "list"])
            #expect(list.output.contains("(no account)") && list.output.contains("4,000"), "\(list.output)")
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
