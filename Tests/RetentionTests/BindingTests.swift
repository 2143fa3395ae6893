import Domain
import Formats
import Foundation
import Postgres
import TestSupport
import Testing

@testable import Retention

/// What a purge is bound to: the plan that was shown, the place and the key of its archive, the tables as they were.
@Suite struct BindingTests {
    @Test func `an archive folder of another database is refused, and nothing in it is touched`() async throws {
        try await withPurging { purging in
            let folder = purging.archive + "/run-000001"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            let others = folder + "/000001-access_log.csv.gz"
            try Data("theirs".utf8).write(to: URL(fileURLWithPath: others))
            let books = try await purging.fingerprint()
            let run = try await purging.purge()
            #expect(run.exitCode == 73 && run.errors.contains("another database"), "\(run.errors)")
            #expect(try await purging.resume().output.contains("Nothing to resume"))
            #expect(try String(contentsOfFile: others, encoding: .utf8) == "theirs")
            #expect(try await purging.fingerprint() == books)
            // Another place, or the next number, is free.
            #expect(try await purging.purge().exitCode == 0)
            #expect(try String(contentsOfFile: others, encoding: .utf8) == "theirs")
            #expect(try await purging.retention(["verify"]).exitCode == 0)
        }
    }

    @Test func `a purge is continued with its own key and its own archive, and with no other`() async throws {
        try await withPurging { purging in
            let keys = try ["a", "b"].map { name in
                try purging.folder.write(
                    secret: String(repeating: name == "a" ? "0a" : "0b", count: 32), to: name + ".key")
            }
            try await purging.begin(keyFile: keys[0], pages: 0..<16)
            let segments = try await purging.lines("SELECT file_name FROM daybook.purge_segment ORDER BY segment")
            let first = purging.archive + "/run-000001/" + (try #require(segments.first))
            let books = try await purging.fingerprint()
            func resume(_ more: [String]) async throws -> ProgramRun {
                try await purging.retention(["purge", "--resume", "--quiet"] + purging.places + more)
            }
            let without = try await resume([])
            let key = "; name the key with --key-file. Purge 1 has taken "
            #expect(without.exitCode == 78 && without.errors.contains(key), "\(without.errors)")
            let goOn = "; nothing certifies that yet: continue it with: daybook retention purge --resume\n"
            #expect(without.errors.hasSuffix(goOn), "\(without.errors)")
            let other = try await resume(["--key-file", keys[1]])
            #expect(other.exitCode == 78 && other.errors.contains("does not fit"), "\(other.errors)")
            try FileManager.default.moveItem(atPath: first, toPath: first + ".away")
            let away = try await resume(["--key-file", keys[0]])
            #expect(away.exitCode == 78 && away.errors.contains("is not here"), "\(away.errors)")
            try FileManager.default.moveItem(atPath: first + ".away", toPath: first)
            // Another archive than the one that was begun is no archive of this purge.
            for other in [["--archive", purging.folder.file("other"), "--key-file", keys[0]], ["--no-archive"]] {
                let run = try await purging.retention(
                    ["purge", "--resume", "--quiet", "--certificates", purging.certificates] + other)
                #expect(run.exitCode == 78 && run.errors.contains("keeps its archive in"), "\(run.errors)")
            }
            #expect(try await purging.fingerprint() == books)
            #expect(try await resume(["--key-file", keys[0]]).exitCode == 0)
            let restored = try await purging.retention([
                "restore", purging.archive + "/run-000001/manifest.json", "--key-file", keys[0], "--certificates",
                purging.certificates,
            ])
            #expect(restored.exitCode == 0, "\(restored.errors)")
        }
    }

    @Test func `a purge that is continued asks the constraints again`() async throws {
        try await withPurging { purging in
            try await purging.begin()
            try await execute(
                """
                ALTER TABLE public.credit_ledger ADD COLUMN access_id uuid
                    REFERENCES public.video_external_access_log (id) ON DELETE CASCADE
                """, in: purging.settings)
            let books = try await purging.fingerprint()
            let refused = try await purging.resume()
            #expect(refused.exitCode == 78 && refused.errors.contains("credit_ledger"), "\(refused.errors)")
            #expect(try await purging.fingerprint() == books)
            try await execute("ALTER TABLE public.credit_ledger DROP COLUMN access_id", in: purging.settings)
            #expect(try await purging.resume().exitCode == 0)
        }
    }

    @Test func `rows whose hold was released after the plan stay for the next plan`() async throws {
        try await withPurging { purging in
            let held = try await purging.retention(
                ["hold", "add", "--account", "customer3", "--matter", "m", "--requested-by", "r"])
            #expect(held.exitCode == 0, "\(held.errors)")
            try await purging.begin()
            #expect(try await purging.retention(["hold", "release", "1", "--reason", "settled"]).exitCode == 0)
            let books = try await purging.fingerprint()
            let resumed = try await purging.retention(["purge", "--resume"] + purging.places)
            #expect(resumed.exitCode == 0 && resumed.errors.contains("a hold was released"), "\(resumed.errors)")
            #expect(try await purging.fingerprint() == books)
            // The next plan shows them, and the next purge takes them.
            #expect(try await purging.purge().exitCode == 0)
            #expect(try await PlanFile(purging.settings, Purging.date).sum("due_rows") == 0)
            #expect(try await purging.retention(["verify"]).exitCode == 0)
        }
    }

    @Test func `what a release or a shorter policy makes due later is no finding of an earlier purge`() async throws {
        try await withPurging { purging in
            let held = try await purging.retention(
                ["hold", "add", "--account", "customer3", "--matter", "m", "--requested-by", "r"])
            #expect(held.exitCode == 0, "\(held.errors)")
            try await execute(
                "UPDATE daybook.account SET retention_days = 180 WHERE slug = 'customer5'", in: purging.settings)
            #expect(try await purging.purge().exitCode == 0)
            #expect(try await purging.retention(["hold", "release", "1", "--reason", "settled"]).exitCode == 0)
            try await execute(
                "UPDATE daybook.account SET retention_days = 30 WHERE slug = 'customer5'", in: purging.settings)
            #expect(try await PlanFile(purging.settings, Purging.date).sum("due_rows") > 0)
            let verified = try await purging.retention(["verify"])
            #expect(verified.exitCode == 0, "\(verified.output)")
            // What was due by the purge's own terms is one.
            try await execute(
                """
                INSERT INTO public.video_external_access_log (id, video_id, action, source, policy_snapshot, created_at)
                VALUES (gen_random_uuid(), gen_random_uuid(), 'play', 'embed', '{}', '2020-01-01Z')
                """, in: purging.settings)
            #expect(try await purging.retention(["verify"]).exitCode == 2)
        }
    }

    @Test func `policies that change under a purge end it, and what it did until then is certified`() async throws {
        try await withPurging { purging in
            try await purging.begin(pages: 0..<8)
            let log = "SELECT count(*)::text FROM public.video_external_access_log"
            let left = try await purging.number(log)
            let set = try await purging.retention([
                "policy", "set", "--account", "customer9", "--class", "access_log", "--days", "400", "--reason", "new",
            ])
            #expect(set.exitCode == 0, "\(set.errors)")
            let resumed = try await purging.retention(["purge", "--resume"] + purging.places)
            #expect(resumed.exitCode == 0 && resumed.errors.contains("the policies changed"), "\(resumed.errors)")
            #expect(try await purging.number(log) == left)
            let taken = "SELECT sum(row_count)::text FROM daybook.purge_total"
            let text = try String(contentsOfFile: purging.certificates + "/certificate-000001.json", encoding: .utf8)
            let certificate = try CanonicalJSON.decode(Certificate.self, from: text)
            #expect(try await purging.number(taken) == Int(certificate.rows))
            #expect(certificate.rows > 0 && !certificate.remaining.isEmpty)
        }
    }

    @Test func `an archive that cannot be found is not certified as destroyed`() async throws {
        try await withPurging { purging in
            #expect(try await purging.purge(["--archive-days", "1"]).exitCode == 0)
            try await execute(
                "UPDATE daybook.purge_run SET archive_expires_at = clock_timestamp() - interval '1 s'",
                in: purging.settings)
            try FileManager.default.moveItem(atPath: purging.archive, toPath: purging.archive + ".away")
            let expire = ["expire-archives", "--certificates", purging.certificates]
            let run = try await purging.retention(expire)
            #expect(run.exitCode == 73 && run.errors.contains("nothing was destroyed"), "\(run.errors)")
            #expect(try await purging.number("SELECT count(*)::text FROM daybook.retention_certificate") == 1)
            try FileManager.default.moveItem(atPath: purging.archive + ".away", toPath: purging.archive)
            // Whoever was interrupted while removing it goes on, even where the folder is gone already.
            try FileManager.default.removeItem(atPath: purging.archive + "/run-000001")
            #expect(try await purging.retention(expire).exitCode == 73)
            try await execute("UPDATE daybook.purge_run SET archive_state = 'expiring'", in: purging.settings)
            #expect(try await purging.retention(expire).exitCode == 0)
            #expect(try await purging.retention(["verify"]).exitCode == 0)
        }
    }

    @Test func `a restore takes the rows out of the days on which the purge counted them, and waits its turn`()
        async throws
    {
        try await withPurging { purging in
            let log = "SELECT count(*)::text FROM public.video_external_access_log"
            let before = try await purging.number(log)
            #expect(try await purging.purge().exitCode == 0)
            try await execute("UPDATE daybook.account SET time_zone = 'Pacific/Auckland'", in: purging.settings)
            let restore = [
                "restore", purging.archive + "/run-000001/manifest.json", "--certificates", purging.certificates,
            ]
            let other = try await Connection.open(purging.settings)
            try await other.run { _ = try $0.query("SELECT pg_advisory_lock($1)", [.int(PurgeLock.key)]) }
            let refused = try await purging.retention(restore)
            #expect(refused.exitCode == 75 && refused.errors.contains("another restore"), "\(refused.errors)")
            await other.close()
            let restored = try await purging.retention(restore)
            #expect(restored.exitCode == 0, "\(restored.errors)")
            #expect(try await purging.number(log) == before)
            #expect(try await purging.number("SELECT count(*)::text FROM daybook.access_total") == 0)
        }
    }

    @Test func `what was recorded of a run is verified against its certificate`() async throws {
        for (change, words) in [
            ("UPDATE daybook.purge_run SET as_of = '2020-01-01'", "its run is not the one"),
            ("UPDATE daybook.purge_run SET plan = plan || ' '", "the plan that was recorded was altered"),
            ("UPDATE daybook.purge_run SET policy_sha256 = repeat('0', 64)", "its run is not the one"),
            ("UPDATE daybook.purge_cutoff SET cutoff = cutoff + interval '1 s'", "its policies and cutoffs"),
        ] {
            try await withPurging { purging in
                #expect(try await purging.purge().exitCode == 0)
                try await execute(change, in: purging.settings)
                let verified = try await purging.retention(["verify"])
                #expect(verified.exitCode == 2 && verified.output.contains(words), "\(change): \(verified.output)")
            }
        }
    }

    @Test func `a certificate whose folder cannot be reached keeps no purge from running`() async throws {
        try await withPurging { purging in
            #expect(try await purging.purge(date: Purging.date + ["--account", "customer9"]).exitCode == 0)
            // A file stands where the folder of the first certificate was.
            try FileManager.default.removeItem(atPath: purging.certificates)
            try Data().write(to: URL(fileURLWithPath: purging.certificates))
            let rows = try await PlanFile(purging.settings, Purging.date).sum("due_rows")
            let elsewhere = purging.folder.file("elsewhere")
            let run = try await purging.retention(
                ["purge", "--yes", "--expect-rows", String(rows), "--archive", purging.archive]
                    + ["--certificates", elsewhere] + Purging.date)
            #expect(run.errors.contains("certificate 1 is not in its folder"), "\(run.errors)")
            #expect(try await PlanFile(purging.settings, Purging.date).sum("due_rows") == 0)
            #expect(FileManager.default.fileExists(atPath: elsewhere + "/certificate-000002.json"))
        }
    }
}
