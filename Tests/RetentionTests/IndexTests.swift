import Foundation
import TestSupport
import Testing

@testable import Retention

/// Certificates of before there were parts: they keep their bytes, and the next one that is issued divides them.
@Suite struct IndexTests {
    /// Makes every certificate what an older program would have issued: no parts, and the chain over the documents.
    private static func age(_ purging: Purging) async throws {
        try await execute(
            """
            UPDATE daybook.retention_certificate SET face = NULL, document = regexp_replace(
                regexp_replace(document, E'  "divided" : \\\\{\\n.*?\\n  \\\\},\\n', ''),
                E',\\n      "user_id" : "[^"]*"\\n    \\\\}', E'\\n    }', 'g');
            DO $$
            DECLARE
                v_row daybook.retention_certificate;
                v_previous text := repeat('0', 64);
            BEGIN
                FOR v_row IN SELECT * FROM daybook.retention_certificate ORDER BY sequence LOOP
                    v_row.document := replace(v_row.document, v_row.previous_sha256, v_previous);
                    UPDATE daybook.retention_certificate
                    SET document = v_row.document, previous_sha256 = v_previous,
                        sha256 = encode(sha256(convert_to(v_row.document, 'UTF8')), 'hex')
                    WHERE sequence = v_row.sequence RETURNING sha256 INTO v_previous;
                END LOOP;
            END $$
            """, in: purging.settings)
        let rows = try await purging.lines(
            "SELECT sequence, replace(document, E'\\n', '§') FROM daybook.retention_certificate ORDER BY sequence")
        for row in rows {
            let parts = row.split(separator: "|", maxSplits: 1).map(String.init)
            #expect(!parts[1].contains("divided") && !parts[1].contains("user_id"))
            let path = purging.certificates + "/certificate-00000\(parts[0])"
            try parts[1].replacing("§", with: "\n").write(toFile: path + ".json", atomically: false, encoding: .utf8)
            try FileManager.default.removeItem(atPath: path + ".html")
        }
        // What is missing in the folder is written again, from the chain.
        let resumed = try await purging.retention(["purge", "--resume"] + purging.places)
        #expect(resumed.exitCode == 0, "\(resumed.errors)")
    }

    private static func hold(_ purging: Purging, _ slug: String, _ matter: String) async throws {
        let added = try await purging.retention(
            ["hold", "add", "--account", slug, "--matter", matter, "--requested-by", "counsel"])
        #expect(added.exitCode == 0, "\(added.errors)")
    }

    @Test func `certificates without parts verify as before, and are divided by the next one`() async throws {
        try await withPurging { purging in
            try await Self.hold(purging, "customer9", "matter delta")
            try await Self.hold(purging, "customer7", "matter gamma")
            #expect(try await purging.purge(date: ["--as-of", "2026-09-05"]).exitCode == 0)
            #expect(try await purging.purge(date: ["--as-of", "2026-10-05"]).exitCode == 0)
            try await Self.age(purging)
            let verified = try await purging.retention(["verify"])
            #expect(verified.exitCode == 0, "\(verified.output)")
            let old = try await purging.retention(["certificate", "--account", "customer9"])
            #expect(old.exitCode == 65 && old.errors.contains("without the names of all others"), "\(old.errors)")
            #expect(try await purging.retention(["list"]).output.contains("without parts"))

            let purged = try await purging.purge()
            #expect(purged.exitCode == 0 && purged.output.contains("Certificate 4,"), "\(purged.errors)")
            #expect(
                try await purging.lines(
                    "SELECT kind, face IS NULL FROM daybook.retention_certificate ORDER BY sequence")
                    == ["purge|t", "purge|t", "index|f", "purge|f"])
            let after = try await purging.retention(["verify"])
            #expect(after.exitCode == 0, "\(after.output)")
            #expect(try await purging.retention(["list"]).output.contains("divided by 3"))

            let file = purging.folder.file("extract.json")
            let extracted = try await purging.retention(["certificate", "--account", "customer9", "--output", file])
            #expect(extracted.exitCode == 0 && extracted.errors.isEmpty, "\(extracted.errors)")
            let text = try String(contentsOfFile: file, encoding: .utf8)
            #expect(text.contains("delta") && !text.contains("gamma") && !text.contains("customer7"))
            let checked = try await ProgramRun(["retention", "verify", "--extract", file])
            #expect(checked.exitCode == 0 && checked.output.contains("this of customer9, and"), "\(checked.output)")
            let parts = try purging.parts(text)
            // Two of the index, and that of the last purge.
            #expect(parts.map(\.certificate) == [1, 2, 4] && parts.map(\.run) == [1, 2, 3])
            #expect(parts.allSatisfy { $0.kind == .purge && $0.account == "customer9" && $0.holds.count == 1 })
            let one = try await purging.retention(["certificate", "--account", "customer9", "--run", "1"])
            #expect(one.exitCode == 0, "\(one.errors)")
            #expect(try purging.parts(one.output).map(\.certificate) == [1])
        }
    }

    @Test func `an index that says something else than the certificate it divides is found`() async throws {
        try await withPurging { purging in
            #expect(try await purging.purge(date: ["--as-of", "2026-10-05"]).exitCode == 0)
            try await Self.age(purging)
            #expect(try await purging.purge().exitCode == 0)
            #expect(try await purging.retention(["verify"]).exitCode == 0)
            // Whoever may write to the database makes the index anew, root, face and digests.
            try await purging.reissue(2) { document in
                document.replacing(#/"is_covered" : true,\n(\s+)"kind" : "purge"/#) {
                    "\"is_covered\" : false,\n\($0.output.1)\"kind\" : \"purge\""
                }
            }
            let run = try await purging.retention(["verify"])
            #expect(run.exitCode == 2 && run.output.contains("is not what that says"), "\(run.output)")
            #expect(!run.output.contains("certificate 2  its document in the database"), "\(run.output)")
        }
    }
}
