import Foundation
import Postgres
import TestSupport
import Testing

/// Certificates, archives and their chain: what was altered is found and named, and what was archived comes back.
@Suite struct EvidenceTests {
    private func alter(_ path: String, at offset: Int) throws {
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        bytes[offset] ^= 1
        try bytes.write(to: URL(fileURLWithPath: path))
    }

    private func firstFile(_ folder: String, _ ending: String) throws -> String {
        let names = try FileManager.default.subpathsOfDirectory(atPath: folder).sorted()
        return folder + "/" + (try #require(names.first { $0.hasSuffix(ending) }))
    }

    @Test func `one altered byte of a certificate, an archive, a manifest or the chain is found and named`()
        async throws
    {
        try await withPurging { purging in
            #expect(try await purging.purge(date: Purging.date + ["--account", "customer9"]).exitCode == 0)
            #expect(try await purging.purge().exitCode == 0)
            func verify() async throws -> ProgramRun { try await purging.retention(["verify"]) }
            #expect(try await verify().exitCode == 0)

            for (folder, ending) in [
                (purging.certificates, "certificate-000001.json"), (purging.certificates, "certificate-000002.json"),
                (purging.certificates, "certificate-000001.html"), (purging.certificates, "certificate-000002.html"),
                (purging.archive, "access_log.csv.gz"), (purging.archive, "task_content.csv.gz"),
                (purging.archive, "manifest.json"),
            ] {
                let path = try firstFile(folder, ending)
                let name = (path as NSString).lastPathComponent
                let size = try Data(contentsOf: URL(fileURLWithPath: path)).count
                for offset in [0, size / 2, size - 1] {
                    try alter(path, at: offset)
                    let run = try await verify()
                    #expect(
                        run.exitCode == 2 && run.output.contains(name) && run.output.contains("altered"),
                        "\(run.output)")
                    try alter(path, at: offset)
                }
                try FileManager.default.moveItem(atPath: path, toPath: path + ".away")
                let run = try await verify()
                #expect(run.exitCode == 2 && run.output.contains("missing"), "\(run.output)")
                try FileManager.default.moveItem(atPath: path + ".away", toPath: path)
            }
            #expect(try await verify().exitCode == 0)

            for (change, back, words) in [
                ("document = document || ' '", "document = left(document, -1)", "altered"),
                (
                    "sha256 = translate(left(sha256, 1), '0123456789abcdef', '123456789abcdef0') || substr(sha256, 2)",
                    nil, "altered"
                ),
                ("previous_sha256 = repeat('0', 63) || '1'", nil, "does not follow"),
            ] {
                let column = try #require(change.split(separator: " ").first.map(String.init))
                try await execute(
                    """
                    CREATE TABLE IF NOT EXISTS public.saved AS SELECT * FROM daybook.retention_certificate;
                    UPDATE daybook.retention_certificate SET \(change) WHERE sequence = 1
                    """, in: purging.settings)
                let run = try await verify()
                #expect(run.exitCode == 2 && run.output.contains("certificate 1"), "\(run.output)")
                #expect(run.output.contains(words), "\(run.output)")
                _ = back
                try await execute(
                    """
                    UPDATE daybook.retention_certificate AS c SET \(column) = s.\(column) FROM public.saved AS s
                    WHERE s.sequence = c.sequence
                    """, in: purging.settings)
            }
            try await execute("DELETE FROM daybook.retention_certificate WHERE sequence = 2", in: purging.settings)
            let run = try await verify()
            #expect(run.exitCode == 2 && run.output.contains("certificate is missing"), "\(run.output)")
        }
    }

    @Test func `a page that another version made is not called altered`() async throws {
        try await withPurging { purging in
            #expect(try await purging.purge().exitCode == 0)
            try await execute(
                """
                UPDATE daybook.retention_certificate
                SET document = regexp_replace(document, '("program_version" : )"[^"]+"', '\\1"0.0.7"');
                UPDATE daybook.retention_certificate SET sha256 = encode(sha256(convert_to(document, 'UTF8')), 'hex')
                """, in: purging.settings)
            let run = try await purging.retention(["verify"])
            let pages = run.output.components(separatedBy: "\n").filter { $0.contains("certificate-000001.html") }
            #expect(run.exitCode == 2 && pages.count == 1, "\(run.output)")
            #expect(pages.allSatisfy { $0.contains("another version, 0.0.7") && !$0.contains("altered") })
        }
    }

