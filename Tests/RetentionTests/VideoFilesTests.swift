import Domain
import Foundation
import Postgres
import TestSupport
import Testing

@testable import Retention

/// Copies of videos: marked, removed from the store, looked for, and only then on record as gone.
@Suite struct VideoFilesTests {
    private static let before = [
        "1|stored|false|∅|32", "2|stored|false|∅|32", "3|stored|false|∅|32", "4|stored|false|∅|32",
        "5|stored|false|∅|32", "6|stored|false|∅|32", "7|stored|false|∅|32",
    ]

    private static func replacing(_ rows: [String]) -> [String] {
        before.map { row in rows.first { $0.first == row.first } ?? row }
    }

    @Test func `what is due goes from the store, its row keeps the digest, and the certificate says what was there`()
        async throws
    {
        try await PlantedStore.with { planted in
            let purging = planted.purging
            try await planted.hold(4)
            let own = try await planted.row("one")
            #expect(own["action"] == "delete" && own["due_rows"] == "2" && own["held_rows"] == "1", "\(own)")
            #expect(own["kept_rows"] == "1" && own["retention_days"] == "30", "\(own)")
            let others = try await planted.row("")
            #expect(others["due_rows"] == "1" && others["kept_rows"] == "1", "\(others)")
            let plan = try await purging.retention(["plan"] + Purging.date)
            #expect(plan.output.contains("3 videos of 2400 bytes would go from the store for good"), "\(plan.output)")
            let reports = try await SLAReports.all(purging.settings, months: ["2026-09", "2026-10"])
            let statements = try await Statements.all(purging.settings)
            #expect(reports.count > 1 && statements.count > 10)

            let run = try await purging.purge(planted.store)
            #expect(run.exitCode == 0, "\(run.output)\(run.errors)")
            #expect(try planted.files() == [2, 3, 4, 5])
            #expect(
                try await planted.records()
                    == Self.replacing(["1|removed|true|true|32", "6|removed|true|true|32", "7|removed|true|false|32"]))
            #expect(try planted.taken(1) == ["|1|0|800", "one|2|1|800"])
            let certificate = try planted.certificate(1)
            #expect(certificate.held.map(\.rows) == [1, 1] && certificate.remaining.isEmpty)
            // No video is in the archive, which has the content of tasks.
            let archived = "SELECT DISTINCT data_class FROM daybook.purge_segment"
            #expect(try await purging.lines(archived) == ["task_content"])
            #expect(try await SLAReports.all(purging.settings, months: ["2026-09", "2026-10"]) == reports)
            #expect(try await Statements.all(purging.settings) == statements)

            let verified = try await purging.retention(["verify"])
            #expect(verified.exitCode == 0, "\(verified.output)\(verified.errors)")
            let page = try String(contentsOfFile: purging.certificates + "/certificate-000001.html", encoding: .utf8)
            #expect(page.contains("video_files: 800 bytes; 1 were missing before"))
            let list = try await purging.retention(["list", "--taken", "--format", "csv"])
            #expect(list.output.contains("video_files,delete,2,"), "\(list.output)\(list.errors)")
            let story = try await purging.retention(["show", PlantedStore.task(1)])
            #expect(story.output.contains("this video"), "\(story.output)\(story.errors)")
            // Nothing is left to go, which needs no store.
            let second = try await purging.purge()
            #expect(second.exitCode == 0 && second.output.contains("Nothing was due"), "\(second.errors)")
            let restored = try await purging.retention(
                [
                    "restore", purging.archive + "/run-000001/manifest.json", "--certificates", purging.certificates,
                ])
            #expect(restored.exitCode == 0, "\(restored.output)\(restored.errors)")
            #expect(restored.output.contains("3 videos were removed from the store for good"), "\(restored.output)")
            #expect(try planted.certificate(2).notRestored?.map(\.rows) == [3] && planted.taken(2).isEmpty)
        }
    }

    @Test func `without the store nothing is purged, and it says what to do`() async throws {
        try await PlantedStore.with { planted in
            let purging = planted.purging
            func refuse(_ options: [String], _ sentence: String) async throws {
                let run = try await purging.purge(options)
                #expect(run.exitCode == 78 && run.errors.contains(sentence), "\(run.exitCode) \(run.errors)")
                #expect(try await planted.records() == Self.before)
                #expect(try await purging.number("SELECT count(*)::text FROM daybook.purge_run") == 0)
            }
            try await refuse([], "nobody said where this database keeps them; on a machine that has the store, name")
            // A disk that is not mounted is an empty folder: not every video is missing there.
            let empty = purging.folder.file("empty")
            try FileManager.default.createDirectory(atPath: empty, withIntermediateDirectories: false)
            try await refuse(["--store", empty], "Is the disk mounted?")
            try await refuse(["--store", purging.folder.file("nowhere")], "Is the disk mounted?")
            #expect(!FileManager.default.fileExists(atPath: purging.folder.file("nowhere")))
            let disk = try SmallDisk(kilobytes: 64)
            try FileManager.default.copyItem(atPath: planted.folder, toPath: disk.path + "/videos")
            try disk.makeReadOnly()
            try await refuse(["--store", disk.path + "/videos"], "Read-only file system")
            #expect(try planted.files() == [1, 2, 3, 4, 5, 6])
            // What needs no store goes without one.
            try await execute("UPDATE daybook.video_copy SET state = 'given_up'", in: purging.settings)
            let run = try await purging.purge()
            #expect(run.exitCode == 0, "\(run.output)\(run.errors)")
            #expect(try planted.files() == [1, 2, 3, 4, 5, 6])
        }
    }

    @Test func `a video that cannot be removed stops the purge, which certifies nothing until it is gone`() async throws
    {
        try await PlantedStore.with { planted in
            let purging = planted.purging
            // Not even root unlinks a folder.
            let obstacle = planted.path(4) + "/obstacle"
            try FileManager.default.createDirectory(atPath: obstacle, withIntermediateDirectories: false)
            let run = try await purging.purge(planted.store)
            #expect(run.exitCode == 73, "\(run.output)\(run.errors)")
            for words in ["obstacle cannot be removed", "nothing certifies that yet", "video_files 1"] {
                #expect(run.errors.contains(words), "\(words): \(run.errors)")
            }
            #expect(
                try await planted.records()
                    == Self.replacing([
                        "1|removed|true|true|32", "4|removed|false|∅|32", "6|removed|false|∅|32",
                        "7|removed|false|∅|32",
                    ]))
            #expect(try planted.files() == [2, 3, 4, 5, 6])
            #expect(try await purging.number("SELECT count(*)::text FROM daybook.retention_certificate") == 0)
            #expect(try await purging.purge(planted.store).exitCode == 75)
            // Ended where it is, it certifies what is gone, and that the others are there.
            let ended = try await purging.retention(["purge", "--resume", "--end-now", "--quiet"] + purging.places)
            #expect(ended.exitCode == 0, "\(ended.output)\(ended.errors)")
            #expect(try planted.taken(1) == ["one|1|0|800"])
            #expect(try planted.certificate(1).remaining.map { "\($0.account) \($0.rows)" } == [" 1", "one 2"])
            // Longer days than those by which they were marked keep none of them: what was begun is finished.
            let policy = try await purging.retention(
                ["policy", "set", "--class", "video_files", "--days", "365", "--account", "one", "--reason", "clause"])
            #expect(policy.exitCode == 0, "\(policy.errors)")
            #expect(try await planted.row("one")["due_rows"] == "2")
            try FileManager.default.removeItem(atPath: obstacle)
            let next = try await purging.purge(planted.store)
            #expect(next.exitCode == 0, "\(next.output)\(next.errors)")
            #expect(try planted.taken(2) == ["|1|0|800", "one|2|1|800"])
            #expect(try planted.files() == [2, 3, 5])
            #expect(try await purging.retention(["verify"]).exitCode == 0)
        }
    }

    /// What a purge that was killed between the marks and the first removal leaves.
    private static func mark(_ planted: PlantedStore) async throws {
        let connection = try await Connection.open(planted.purging.settings)
        let plan = try await PlanReader(asOf: CalendarDate(year: 2026, month: 11, day: 5)).run(connection)
        let told = try planted.purging.purgeSettings(archive: nil)
        try await connection.transaction { session in
            try RetentionSession.prepare(session)
            let run = try PurgeRun.record(plan, told, session)
            try RunRecord.beginSweeps(run.id, .videoFiles, again: false, session)
            let statement = try SweepStatement(.videoFiles, try DeploymentShape(session), run.terms, session)
            let step = SweepStep(
                run: run, statement: statement, dataClass: .videoFiles, relation: "daybook.video_copy", key: nil)
            #expect(try step.take(0..<40, .none, session) == 4)
            // Before a byte goes its mark is on the disk of the server.
            #expect(try session.query("SHOW synchronous_commit")[0].text("synchronous_commit") == "on")
        }
        await connection.close()
    }

    @Test func `one that was killed between mark and removal is taken up, whatever had gone, and a hold still counts`()
        async throws
    {
        try await PlantedStore.with { planted in
            let purging = planted.purging
            try await Self.mark(planted)
            #expect(try planted.files() == [1, 2, 3, 4, 5, 6])
            // Killed once more, after it removed 6 and before that was on record.
            try FileManager.default.removeItem(atPath: planted.path(6))
            try await planted.hold(4)
            let run = try await purging.retention(
                ["purge", "--resume", "--quiet", "--certificates", purging.certificates] + planted.store)
            #expect(run.exitCode == 0, "\(run.output)\(run.errors)")
            #expect(try planted.files() == [2, 3, 4, 5])
            #expect(
                try await planted.records()
                    == Self.replacing([
                        "1|removed|true|true|32", "4|removed|false|∅|32", "6|removed|true|false|32",
                        "7|removed|true|false|32",
                    ]))
            #expect(try planted.taken(1) == ["|1|1|0", "one|2|1|800"])
            let kept = try planted.certificate(1).held.filter { $0.dataClass == "video_files" }
            #expect(kept.map(\.rows) == [1])
            let held = try await planted.row("one")
            #expect(held["held_rows"] == "1" && held["due_rows"] == "0", "\(held)")
            #expect(try await purging.retention(["hold", "release", "1", "--reason", "settled"]).exitCode == 0)
            let next = try await purging.purge(planted.store)
            #expect(next.exitCode == 0, "\(next.output)\(next.errors)")
            #expect(try planted.taken(2) == ["one|1|0|800"])
            #expect(try planted.files() == [2, 3, 5])
        }
    }

    @Test func `who has a task of the same id keeps its video until the last of them is due`() async throws {
        try await PlantedStore.with { planted in
            let purging = planted.purging
            func twin(_ found: String) async throws {
                let id = PlantedStore.task(1)
                try await execute(
                    """
                    INSERT INTO daybook.batch (user_id, batch_id, owner, created_at, settled_at)
                    VALUES ('\(PlantedStore.stranger)', '\(PlantedStore.batch(1))', 'engine', '\(found)', '\(found)');
                    INSERT INTO daybook.task (user_id, task_id, batch_id, batch_index, model, cost, state, created_at,
                        ready_at, expires_at, ended_at, provider_task_id)
                    VALUES ('\(PlantedStore.stranger)', '\(id)', '\(PlantedStore.batch(1))', 0, 'sora-2', 10,
                        'succeeded', '\(found)', '\(found)', '\(found)', '\(found)', 'p');
                    INSERT INTO daybook.video_copy (user_id, task_id, provider_task_id, state, found_at, give_up_at,
                        sha256, size_bytes, content_type, ended_at)
                    SELECT '\(PlantedStore.stranger)', task_id, 'p', 'stored', '\(found)', give_up_at, sha256,
                        size_bytes, content_type, ended_at FROM daybook.video_copy WHERE task_id = '\(id)'
                    """, in: purging.settings)
            }
            try await twin("2026-09-09 12:00+00")
            let run = try await purging.purge(planted.store)
            #expect(run.exitCode == 0, "\(run.output)\(run.errors)")
            #expect(try planted.files() == [1, 2, 3, 5])
            #expect(try planted.certificate(1).remaining.map { "\($0.account) \($0.rows)" } == ["one 1"])
            try await execute(
                "UPDATE daybook.video_copy SET found_at = '2026-03-09Z' WHERE user_id = '\(PlantedStore.stranger)'",
                in: purging.settings)
            let next = try await purging.purge(planted.store)
            #expect(next.exitCode == 0, "\(next.output)\(next.errors)")
            #expect(try planted.files() == [2, 3])
        }
    }

    @Test func `an erasure takes a customer's or one video, names what it is owed, and is paid later`() async throws {
        try await PlantedStore.with { planted in
            let purging = planted.purging
            let asked = ["--reason", "asked", "--requested-by", "counsel", "--no-archive"]
            let places = ["--yes", "--quiet", "--certificates", purging.certificates] + planted.store
            try await planted.hold(4)
            let single = try await purging.retention(
                ["erase", "--video", PlantedStore.task(2)] + asked + places)
            #expect(single.exitCode == 0, "\(single.output)\(single.errors)")
            #expect(try planted.files() == [1, 3, 4, 5, 6])

            let rehearsal = try await purging.retention(["erase", "--account", "one", "--dry-run"] + asked)
            #expect(rehearsal.exitCode == 2, "\(rehearsal.errors)")
            let owed = [
                "1 rows of video_files are held",
                "2 rows of video_files are of tasks that run, or of batches that are not settled",
            ]
            for words in owed + ["2 videos of 1600 bytes would go"] {
                #expect(rehearsal.output.contains(words), "\(words): \(rehearsal.output)")
            }
            let run = try await purging.retention(["erase", "--account", "one"] + asked + places)
            #expect(run.exitCode == 2, "\(run.output)\(run.errors)")
            for words in owed { #expect((run.output + run.errors).contains(words), "\(run.output)\(run.errors)") }
            #expect(try planted.files() == [3, 4, 5, 6])
            #expect(try planted.taken(2) == ["one|2|1|800"])
            // The batch is settled, the hold is over: the next purge pays.
            try await execute(
                """
                UPDATE daybook.batch SET settled_at = now() WHERE settled_at IS NULL;
                UPDATE public.batch_jobs SET status = 'completed', settlement_status = 'finalized'
                """, in: purging.settings)
            #expect(try await purging.retention(["hold", "release", "1", "--reason", "settled"]).exitCode == 0)
            let next = try await purging.purge(planted.store)
            #expect(next.exitCode == 0, "\(next.output)\(next.errors)")
            #expect(try planted.files() == [5])
        }
    }

    @Test func `the purging role may do all of it within a run, and nothing of it outside of one`() async throws {
        try await PlantedStore.with { planted in
            let purging = planted.purging
            try await ProgramRun.expectingSuccess(["database", "roles"] + purging.database)
            try await withLogin(purging.settings, rights: "GRANT daybook_purge TO LOGIN") { login in
                for change in ["removed_run = 1", "gone_at = now()", "source_url = ''", "size_bytes = 1"] {
                    await #expect(throws: PostgresError.self, "\(change)") {
                        try await execute("UPDATE daybook.video_copy SET \(change)", in: login)
                    }
                }
                let own = try Purging(login)
                let run = try await own.purge(planted.store)
                #expect(run.exitCode == 0, "\(run.output)\(run.errors)")
                #expect(try planted.files() == [2, 3, 5])
            }
        }
    }
}
