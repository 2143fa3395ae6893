import Codecs
import Domain
import Formats
import Foundation
import TestSupport
import Testing

@testable import Documents
@testable import Retention

/// Extracts of certificates: what is handed to one customer proves what was taken from it, and names nobody else.
@Suite struct ExtractTests {
    /// Holds of three customers, each with a matter of its own, before a purge.
    private static func hold(_ purging: Purging) async throws {
        for (slug, matter) in [("customer7", "matter gamma"), ("customer9", "matter delta")] {
            let run = try await purging.retention(
                ["hold", "add", "--account", slug, "--matter", matter, "--requested-by", "\(slug)-counsel"])
            #expect(run.exitCode == 0, "\(run.errors)")
        }
        for (slug, scope, column) in [("customer3", "--video", "t.id"), ("customer2", "--batch", "t.batch_job_id")] {
            let id = try await purging.lines(
                """
                SELECT min(\(column)::text) FROM video_tasks AS t JOIN daybook.account AS a ON a.user_id = t.user_id
                WHERE a.slug = '\(slug)'
                """)[0]
            let run = try await purging.retention(
                ["hold", "add", scope, id, "--matter", "matter of \(slug)", "--requested-by", "counsel"])
            #expect(run.exitCode == 0, "\(run.errors)")
        }
    }

    private static func extract(_ purging: Purging, _ slug: String, _ more: [String] = []) async throws -> Data {
        let file = purging.folder.file("\(slug).json")
        let run = try await purging.retention(["certificate", "--account", slug, "--output", file] + more)
        #expect(run.exitCode == 0, "\(run.errors)")
        return FileManager.default.contents(atPath: file) ?? Data()
    }

    /// Checks an extract as a customer does: with no database that could be reached.
    private static func check(_ path: String, _ more: [String]) async throws -> ProgramRun {
        try await ProgramRun(
            ["retention", "verify", "--extract", path, "--database", "postgresql://127.0.0.1:9/none"] + more)
    }

    /// What is wrong with an extract, in this process; `nil` for nothing.
    private static func fault(_ bytes: [UInt8], _ heads: [WrittenHead] = []) -> String? {
        do {
            let check = try ExtractCheck(bytes, written: heads)
            return check.findings.isEmpty ? nil : check.findings.joined(separator: "; ")
        } catch {
            return "\(error)"
        }
    }

    private static func head(_ purging: Purging) async throws -> String {
        try await purging.lines(
            "SELECT sha256 FROM daybook.retention_certificate ORDER BY sequence DESC LIMIT 1")[0]
    }

    @Test func `an extract proves what was taken from one customer, and its bytes hold nothing of another`()
        async throws
    {
        try await withPurging { purging in
            try await ProgramRun.expectingSuccess(["keys", "statement-init", purging.folder.file("key")])
            try await Self.hold(purging)
            let purged = try await purging.purge(["--sign-key", purging.folder.file("key")])
            #expect(purged.exitCode == 0, "\(purged.errors)")
            let head = try await Self.head(purging)
            let accounts = try await purging.lines("SELECT slug, user_id::text, name FROM daybook.account").map {
                $0.components(separatedBy: "|")
            }
            let held = try await purging.lines(
                """
                SELECT coalesce(h.batch_id, h.video_id)::text, h.matter, t.user_id::text FROM daybook.legal_hold AS h
                JOIN LATERAL (SELECT t.user_id FROM video_tasks AS t
                    WHERE t.id = h.video_id OR t.batch_job_id = h.batch_id LIMIT 1) AS t ON true
                """
            ).map { $0.components(separatedBy: "|") }
            #expect(accounts.count == 12 && held.count == 2)
            let keyed = ["--key", purging.folder.file("key.pub"), "--head", head]
            for own in accounts {
                let text = String(decoding: try await Self.extract(purging, own[0]), as: UTF8.self)
                for other in accounts where other != own {
                    // customer1 is the beginning of customer10.
                    let slug = try Regex("\(other[0])(?![0-9])")
                    #expect(text.firstMatch(of: slug) == nil, "\(own[0]) sees \(other[0])")
                    #expect(!text.contains(other[1]) && !text.contains(other[2]), "\(own[0]) sees \(other[0])")
                }
                for hold in held where hold[2] != own[1] {
                    #expect(!text.contains(hold[0]) && !text.contains(hold[1]), "\(own[0]) sees \(hold[1])")
                }
                for (slug, matter) in [("customer7", "gamma"), ("customer9", "delta"), ("customer10", "2026-114")] {
                    #expect(text.contains(matter) == (own[0] == slug), "\(own[0]) and \(matter)")
                }
                // Digests without a salt would let anybody try out what the plan or the holds were.
                for member in ["plan_sha256", "policy_sha256", "hold_sha256", "manifest_sha256", "segments"] {
                    #expect(!text.contains(member), "\(member)")
                }
                let run = try await Self.check(purging.folder.file("\(own[0]).json"), keyed)
                #expect(run.exitCode == 0 && run.output.contains("this of \(own[0]), and"), "\(run.output)")
                // The numbers in it are those that were recorded of this owner, and no others.
                let parts = try CanonicalJSON.decode(CertificateExtract.self, from: text).parts.map {
                    try CanonicalJSON.decode(CertificatePart.self, from: $0.part)
                }
                let taken = try await purging.lines(
                    """
                    SELECT data_class, row_count FROM daybook.purge_total WHERE user_id = '\(own[1])'
                    ORDER BY data_class COLLATE "C"
                    """)
                #expect(parts.count == 1 && parts[0].taken.map { "\($0.dataClass)|\($0.rows)" } == taken)
            }
        }
    }

