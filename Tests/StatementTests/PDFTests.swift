import Foundation
import Postgres
import TestSupport
import Testing

/// The page as a PDF file, by whichever program stands on the search path.
@Suite struct PDFTests {
    private static let name = "statement-customer5-2026-10"
    private static let october = ["--month", "2026-10", "--account", "customer5"]
    /// What a program that is tried needs of the system, and none that prints.
    private static let bare = "/nowhere"

    /// A folder with one program in it, under the name by which it is looked for.
    static func path(_ folder: ScratchFolder, _ name: String, _ program: String) throws -> [String: String] {
        let place = folder.file(name)
        try "#!/bin/sh\nPATH=/usr/bin:/bin exec \(program) \"$@\"\n".write(
            toFile: place, atomically: false, encoding: .utf8)
        guard chmod(place, 0o755) == 0 else { throw TestSupportError("\(place) cannot be made a program") }
        return ["PATH": folder.path]
    }

    static var weasyprint: String {
        (TestPython.path as NSString).deletingLastPathComponent + "/python -m weasyprint"
    }

    @Test(arguments: [("weasyprint", "WeasyPrint 70.0"), ("chromium", "Chromium ")])
    func `a PDF has the same bytes twice, and stands apart in the manifest`(
        _ program: (name: String, says: String)
    )
        async throws
    {
        try await withSample { settings in
            let folder = try ScratchFolder()
            let path = try Self.path(
                folder, program.name, program.name == "chromium" ? "/usr/bin/chromium" : Self.weasyprint)
            let arguments = Self.october + ["--format", "pdf,csv"]
            let first = try await StatementRuns(settings, arguments, environment: path)
            let second = try await StatementRuns(settings, arguments, environment: path)
            let pdf = try #require(try first.folder.contents()[Self.name + ".pdf"])
            #expect(pdf.starts(with: Data("%PDF-".utf8)))
            #expect(try second.folder.contents()[Self.name + ".pdf"] == pdf)
            let manifest = try String(contentsOfFile: first.folder.file(Self.name + "/manifest.json"), encoding: .utf8)
            #expect(manifest.contains("\"printed\"") && manifest.contains(program.says), "\(manifest)")
            // The figures' digest and the chain are those of a statement of which nothing was printed.
            let plain = try await StatementRuns(settings, Self.october + ["--format", "html,csv"])
            let other = try String(contentsOfFile: plain.folder.file(Self.name + "/manifest.json"), encoding: .utf8)
            func chain(_ text: String) -> [Substring] {
                text.split(separator: "\n").filter { $0.contains("statement_sha256") || $0.contains("\"hash\"") }
            }
            #expect(!chain(other).isEmpty && chain(manifest) == chain(other) && !other.contains("\"printed\""))
            // What came with it is genuine, a changed copy is not.
            let file = first.folder.file(Self.name + ".pdf")
            let genuine = try await ProgramRun(["report", "check", first.folder.file(Self.name), file])
            #expect(genuine.exitCode == 0, "\(genuine.errors)")
            try (pdf + Data("%".utf8)).write(to: URL(fileURLWithPath: file))
            let altered = try await ProgramRun(["report", "check", first.folder.file(Self.name), file])
            #expect(altered.exitCode == 65)
        }
    }

    @Test func `a closed month is printed from the page that was kept, and its manifest stays`() async throws {
        try await withSample { settings in
            let folder = try ScratchFolder()
            let path = try Self.path(folder, "weasyprint", Self.weasyprint)
            #expect(try await closing(settings, ["2026-10", "--account", "customer5", "--quiet"]).exitCode == 0)
            let kept = try await StatementRuns(settings, Self.october)
            let printed = try await StatementRuns(settings, Self.october + ["--format", "pdf"], environment: path)
            let (before, after) = (try kept.folder.contents(), try printed.folder.contents())
            #expect(after[Self.name + ".pdf"] != nil)
            for (file, bytes) in before where !file.hasSuffix(".xlsx") { #expect(after[file] == bytes, "\(file)") }
        }
    }

    @Test func `without a program that prints, one sentence says which there are, and nothing is written`() async throws
    {
        try await withSample { settings in
            let folder = try ScratchFolder()
            let arguments =
                ["report", "statement", "--quiet", "--output", folder.path, "--format", "pdf"] + Self.october
                + ["--database", Deployment.conninfo(settings)]
            let none = try await ProgramRun(arguments, environment: ["PATH": Self.bare])
            #expect(none.exitCode == 78 && none.errors.contains("install WeasyPrint 63 or later, or Chromium"))
            let programs = try ScratchFolder()
            let old = try Self.path(programs, "weasyprint", "echo WeasyPrint version 57.2 #")
            let tooOld = try await ProgramRun(arguments, environment: old)
            #expect(tooOld.exitCode == 78 && tooOld.errors.contains("is WeasyPrint 57.2, which loses lines"))
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
            let failing = try ScratchFolder()
            let broken = try Self.path(
                failing, "weasyprint",
                "sh -c '[ \"$1\" = --version ] && echo WeasyPrint 70.0 || { echo no pango >&2; exit 3; }' -")
            let run = try await ProgramRun(arguments, environment: broken)
            #expect(run.exitCode == 1 && run.errors.contains("could not print the page: no pango"), "\(run.errors)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
            let custom = try await ProgramRun(
                ["report", "run", "failures", "--param", "month=2026-10", "--format", "pdf"])
            #expect(custom.exitCode == 64 && custom.errors.contains("pdf is a form of statements and SLA reports"))
        }
    }
}
