import Codecs
import Foundation
import Postgres
import TestSupport
import Testing

/// The head of the certificates: every run hands it on, and whoever kept it finds what was removed. And signatures.
@Suite struct HeadTests {
    private static func expire(_ purging: Purging) async throws {
        try await execute(
            "UPDATE daybook.purge_run SET archive_expires_at = clock_timestamp() - interval '1 s'",
            in: purging.settings)
    }

    private static func lines(_ path: String) throws -> [String] {
        try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
    }

    @Test func `every run prints and hands on the head, and the newest certificate cannot go unnoticed`() async throws {
        try await withPurging { purging in
            let log = purging.folder.file("heads")
            let hand = ["--head-to", "cat >> '\(log)'"]
            func expectHead(_ run: ProgramRun, _ number: Int) async throws {
                #expect(run.exitCode == 0, "\(run.errors)")
                let line = try #require(try Self.lines(log).last)
                let words = line.split(separator: " ").map(String.init)
                #expect(words.count == 4 && words[0] == "certificate" && words[2] == String(number), "\(line)")
                #expect(run.output.contains("Head of the chain: \(words[1])\n"), "\(run.output)")
                let sha256 = try await purging.lines(
                    "SELECT sha256 FROM daybook.retention_certificate ORDER BY sequence DESC LIMIT 1")
                #expect(sha256 == [words[1]])
            }
            let elsewhere = ["--certificates", purging.certificates]
            try await expectHead(try await purging.purge(["--archive-days", "1"] + hand), 1)
            // One that does nothing says where the chain stands, too.
            try await expectHead(try await purging.retention(["purge", "--resume"] + purging.places + hand), 1)
            let manifest = purging.archive + "/run-000001/manifest.json"
            let look = ["restore", manifest, "--into", "looked_at", "--reason", "r"]
            try await expectHead(try await purging.retention(look + elsewhere + hand), 2)
            try await expectHead(try await purging.retention(["restore", manifest] + elsewhere + hand), 3)
            try await Self.expire(purging)
            try await expectHead(try await purging.retention(["expire-archives"] + elsewhere + hand), 4)
            let heads = try Self.lines(log)
            #expect(heads.count == 5)

            func verify(_ heads: [String]) async throws -> ProgramRun {
                try await purging.retention(["verify"] + heads.flatMap { ["--head", $0] })
            }
            // Rows that were put back are due: so verify ends with 2, and says of the chain what there is to say.
            let whole = try await verify(heads)
            #expect(!whole.output.contains("missing") && whole.output.contains("is certificate 4; 0 have followed"))
            #expect(whole.output.contains("is certificate 1; 3 have followed"), "\(whole.output)")
            #expect(try await verify(["close " + heads[0].dropFirst(12)]).exitCode == 64)

            try await execute("DELETE FROM daybook.retention_certificate WHERE sequence = 4", in: purging.settings)
            #expect(try await !verify([]).output.contains("certificate 4"))
            let named = try await verify([heads[4]])
            #expect(named.exitCode == 2 && named.output.contains("certificate 4 is missing"), "\(named.output)")
            let digest = try await verify([String(heads[4].split(separator: " ")[1])])
            #expect(digest.exitCode == 2 && digest.output.contains("it ends with certificate 3"), "\(digest.output)")
            #expect(try await !verify([heads[3]]).output.contains("missing"))
            // That rows were put back nothing else records: without a head nobody would miss it.
            try await execute("DELETE FROM daybook.retention_certificate WHERE sequence = 3", in: purging.settings)
            #expect(try await !verify([heads[0]]).output.contains("certificate 3"))
            let restored = try await verify([heads[3]])
            #expect(
                restored.exitCode == 2 && restored.output.contains("certificate 3 is missing"), "\(restored.output)")
        }
    }

    @Test func `a command that does not take the head is said, and the purge stands`() async throws {
        try await withPurging { purging in
            let run = try await purging.purge(["--head-to", "exit 7"])
            #expect(run.exitCode == 2 && run.errors.contains("ended with 7"), "\(run.errors)")
            #expect(run.output.contains("Certificate 1, SHA-256 "), "\(run.output)")
            #expect(try await purging.retention(["verify"]).exitCode == 0)
            #expect(FileManager.default.fileExists(atPath: purging.certificates + "/certificate-000001.json"))
        }
    }

    @Test func `certificates are signed where a key is given, and verify tells signed, unsigned and forged ones apart`()
        async throws
    {
        try await withPurging { purging in
            for name in ["key", "other"] {
                try await ProgramRun.expectingSuccess(["keys", "statement-init", purging.folder.file(name)])
            }
            let (key, other) = (purging.folder.file("key.pub"), purging.folder.file("other.pub"))
            #expect(try await purging.purge(date: Purging.date + ["--account", "customer9"]).exitCode == 0)
            #expect(try await purging.purge(["--sign-key", purging.folder.file("key")]).exitCode == 0)
            let (unsigned, signed) = (
                try Self.document(purging, 1), try Self.document(purging, 2)
            )
            #expect(!unsigned.contains("signature") && signed.contains("\"algorithm\" : \"Ed25519\""))
            func verify(_ keys: [String]) async throws -> ProgramRun {
                try await purging.retention(["verify"] + keys.flatMap { ["--key", $0] })
            }
            let free = try await verify([])
            #expect(free.exitCode == 0 && free.output.contains("1 certificate signed with the key "), "\(free.output)")
            let bound = try await verify([key])
            #expect(bound.exitCode == 2 && bound.output.contains("certificate 1"), "\(bound.output)")
            #expect(bound.output.contains("it is not signed") && !bound.output.contains("certificate 2"))
            let wrong = try await verify([other])
            #expect(wrong.exitCode == 2 && wrong.output.contains("another key"), "\(wrong.output)")
            #expect(try await !verify([other, key]).output.contains("another key"))
            // Whoever can write the database and the folder makes chain and digests anew; the signature stays theirs.
            let forge = { (text: String) in
                text.replacing("\"program_version\" : \"", with: "\"program_version\" : \"1")
            }
            try await purging.reissue(2, forge)
            let found = try await verify([])
            #expect(found.exitCode == 2 && found.output.contains("its signature is not that of its document"))
            // The same with the signature of a key of the forger's own: the keys that are trusted decide.
            let secret = try String(contentsOfFile: purging.folder.file("other"), encoding: .utf8)
            let stranger = try #require(SigningKey(hex: secret.trimmingCharacters(in: .whitespacesAndNewlines)))
            try await purging.reissue(2, key: stranger, forge)
            #expect(try await !verify([]).output.contains("signature"))
            #expect(try await verify([key]).output.contains("another key"))
        }
    }

    @Test func `restores, expiries and lost archives are signed as well`() async throws {
        try await withPurging { purging in
            try await ProgramRun.expectingSuccess(["keys", "statement-init", purging.folder.file("key")])
            let sign = ["--sign-key", purging.folder.file("key")]
            let elsewhere = ["--certificates", purging.certificates]
            #expect(try await purging.purge(sign, date: Purging.date + ["--account", "customer9"]).exitCode == 0)
            #expect(try await purging.purge(sign).exitCode == 0)
            let restore = ["restore", purging.archive + "/run-000001/manifest.json"]
            #expect(try await purging.retention(restore + elsewhere + sign).exitCode == 0)
            try await Self.expire(purging)
            try FileManager.default.removeItem(atPath: purging.archive + "/run-000001")
            let lost = try await purging.retention(["expire-archives", "--lost", "1"] + elsewhere + sign)
            #expect(lost.exitCode == 0, "\(lost.errors)")
            #expect(try await purging.retention(["expire-archives"] + elsewhere + sign).exitCode == 0)
            let run = try await purging.retention(["verify", "--key", purging.folder.file("key.pub")])
            #expect(run.output.contains("5 certificates signed with the key"), "\(run.output)")
            #expect(!run.output.contains("not signed"), "\(run.output)")
        }
    }

    private static func document(_ purging: Purging, _ number: Int) throws -> String {
        try String(contentsOfFile: "\(purging.certificates)/certificate-00000\(number).json", encoding: .utf8)
    }
}