    @Test func `data that is due again is found`() async throws {
        try await withPurging { purging in
            let untouched = try await purging.retention(["verify"])
            #expect(untouched.output.contains("Everything is as it was certified.\n"), "\(untouched.output)")
            #expect(try await purging.purge().exitCode == 0)
            let verified = try await purging.retention(["verify"])
            #expect(verified.output.contains("1 certificate and "), "\(verified.output)")
            #expect(verified.output.contains(", and nothing that was due as of 2026-11-05 is left.\n"))
            try await execute(
                """
                INSERT INTO video_external_access_log (video_id, action, source, policy_snapshot, created_at)
                VALUES (gen_random_uuid(), 'play', 'embed', '{}', '2026-01-01Z')
                """, in: purging.settings)
            let run = try await purging.retention(["verify"])
            #expect(run.exitCode == 2 && run.output.contains("1 rows that were due"), "\(run.output)")
        }
    }

    /// Values that a file could lose: nulls beside empty texts, quotes, line ends, unicode, json, infinite instants.
    private static let oddities = """
        UPDATE public.video_tasks SET prompt = E'a,"b"\\r\\n\\\\N \\u00e9\\u0301 長🎬', error_message = '', last_error = NULL,
            pid = E'\\t ', external_access_policy = '{"a": [null, 1.50, "\\u2028"], "": {}}'
        WHERE id IN (SELECT id FROM public.video_tasks WHERE status = 'succeeded' ORDER BY created_at LIMIT 50);
        INSERT INTO public.video_external_access_log (video_id, user_id, action, source, policy_snapshot, created_at)
        SELECT gen_random_uuid(), NULL, 'play', E'=1+1,"\\n', '[{"x": "\\"\\\\"}, null]', '-infinity' FROM generate_series(1, 3);
        INSERT INTO public.video_external_access_log (video_id, user_id, action, source, policy_snapshot, created_at)
        VALUES (gen_random_uuid(), NULL, '', '', 'null', '2026-01-01 00:00:00.000001Z')
        """

    @Test(arguments: [false, true])
    func `an archive gives back exactly what was taken, odd values too`(isEncrypted: Bool) async throws {
        try await withPurging { purging in
            try await execute(Self.oddities, in: purging.settings)
            let key = try purging.folder.write(secret: String(repeating: "0a", count: 32) + "\n", to: "key")
            let keyed = isEncrypted ? ["--key-file", key] : []
            let tables = ["public.video_tasks", "public.enterprise_api_usage", "public.video_external_access_log"]
            let before = try await purging.fingerprint().filter { tables.contains($0.key) }
            #expect(try await purging.purge(keyed).exitCode == 0)
            #expect(try await purging.fingerprint().filter { tables.contains($0.key) } != before)
            let manifest = try firstFile(purging.archive, "manifest.json")
            if isEncrypted {
                let wrong = try purging.folder.write(secret: String(repeating: "0b", count: 32), to: "wrong")
                for arguments in [[], ["--key-file", wrong]] {
                    let run = try await purging.retention(
                        ["restore", manifest, "--certificates", purging.certificates] + arguments)
                    #expect(run.exitCode == 78, "\(run.errors)")
                    let key = "is encrypted; name the file of its key with --key-file.\n"
                    #expect(run.errors.hasSuffix(key) == arguments.isEmpty, "\(run.errors)")
                }
                let segment = try Data(contentsOf: URL(fileURLWithPath: try firstFile(purging.archive, ".csv.gz.enc")))
                #expect(segment.starts(with: Data("DAYBOOK1".utf8)))
            }
            let apart = try await purging.retention(
                ["restore", manifest, "--into", "looked_at", "--reason", "r", "--certificates", purging.certificates]
                    + keyed)
            #expect(apart.exitCode == 0, "\(apart.errors)")
            let taken = try await purging.number(
                "SELECT sum(row_count)::text FROM daybook.purge_total WHERE data_class = 'access_log'")
            #expect(try await purging.number("SELECT count(*)::text FROM looked_at_access_log") == taken)
            let twice = try await purging.retention(
                ["restore", manifest, "--into", "looked_at", "--reason", "r", "--certificates", purging.certificates]
                    + keyed)
            let known = "is there already; nothing was put back. End its look with forget-look if it is one's, or give "
            #expect(twice.exitCode == 65 && twice.errors.hasSuffix(known + "--into another name.\n"), "\(twice.errors)")
            #expect(try await purging.number("SELECT count(*)::text FROM looked_at_access_log") == taken)
            let run = try await purging.retention(
                ["restore", manifest, "--certificates", purging.certificates] + keyed)
            #expect(run.exitCode == 0, "\(run.errors)")
            #expect(try await purging.fingerprint().filter { tables.contains($0.key) } == before)
            #expect(try await purging.number("SELECT count(*)::text FROM daybook.access_total") == 0)
            let again = try await purging.retention(
                ["restore", manifest, "--certificates", purging.certificates] + keyed)
            let look = "put back before; nothing was changed. To look at its rows: --into TABLE\n"
            #expect(again.exitCode == 65 && again.errors.hasSuffix(look), "\(again.errors)")
        }
    }

