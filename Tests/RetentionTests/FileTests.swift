import Foundation
import Postgres
import TestSupport
import Testing

@testable import Retention

/// The files of archives and certificates: who may read them, and what is removed with them.
@Suite struct FileTests {
    @Test(arguments: [("000", nil, "600", "700"), ("022", nil, "600", "700"), ("077", "0644", "644", "755")])
    func `an archive is its owner's alone, and so are certificates unless they are for others`(
        mask: String, mode: String?, file: String, directory: String
    ) async throws {
        try await withPurging { purging in
            let rows = try await PlanFile(purging.settings, Purging.date).sum("due_rows")
            let run = try await ProgramRun(
                [
                    "-c", "umask \"$1\" && shift && exec \"$@\"", "sh", mask, ProgramRun.daybook, "retention", "purge",
                    "--yes", "--quiet", "--expect-rows", String(rows),
                ] + purging.places + Purging.date + (mode.map { ["--mode", $0] } ?? []) + purging.database,
                program: "/bin/sh")
            #expect(run.exitCode == 0, "\(run.errors)")
            let all = try purging.folder.permissions()
            #expect(all["archive/run-000001/manifest.json"] == "600" && all["certificates/"] == directory)
            for (name, permissions) in all {
                let isArchive = name.hasPrefix("archive/")
                let expected =
                    name.hasSuffix("/") ? (isArchive ? "700" : directory) : (isArchive ? "600" : file)
                #expect(permissions == expected, "\(name): \(permissions)")
            }
            #expect(all.keys.contains { $0.hasSuffix(".csv.gz") } && all.keys.contains { $0.hasSuffix(".html") })
        }
    }

    @Test
    func `a link in the place of an archive is not taken for it: what it leads to is neither removed nor certified`()
        async throws
    {
        try await withPurging { purging in
            #expect(try await purging.purge(["--archive-days", "1"]).exitCode == 0)
            try await execute(
                "UPDATE daybook.purge_run SET archive_expires_at = clock_timestamp() - interval '1 s'",
                in: purging.settings)
            let (archive, elsewhere) = (purging.archive + "/run-000001", purging.folder.file("elsewhere"))
            try FileManager.default.moveItem(atPath: archive, toPath: elsewhere)
            try FileManager.default.createSymbolicLink(atPath: archive, withDestinationPath: elsewhere)
            let expire = ["expire-archives", "--certificates", purging.certificates]
            let refused = try await purging.retention(expire)
            #expect(refused.exitCode == 73 && refused.errors.contains("no folder but a link"), "\(refused.errors)")
            #expect(FileManager.default.fileExists(atPath: elsewhere + "/manifest.json"))
            #expect(!FileManager.default.fileExists(atPath: purging.certificates + "/certificate-000002.json"))
            try FileManager.default.removeItem(atPath: archive)
            try FileManager.default.moveItem(atPath: elsewhere, toPath: archive)
            #expect(try await purging.retention(expire).exitCode == 0)
            #expect(!FileManager.default.fileExists(atPath: archive))
        }
    }

    @Test func `of an interrupted run only the files that it would have named are left-overs`() async throws {
        try await withPurging { purging in
            try await purging.begin(pages: 0..<16)
            let left = purging.archive + "/run-000001/"
            for name in ["000099-access_log.csv.gz", "letter.csv.gz", "000099.csv.gz.txt"] {
                try Data("x".utf8).write(to: URL(fileURLWithPath: left + name))
            }
            #expect(try await purging.resume().exitCode == 0)
            let there = try FileManager.default.contentsOfDirectory(atPath: left)
            #expect(there.contains("letter.csv.gz") && there.contains("000099.csv.gz.txt"))
            #expect(!there.contains("000099-access_log.csv.gz"))
        }
    }
}
