import Codecs
import Domain
import Formats
import Foundation
import Postgres
import TestSupport
import Testing

/// `daybook report check`: a genuine statement passes without a database, a forged one is refused with the reason.
@Suite struct CheckTests {
    private static let name = "statement-customer5-2026-10"

    /// Runs with a database that is not there.
    private static func check(_ folder: String, key: String? = nil) async throws -> ProgramRun {
        try await ProgramRun(
            ["report", "check", folder] + (key.map { ["--key", $0] } ?? []),
            environment: ["DATABASE_URL": "host=/nowhere"])
    }

    private static func signed(_ body: (StatementRuns, String) async throws -> Void) async throws {
        try await withSample { settings in
            let keys = try ScratchFolder()
            let made = try await ProgramRun(["keys", "statement-init", keys.file("key")])
            #expect(made.exitCode == 0, "\(made.errors)")
            let again = try await ProgramRun(["keys", "statement-init", keys.file("key")])
            #expect(again.exitCode == 73)
            let run = try await StatementRuns(
                settings, ["--month", "2026-10", "--account", "customer5", "--key", keys.file("key")])
            try await body(run, keys.file("key.pub"))
        }
    }

    @Test func `a genuine statement passes, and says so in one line`() async throws {
        try await Self.signed { run, key in
            let check = try await Self.check(run.folder.file(Self.name), key: key)
            #expect(check.exitCode == 0, "\(check.errors)")
            #expect(check.output.split(separator: "\n").count == 1)
            #expect(check.output.contains("is genuine and adds up, but is not whole: opening 1832600, closing 1814310"))
            #expect(check.output.contains("unreconciled 0, expired_unbooked 0, unexplained 777."))
            #expect(!check.errors.contains("not listed"))
            try "x".write(toFile: run.folder.file("\(Self.name)/extra.csv"), atomically: false, encoding: .utf8)
            let foreign = try await Self.check(run.folder.file(Self.name), key: key)
            #expect(foreign.exitCode == 0 && foreign.errors.contains("extra.csv is not listed in the manifest"))
            let stranger = try run.folder.write(SigningKey.generate().publicKey.hex, to: "stranger.pub")
            let other = try await Self.check(run.folder.file(Self.name), key: stranger)
            #expect(other.exitCode == 65 && other.errors.contains("another key"))
        }
    }

    @Test func `a change anywhere is refused with the reason`() async throws {
        try await Self.signed { run, key in
            let folder = run.folder.file(Self.name)
            let changes: [(path: String, from: String, to: String, reason: String)] = [
                ("\(folder)/summary.csv", "1814310", "1814311", "summary.csv is not the file"),
                ("\(folder)/entries.csv", "-3000", "-3001", "entries.csv is not the file"),
                ("\(folder).html", "1,814,310", "1,814,311", "html is not the file"),
                (
                    "\(folder)/manifest.json", "\"closing_balance\" : 1814310", "\"closing_balance\" : 1814311",
                    "signature"
                ),
                ("\(folder)/manifest.json", "\"previous\" : \"\"", "\"previous\" : \"00\"", "signature"),
                ("\(folder)/manifest.json", "\"status\" : \"final\"", "\"status\" : \"Final\"", "signature"),
                ("\(folder)/manifest.json", "{\n", "{\n\n", "not as daybook wrote it"),
            ]
            for change in changes {
                let bytes = try Data(contentsOf: URL(fileURLWithPath: change.path))
                let original = String(decoding: bytes, as: UTF8.self)
                let changed = original.replacingOccurrences(of: change.from, with: change.to)
                #expect(changed != original, "\(change.path) has no \(change.from)")
                try changed.write(toFile: change.path, atomically: false, encoding: .utf8)
                let check = try await Self.check(folder, key: key)
                #expect(check.exitCode == 65 && check.errors.contains(change.reason), "\(change): \(check.errors)")
                try bytes.write(to: URL(fileURLWithPath: change.path))
            }
            let workbook = "\(folder).xlsx"
            var bytes = try Data(contentsOf: URL(fileURLWithPath: workbook))
            bytes[bytes.count / 2] ^= 1
            try bytes.write(to: URL(fileURLWithPath: workbook))
            let check = try await Self.check(folder, key: key)
            #expect(check.exitCode == 65 && check.errors.contains("xlsx is not the file"))
            bytes[bytes.count / 2] ^= 1
            try bytes.write(to: URL(fileURLWithPath: workbook))
            try FileManager.default.removeItem(atPath: "\(folder)/usage.csv")
            #expect(try await Self.check(folder, key: key).errors.contains("usage.csv is missing"))
        }
    }

    @Test func `a manifest made anew over false sums is found out by the sums`() async throws {
        try await withSample { settings in
            let run = try await StatementRuns(settings, ["--month", "2026-10", "--account", "customer5"])
            let folder = run.folder.file(Self.name)
            let unsigned = try await Self.check(folder)
            #expect(unsigned.exitCode == 0 && unsigned.output.contains("not signed"))
            // The forger changes a line, its digest, the statement's digest and the chain: the sums remain.
            let path = folder + "/summary.csv"
            let summary = try String(contentsOfFile: path, encoding: .utf8).replacingOccurrences(
                of: "refunds,1110", with: "refunds,1120")
            let before = SHA256Digest.hex([UInt8](try Data(contentsOf: URL(fileURLWithPath: path))))
            try summary.write(toFile: path, atomically: false, encoding: .utf8)
            let after = SHA256Digest.hex(summary)
            let manifestPath = folder + "/manifest.json"
            var manifest = try String(contentsOfFile: manifestPath, encoding: .utf8)
            manifest = manifest.replacingOccurrences(of: before, with: after)
            let document = try #require(
                try JSONSerialization.jsonObject(with: Data(manifest.utf8)) as? [String: Any])
            let files = try #require(document["files"] as? [[String: Any]])
            let lines = files.compactMap { file -> String? in
                guard let name = file["name"] as? String, let sha256 = file["sha256"] as? String, name.hasSuffix(".csv")
                else { return nil }
                return "\((name as NSString).lastPathComponent) \(sha256)\n"
            }
            let digest = SHA256Digest.hex(lines.sorted().joined())
            let old = try #require(document["statement_sha256"] as? String)
            let chain = try #require(document["chain"] as? [String: String])
            let hash = SHA256Digest.hex(
                "daybook-chain-1\n\n1200339d-0687-49fa-9d1d-e2a05d158a2f\n2026-10\n1832600\n1814310\n\(digest)\n")
            manifest = manifest.replacingOccurrences(of: old, with: digest)
                .replacingOccurrences(of: chain["hash"] ?? "", with: hash)
            try manifest.write(toFile: manifestPath, atomically: false, encoding: .utf8)
            let check = try await Self.check(folder)
            #expect(check.exitCode == 65 && check.errors.contains("closing balance"), "\(check.errors)")
        }
    }

    @Test func `Ed25519 is that of RFC 8032`() throws {
        // RFC 8032, section 7.1, test 2.
        let key = try #require(SigningKey(hex: "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"))
        #expect(key.publicKey.hex == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
        let signature = key.sign([0x72])
        #expect(
            Hexadecimal.text(signature)
                == "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        )
        #expect(key.publicKey.isGenuine(signature, over: [0x72]) && !key.publicKey.isGenuine(signature, over: [0x73]))
    }
}
