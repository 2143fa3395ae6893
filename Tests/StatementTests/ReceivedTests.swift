import Codecs
import Domain
import Foundation
import Postgres
import TestSupport
import Testing

@testable import Documents
@testable import Ledger

/// `daybook report check` of what a customer has: every copy in every place counts, and what was mailed can be checked.
@Suite struct ReceivedTests {
    private static let name = "statement-customer5-2026-10"

    private static func check(_ arguments: [String]) async throws -> ProgramRun {
        try await ProgramRun(["report", "check"] + arguments, environment: ["DATABASE_URL": "host=/nowhere"])
    }

    /// A statement of customer5 and a key that signed it.
    private static func signed(_ more: [String], _ body: (StatementRuns, String) async throws -> Void) async throws {
        try await withSample { settings in
            let keys = try ScratchFolder()
            try await ProgramRun.expectingSuccess(["keys", "statement-init", keys.file("key")])
            let run = try await StatementRuns(
                settings, ["--month", "2026-10", "--account", "customer5", "--key", keys.file("key")] + more)
            try await body(run, keys.file("key.pub"))
        }
    }

    @Test func `a forged page or workbook is found beside the folder, whatever lies in it`() async throws {
        try await Self.signed([]) { run, key in
            let folder = URL(fileURLWithPath: run.folder.file(Self.name)).standardizedFileURL.path
            for ending in ["html", "xlsx"] {
                let beside = "\(folder).\(ending)"
                // A genuine copy in the folder does not vouch for another one beside it.
                let inside = "\(folder)/\(Self.name).\(ending)"
                try FileManager.default.copyItem(atPath: beside, toPath: inside)
                let both = try await Self.check([folder, "--key", key])
                #expect(both.exitCode == 0 && both.errors.contains("\(inside) is genuine"), "\(both.errors)")
                #expect(both.errors.contains("\(beside) is genuine"), "\(both.errors)")
                for (forged, genuine) in [(beside, inside), (inside, beside)] {
                    try Data("forged".utf8).write(to: URL(fileURLWithPath: forged))
                    let check = try await Self.check([folder, "--key", key])
                    #expect(check.exitCode == 65 && check.output.isEmpty, "\(check.output)")
                    #expect(check.errors.contains("\(forged) is not the file that was written"), "\(check.errors)")
                    #expect(check.errors.contains("\(genuine) is genuine"), "\(check.errors)")
                    try FileManager.default.removeItem(atPath: forged)
                    try FileManager.default.copyItem(atPath: genuine, toPath: forged)
                }
                try FileManager.default.removeItem(atPath: inside)
                try FileManager.default.removeItem(atPath: beside)
                let gone = try await Self.check([folder, "--key", key])
                #expect(gone.exitCode == 0 && gone.errors.contains(".\(ending) is not there"), "\(gone.errors)")
            }
        }
    }

    @Test func `a page of the statement's name that the manifest does not list is refused`() async throws {
        try await Self.signed(["--format", "csv"]) { run, key in
            let folder = run.folder.file(Self.name)
            #expect(try await Self.check([folder, "--key", key]).exitCode == 0)
            _ = try run.folder.write("<p>closing 1</p>", to: Self.name + ".html")
            let check = try await Self.check([folder, "--key", key])
            #expect(check.exitCode == 65 && check.errors.contains("not listed in the manifest"), "\(check.errors)")
        }
    }