    @Test func `a second calculation by the documented rules comes to the same`() async throws {
        try await withPurging { purging in
            try await ProgramRun.expectingSuccess(["keys", "statement-init", purging.folder.file("key")])
            #expect(try await purging.purge(["--sign-key", purging.folder.file("key")]).exitCode == 0)
            let expire = ["expire-archives", "--certificates", purging.certificates]
            try await execute(
                "UPDATE daybook.purge_run SET archive_expires_at = clock_timestamp() - interval '1 s'",
                in: purging.settings)
            #expect(
                try await purging.retention(expire + ["--sign-key", purging.folder.file("key")]).exitCode == 0)
            let bytes = try await Self.extract(purging, "customer9")
            let head = try await Self.head(purging)
            let key = try String(contentsOfFile: purging.folder.file("key.pub"), encoding: .utf8)
                .trimmingCharacters(in: .whitespacesAndNewlines)
            func check(_ bytes: Data) async throws -> ProgramRun {
                let path = try purging.folder.write(String(decoding: bytes, as: UTF8.self), to: "given.json")
                return try await ProgramRun(
                    [Deployment.root + "/Tests/Oracle/extract.py", path, head, key], program: TestPython.path)
            }
            let run = try await check(bytes)
            #expect(run.exitCode == 0, "\(run.errors)")
            let parts = run.output.split(separator: "\n")
            #expect(parts.count == 2 && parts[0].contains("\"purge\"") && parts[1].contains("\"archive_expiry\""))
            let text = String(decoding: bytes, as: UTF8.self)
            for (what, with) in [("access_log", "accezs_log"), ("issued_by", "issued_bx")] {
                let run = try await check(Data(text.replacing(what, with: with).utf8))
                #expect(run.exitCode != 0, "\(what)")
            }
        }
    }

    @Test func `whatever is altered in an extract is found`() async throws {
        try await withPurging { purging in
            #expect(try await purging.purge(date: Purging.date + ["--account", "customer7"]).exitCode == 0)
            #expect(try await purging.purge().exitCode == 0)
            let bytes = Array(try await Self.extract(purging, "customer9"))
            #expect(Self.fault(bytes) == nil)
            for offset in stride(from: 0, to: bytes.count, by: 7) {
                var altered = bytes
                altered[offset] ^= 1
                #expect(Self.fault(altered) != nil, "byte \(offset) of \(bytes.count)")
            }
            let own = try CanonicalJSON.decode(CertificateExtract.self, from: String(decoding: bytes, as: UTF8.self))
            let others = try CanonicalJSON.decode(
                CertificateExtract.self,
                from: String(decoding: try await Self.extract(purging, "customer7"), as: UTF8.self))
            #expect(own.parts.count == 2 && others.parts.count == 2)
            func fault(_ faces: [String], _ parts: [CertificateExtract.Proof]) throws -> String? {
                let extract = CertificateExtract(
                    form: own.form, headSha256: SHA256Digest.hex(faces.last ?? ""), faces: faces, parts: parts)
                return Self.fault(try CanonicalJSON.encode(extract))
            }
            #expect(try fault(own.faces, own.parts) == nil)
            // A part with another's way, another's salt, of another certificate, twice, or beside another's.
            let (first, second) = (own.parts[0], own.parts[1])
            typealias Proof = CertificateExtract.Proof
            for forged in [
                Proof(certificate: 1, salt: first.salt, part: others.parts[0].part, path: first.path),
                Proof(certificate: 1, salt: others.parts[0].salt, part: first.part, path: first.path),
                Proof(certificate: 1, salt: first.salt, part: first.part, path: others.parts[0].path),
                Proof(certificate: 1, salt: second.salt, part: second.part, path: second.path),
                Proof(certificate: 2, salt: first.salt, part: first.part, path: first.path),
                Proof(certificate: 1, salt: first.salt, part: first.part, path: []),
            ] { #expect(try fault(own.faces, [forged])?.contains("not one that") == true) }
            #expect(try fault(own.faces, [first, first])?.contains("twice") == true)
            #expect(try fault(own.faces, [first, others.parts[1]])?.contains("more than one account") == true)
            #expect(try fault([own.faces[1]], [first])?.contains("and not that") == true)
            #expect(try fault(own.faces.reversed(), own.parts)?.contains("does not follow") == true)
            // A face that says something else keeps neither its parts nor the one that follows.
            let renamed = own.faces[0].replacing("\"run\" : 1", with: "\"run\" : 2")
            #expect(try renamed != own.faces[0] && fault([renamed, own.faces[1]], own.parts) != nil)
        }
    }

    @Test func `an extract of one purge is not one of another, and a head covers what was issued up to it`()
        async throws
    {
        try await withPurging { purging in
            #expect(try await purging.purge(date: Purging.date + ["--account", "customer7"]).exitCode == 0)
            let early = try await Self.head(purging)
            #expect(try await purging.purge().exitCode == 0)
            let late = try await Self.head(purging)
            let path = purging.folder.file("customer7.json")
            let first = String(
                decoding: try await Self.extract(purging, "customer7", ["--run", "1"]), as: UTF8.self)
            #expect(first.contains("\\\"run\\\" : 1,") && first.contains("\\\"account\\\" : \\\"customer7\\\""))
            for head in [early, late] {
                #expect(try await Self.check(path, ["--head", head]).exitCode == 0)
            }
            let alone = try await Self.check(path, [])
            #expect(alone.exitCode == 0 && alone.output.contains("only with --key or --head"), "\(alone.output)")
            let second = try await Self.extract(purging, "customer7", ["--run", "2"])
            #expect(String(decoding: second, as: UTF8.self) != first)
            #expect(try await Self.check(path, ["--head", late]).exitCode == 0)
            let before = try await Self.check(path, ["--head", early])
            #expect(before.exitCode == 2 && before.output.contains("is the head \(early)"), "\(before.output)")
            let both = Array(try await Self.extract(purging, "customer7"))
            #expect(
                Self.fault(both, [try WrittenHead(early, of: .certificate)])
                    == "certificate 2 was issued after every head that you gave")
            #expect(Self.fault(both, [try WrittenHead("certificate \(late) 2 now", of: .certificate)]) == nil)
            let none = try await purging.retention(["certificate", "--account", "customer7", "--run", "3"])
            #expect(none.exitCode == 64 && none.errors.hasSuffix(" about run 3; see: daybook retention list\n"))
            let nobody = try await purging.retention(["certificate", "--account", "customer77"])
            #expect(nobody.exitCode == 64 && nobody.errors.contains("There is no account"), "\(nobody.errors)")
        }
    }

    @Test func `a customer of which nothing was taken has that proved, and one who came later is told so`()
        async throws
    {
        try await withPurging { purging in
            #expect(try await purging.purge(date: Purging.date + ["--account", "customer7"]).exitCode == 0)
            let head = try await Self.head(purging)
            _ = try await Self.extract(purging, "customer9")
            let run = try await Self.check(purging.folder.file("customer9.json"), ["--head", head])
            #expect(run.exitCode == 0 && run.output.contains("it was not about it"), "\(run.output)")
            try await execute(
                """
                INSERT INTO daybook.account (user_id, slug, name, plan, currency, time_zone, retention_days,
                    monthly_fee_usd, contract_profile)
                SELECT gen_random_uuid(), 'newcomer', name, plan, currency, time_zone, retention_days, monthly_fee_usd,
                    contract_profile
                FROM daybook.account WHERE slug = 'customer9'
                """, in: purging.settings)
            let late = try await purging.retention(["certificate", "--account", "newcomer"])
            #expect(late.exitCode == 64 && late.errors.contains("nothing in it is theirs"), "\(late.errors)")
        }
    }

    @Test func `a document whose rows or salts were altered is found, though its face is not touched`() async throws {
        try await withPurging { purging in
            try await Self.hold(purging)
            #expect(try await purging.purge().exitCode == 0)
            #expect(try await purging.retention(["verify"]).exitCode == 0)
            let file = purging.certificates + "/certificate-000001.json"
            let document = try String(contentsOfFile: file, encoding: .utf8)
            let salt = try #require(document.firstMatch(of: #/"salt" : "([0-9a-f]{32})"/#)?.output.1)
            for (what, with) in [
                ("matter gamma", "matter gamna"), (String(salt), String(repeating: "0", count: 32)),
                ("\"account\" : \"customer7\"", "\"account\" : \"customer8\""),
            ] {
                let forged = document.replacing(what, with: with)
                #expect(forged != document)
                try forged.write(toFile: file, atomically: false, encoding: .utf8)
                try await execute(
                    "UPDATE daybook.retention_certificate SET document = $daybook$\(forged)$daybook$",
                    in: purging.settings)
                let run = try await purging.retention(["verify"])
                #expect(run.exitCode == 2 && run.output.contains("document in the database was altered"))
                let refused = try await purging.retention(["certificate", "--account", "customer9"])
                #expect(refused.exitCode == 65 && refused.output.isEmpty, "\(refused.errors)")
            }
        }
    }
}
