import Foundation
import Postgres
import TestSupport
import Testing

/// SLA reports as PDF files, as Chromium prints their pages.
@Suite(.timeLimit(.minutes(10))) struct SLAPDFTests {
    private static let october = ["report", "sla", "--month", "2026-10", "--no-tasks", "--quiet"]
    /// Points from the edge of a page to what is printed on it, less a point for the glyphs: 11 mm.
    private static let margin = 30.0

    /// Runs the report with Chromium alone on the search path.
    private static func run(
        _ settings: ConnectionSettings, _ arguments: [String], into folder: ScratchFolder
    ) async throws -> ProgramRun {
        let programs = try ScratchFolder()
        let path = try PDFTests.path(programs, "chromium", "/usr/bin/chromium")
        return try await ProgramRun(
            october + arguments + ["--output", folder.path, "--database", Deployment.conninfo(settings)],
            environment: path)
    }

    /// Nothing is printed in the margins, on any page, in any colour, but for a line of the foot.
    private static func expectWhiteMargins(_ path: String, _ folder: ScratchFolder) throws {
        let dots = 50.0
        try Command.run(["/usr/bin/pdftoppm", "-gray", "-r", "\(Int(dots))", path, folder.file("dots")])
        let pages = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasPrefix("dots-") }
        #expect(!pages.isEmpty)
        for page in pages {
            let image = try Data(contentsOf: URL(fileURLWithPath: folder.file(page)))
            // P5, width and height, the value of white, and then a byte a dot.
            let numbers = String(decoding: image.prefix(64), as: UTF8.self).split(whereSeparator: \.isWhitespace)
                .prefix(4).compactMap { Int($0) }
            let (width, height) = (numbers[0], numbers[1])
            let bytes = image.suffix(width * height)
            let edge = Int((margin - 1) / 72 * dots)
            var (inMargin, inside) = (0, 0)
            for (place, dot) in bytes.enumerated() where dot < 250 {
                let (row, column) = (place / width, place % width)
                let isInside =
                    (edge..<width - edge).contains(column) && (edge..<height).contains(row)
                if isInside { inside += 1 } else { inMargin += 1 }
            }
            #expect(
                inMargin == 0 && inside > 1_000, "\(path), \(page): \(inMargin) dots in its margins, \(inside) inside")
        }
    }

    @Test func `a customer's report has the same bytes twice, on at most four pages, with nothing cut`() async throws {
        try await withSample { settings in
            let arguments = ["--account", "customer1", "--format", "pdf,csv"]
            let (first, second) = (try ScratchFolder(), try ScratchFolder())
            for folder in [first, second] {
                let run = try await Self.run(settings, arguments, into: folder)
                #expect(run.exitCode == 0 && run.output.contains("sla-customer1-2026-10.pdf"), "\(run.errors)")
            }
            let name = "sla-customer1-2026-10"
            let pdf = try #require(try first.contents()[name + ".pdf"])
            #expect(pdf.starts(with: Data("%PDF-".utf8)))
            #expect(try second.contents()[name + ".pdf"] == pdf)
            let paper = try PrintedPaper(first.file(name + ".pdf"))
            #expect(paper.size == [595, 842] && (1...4).contains(paper.pages.count), "\(paper.pages.count) pages")
            #expect(paper.isWithin(margin: Self.margin), "\(paper.beyond(margin: Self.margin))")
            try Self.expectWhiteMargins(first.file(name + ".pdf"), first)
            // Every table of the page is on the paper to its last cell.
            for words in ["KranichSöhneGmbH", "Budget", "Servicecredits", "Provenance"] {
                #expect(paper.letters.replacing("&amp;", with: "").contains(words), "\(words)")
            }
            let budget = try String(contentsOfFile: first.file(name + "/budget.csv"), encoding: .utf8)
            for line in budget.split(separator: "\r\n").dropFirst() {
                for cell in line.split(separator: ",").dropFirst(3) where cell.contains(".") {
                    #expect(paper.letters.contains(cell), "\(cell) of \(line)")
                }
            }

            // It stands apart in the manifest, and nothing else is other than where nothing is printed.
            let manifest = try Self.manifest(first, name)
            let printed = try #require((manifest["printed"] as? [[String: Any]])?.first)
            let digest = try Command.run(["/usr/bin/sha256sum", first.file(name + ".pdf")])
            #expect(printed["name"] as? String == name + ".pdf" && printed["bytes"] as? Int == pdf.count)
            #expect(printed["sha256"] as? String == String(digest.prefix(64)))
            #expect((printed["program"] as? String)?.hasPrefix("Chromium ") == true)
            let plain = try ScratchFolder()
            let other = try await Self.run(settings, ["--account", "customer1", "--format", "html,csv"], into: plain)
            #expect(other.exitCode == 0)
            let unprinted = try Self.manifest(plain, name)
            #expect(unprinted["printed"] == nil)
            func listed(_ manifest: [String: Any]) throws -> Set<String> {
                let files = try #require(manifest["files"] as? [[String: Any]])
                return Set(files.map { "\($0["name"] ?? "") \($0["sha256"] ?? "")" })
            }
            #expect(try listed(unprinted) == listed(manifest))
            #expect(try listed(manifest).contains { $0.hasPrefix("\(name).html ") })
            for (file, bytes) in try plain.contents() where !file.hasSuffix("manifest.json") {
                #expect(try first.contents()[file] == bytes, "\(file)")
            }
        }
    }

    private static func manifest(_ folder: ScratchFolder, _ name: String) throws -> [String: Any] {
        let data = try Data(contentsOf: URL(fileURLWithPath: folder.file(name + "/manifest.json")))
        return try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
    }

    @Test
    func `everybody's reports are printed in one run, each on at most four pages of the paper that was asked for`()
        async throws
    {
        try await withSample { settings in
            let folder = try ScratchFolder()
            let run = try await Self.run(settings, ["--all", "--format", "pdf", "--paper", "letter"], into: folder)
            #expect(run.exitCode == 0, "\(run.errors)")
            let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter {
                $0.hasPrefix("sla-customer") && $0.hasSuffix(".pdf")
            }
            #expect(names.count == 12)
            for name in names {
                let path = folder.file(name)
                let paper = try PrintedPaper(path)
                #expect(paper.size == [612, 792] && (1...4).contains(paper.pages.count), "\(paper.pages.count) pages")
                #expect(paper.isWithin(margin: Self.margin), "\(name): \(paper.beyond(margin: Self.margin))")
                try Self.expectWhiteMargins(path, try ScratchFolder())
            }
            let wrong = try await Self.run(settings, ["--paper", "a3"], into: folder)
            #expect(wrong.exitCode == 64 && wrong.errors.contains("choose a4 or letter"), "\(wrong.errors)")
        }
    }

    @Test func `without Chromium one sentence says so, and nothing is written`() async throws {
        try await withSample { settings in
            let folder = try ScratchFolder()
            let arguments =
                Self.october + [
                    "--format", "pdf", "--output", folder.path, "--database", Deployment.conninfo(settings),
                ]
            let none = try await ProgramRun(arguments, environment: ["PATH": "/nowhere"])
            #expect(none.exitCode == 78 && none.errors.contains("install Chromium, or ask for the page alone.\n"))
            let programs = try ScratchFolder()
            let other = try await ProgramRun(
                arguments, environment: try PDFTests.path(programs, "weasyprint", PDFTests.weasyprint))
            #expect(other.exitCode == 78 && other.errors.contains("WeasyPrint does not draw them"), "\(other.errors)")
            let failing = try ScratchFolder()
            let broken = try await ProgramRun(
                arguments,
                environment: try PDFTests.path(
                    failing, "chromium",
                    "sh -c '[ \"$1\" = --version ] && echo Chromium 150.0 || { echo no fonts >&2; exit 3; }' -"))
            #expect(broken.exitCode == 1 && broken.errors.contains("could not print the page: no fonts"))
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
        }
    }
}