    @Test func `what was mailed can be checked by who receives it, and a forgery of any of it is found`() async throws {
        let mail = ["--email", "--from", "finance@example.org", "--accept", "customer5", "--reason", "looked at"]
        try await Self.signed(mail) { run, key in
            let inbox = try ScratchFolder()
            let message = try await DeliveryTests.read(
                run.folder.file("outbox/\(Self.name).eml"), into: inbox.path)
            let names = try #require(message["names"] as? [String])
            let archive = try #require(names.first { $0.hasSuffix(".zip") })
            let received = try await Self.check([inbox.file(archive), "--key", key])
            #expect(received.exitCode == 0 && received.output.contains("is genuine and adds up"), "\(received.errors)")
            for name in names where name != archive {
                #expect(received.errors.contains("/\(name) is genuine"), "\(name): \(received.errors)")
                let bytes = try #require(FileManager.default.contents(atPath: inbox.file(name)))
                try (bytes + Data([0])).write(to: URL(fileURLWithPath: inbox.file(name)))
                let forged = try await Self.check([inbox.file(archive), "--key", key])
                #expect(
                    forged.exitCode == 65 && forged.errors.contains("is refused: \(name) is not"), "\(forged.errors)")
                // Under any other name it is checked where it is named.
                try FileManager.default.moveItem(atPath: inbox.file(name), toPath: inbox.file("renamed"))
                #expect(try await Self.check([inbox.file(archive), "--key", key]).exitCode == 0)
                let renamed = try await Self.check([inbox.file(archive), inbox.file("renamed"), "--key", key])
                #expect(
                    renamed.exitCode == 65 && renamed.errors.contains("renamed is not the file"), "\(renamed.errors)")
                try bytes.write(to: URL(fileURLWithPath: inbox.file("renamed")))
                let genuine = try await Self.check([inbox.file(archive), inbox.file("renamed"), "--key", key])
                #expect(genuine.exitCode == 0, "\(genuine.errors)")
                try FileManager.default.moveItem(atPath: inbox.file("renamed"), toPath: inbox.file(name))
            }
            // Any program opens the archive; its folder and its manifest alone are checked as well.
            try Command.run(["/usr/bin/env", "python3", "-m", "zipfile", "-e", inbox.file(archive), inbox.path])
            for named in [Self.name, Self.name + "/manifest.json"] {
                let unpacked = try await Self.check([inbox.file(named), "--key", key])
                #expect(unpacked.exitCode == 0 && unpacked.errors.contains(".xlsx is genuine"), "\(unpacked.errors)")
            }
            let alone = try ScratchFolder()
            for name in names { try FileManager.default.copyItem(atPath: inbox.file(name), toPath: alone.file(name)) }
            try FileManager.default.copyItem(
                atPath: inbox.file(Self.name + "/manifest.json"), toPath: alone.file("manifest.json"))
            let manifest = try await Self.check([alone.file("manifest.json"), "--key", key])
            #expect(manifest.exitCode == 0 && manifest.output.contains("nothing was added up"), "\(manifest.errors)")
            #expect(manifest.errors.contains(".html is genuine"), "\(manifest.errors)")
        }
    }

    @Test func `an archive with one other bit anywhere is refused`() async throws {
        let members = [
            ZipArchive.Member(name: "statement-a-2026-10/summary.csv", content: Array("line,credits\r\n".utf8)),
            ZipArchive.Member(name: "statement-a-2026-10/empty.csv", content: []),
        ]
        let archive = try ZipArchive.make(members)
        #expect(try ZipArchive.make(members) == archive)
        #expect(try ZipArchive.read(archive) == members)
        for position in archive.indices {
            var altered = archive
            altered[position] ^= 1 << UInt8(position % 8)
            // Where the compressed form of the same bytes differs, the bytes are the same; else it is refused.
            let read = try? ZipArchive.read(altered)
            #expect(read == nil || read?.map(\.content) == members.map(\.content), "\(position)")
            #expect(read == nil || read?.map(\.name) == members.map(\.name), "\(position)")
        }
        for other in [archive + [0], [0] + archive, Array(archive.dropLast()), archive + archive, []] {
            #expect(throws: DaybookError.self) { try ZipArchive.read(other) }
        }
        for name in ["../x", "/x", "a/b/c", "a//b", "", ".x", "a/..", "a\\b", "a\u{0}b"] {
            #expect(!ZipArchive.isName(name), "\(name)")
        }
    }

    @Test func `names in a manifest are names, and what they stand for is no link`() async throws {
        for name in [
            "../summary.csv", "/etc/passwd", "statement-a-2026-10/../x.csv", "statement-a-2026-10/", "a\u{0}.csv",
        ] {
            #expect(StatementFileName(name, of: "statement-a-2026-10") == nil, "\(name)")
        }
        #expect(StatementFileName("statement-a-2026-10/open_batches.csv", of: "statement-a-2026-10") != nil)
        try await withSample { settings in
            let run = try await StatementRuns(settings, ["--month", "2026-10", "--account", "customer5"])
            let folder = run.folder.file(Self.name)
            let original = try String(contentsOfFile: folder + "/manifest.json", encoding: .utf8)
            // An unsigned manifest can list anything.
            for name in ["../elsewhere.html", "\(Self.name)/../elsewhere.html", "/\(Self.name).html"] {
                try original.replacing("\"\(Self.name).html\"", with: "\"\(name)\"").write(
                    toFile: folder + "/manifest.json", atomically: false, encoding: .utf8)
                let check = try await Self.check([folder])
                #expect(
                    check.exitCode == 65 && check.errors.contains("names no file of a statement"), "\(check.errors)")
            }
            try original.write(toFile: folder + "/manifest.json", atomically: false, encoding: .utf8)
            #expect(try await Self.check([folder]).exitCode == 0)
            for path in ["\(folder).html", "\(folder)/usage.csv", "\(folder)/manifest.json"] {
                try FileManager.default.moveItem(atPath: path, toPath: path + ".away")
                try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: path + ".away")
                let check = try await Self.check([folder])
                #expect(check.exitCode == 65 && check.errors.contains("is a symbolic link"), "\(check.errors)")
                try FileManager.default.removeItem(atPath: path)
                try FileManager.default.moveItem(atPath: path + ".away", toPath: path)
            }
        }
    }

    @Test func `what is altered between writing and sending is not sent`() async throws {
        try await withSample { settings in
            let folder = try ScratchFolder()
            try await execute(
                """
                INSERT INTO daybook.statement_acceptance (user_id, sequence, month, line, credits, reason)
                SELECT user_id, 1, '2026-10-01', 'unexplained', 777, 'looked at' FROM daybook.account
                WHERE slug = 'customer5'
                """, in: settings)
            let connection = try await Connection.open(settings)
            let month = try #require(Month("2026-10"))
            let report = StatementReport(
                StatementRequest(month: month, account: "customer5"),
                settings: StatementReport.Settings(
                    definitionFolder: Deployment.root + "/reports",
                    templates: try TemplateSet(folders: [Deployment.root + "/templates"]), output: folder.path,
                    formats: ReportFormat.standard, key: nil, programVersion: "test"))
            let outcomes = try await report.run(connection)
            let letter = try LetterTemplate(name: "statement", folders: [Deployment.root + "/templates"])
            let items = StatementMail(month: month, from: "finance@example.org", letter: letter).items(outcomes)
            let delivery = try MailDelivery(
                month: month, channel: .outbox(folder.file("outbox"), .ownerOnly), from: "finance@example.org",
                isForced: false)
            for file in ["\(Self.name).html", "\(Self.name)/summary.csv"] {
                let bytes = try #require(FileManager.default.contents(atPath: folder.file(file)))
                try (bytes + Data([10])).write(to: URL(fileURLWithPath: folder.file(file)))
                let refused = await delivery.run(items, connection)
                #expect((refused.failure as? DaybookError)?.kind == .badData, "\(refused)")
                try bytes.write(to: URL(fileURLWithPath: folder.file(file)))
            }
            #expect(!FileManager.default.fileExists(atPath: folder.file("outbox")))
            let sent = await delivery.run(items, connection).all
            #expect(sent.count == 1)
            guard case .handedOver = sent.first?.standing else {
                Issue.record("\(sent)")
                return
            }
            await connection.close()
        }
    }
}