    @Test func `an altered archive is not put back`() async throws {
        try await withPurging { purging in
            #expect(try await purging.purge().exitCode == 0)
            let before = try await purging.fingerprint()
            let manifest = try firstFile(purging.archive, "manifest.json")
            for path in [try firstFile(purging.archive, "access_log.csv.gz"), manifest] {
                try alter(path, at: 100)
                let run = try await purging.retention(["restore", manifest, "--certificates", purging.certificates])
                #expect(run.exitCode == 65, "\(run.errors)")
                try alter(path, at: 100)
            }
            #expect(try await purging.fingerprint() == before)
        }
    }

    @Test func `an archive whose time is over is destroyed and certified, and the chain still holds`() async throws {
        try await withPurging { purging in
            #expect(try await purging.purge(["--archive-days", "1"]).exitCode == 0)
            let expire = ["expire-archives", "--certificates", purging.certificates]
            let early = try await purging.retention(expire)
            #expect(early.output.contains("No archive is past its end"))
            try await execute(
                "UPDATE daybook.purge_run SET archive_expires_at = clock_timestamp() - interval '1 s'",
                in: purging.settings)
            let run = try await purging.retention(expire)
            #expect(run.exitCode == 0 && run.output.contains("The archive of purge 1 was destroyed"), "\(run.errors)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: purging.archive).isEmpty)
            #expect(FileManager.default.fileExists(atPath: purging.certificates + "/certificate-000002.html"))
            let verified = try await purging.retention(["verify"])
            #expect(verified.exitCode == 0, "\(verified.output)")
        }
    }

    @Test func `an archive that is certified as destroyed and is there all the same is found`() async throws {
        try await withPurging { purging in
            #expect(try await purging.purge(["--archive-days", "1"]).exitCode == 0)
            try await execute(
                "UPDATE daybook.purge_run SET archive_expires_at = clock_timestamp() - interval '1 s'",
                in: purging.settings)
            let copy = purging.folder.file("copy")
            try FileManager.default.copyItem(atPath: purging.archive + "/run-000001", toPath: copy)
            let expired = try await purging.retention(["expire-archives", "--certificates", purging.certificates])
            #expect(expired.exitCode == 0, "\(expired.errors)")
            #expect(try await purging.retention(["verify"]).exitCode == 0)
            try FileManager.default.moveItem(atPath: copy, toPath: purging.archive + "/run-000001")
            let run = try await purging.retention(["verify"])
            #expect(run.exitCode == 2 && run.output.contains("as destroyed, and it is there"), "\(run.output)")
        }
    }
}
