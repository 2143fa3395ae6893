import Foundation
import Postgres
import TestSupport
import Testing

/// A statement on paper, as Chromium and WeasyPrint print its page: nothing is cut.
@Suite struct PrintTests {
    private static let october = ["--month", "2026-10"]
    /// Points from the edge of a page to what is printed on it, less a point for the glyphs: 13 mm.
    private static let margin = 36.0
    /// `DAYBOOK_PRINTS=all` prints every statement of the sample, else every fourth.
    private static let step = ProcessInfo.processInfo.environment["DAYBOOK_PRINTS"] == "all" ? 1 : 4

    @Test func `statements of the sample fit on their paper, in WeasyPrint`() async throws {
        try await withSample { settings in
            let run = try await StatementRuns(settings, Self.october + ["--all", "--format", "html,csv"])
            let names = try FileManager.default.contentsOfDirectory(atPath: run.folder.path)
                .filter { $0.hasSuffix(".html") }.sorted()
            #expect(names.count == 12)
            let printed = stride(from: 0, to: names.count, by: Self.step).map { names[$0] }
            try await Self.weasyprint(printed.map(run.folder.file))
            for name in printed {
                let paper = try PrintedPaper(run.folder.file(name) + ".pdf")
                #expect(paper.isWithin(margin: Self.margin), "\(name): \(paper.beyond(margin: Self.margin))")
                #expect(paper.size == [595, 842], "\(name) is \(paper.size)")
                try Self.expectWhole(paper, run, String(name.dropLast(5)))
            }
        }
    }

    @Test func `the statement fits on its paper in Chromium, whatever an application wrote`() async throws {
        try await withSample { settings in
            try await execute(Self.unbroken, in: settings)
            let run = try await StatementRuns(
                settings, Self.october + ["--account", "customer5", "--format", "html,csv"])
            let page = run.folder.file("statement-customer5-2026-10.html")
            try await Self.chromium(page, profile: run.folder.file("browser"))
            try await Self.weasyprint([page])
            for path in [page + ".chromium.pdf", page + ".pdf"] {
                let paper = try PrintedPaper(path)
                #expect(paper.isWithin(margin: Self.margin), "\(path): \(paper.beyond(margin: Self.margin))")
                #expect(paper.size == [595, 842], "\(path) is \(paper.size)")
                try Self.expectWhole(paper, run, "statement-customer5-2026-10")
            }
        }
    }

    @Test func `the paper is the one that was asked for, in either program`() async throws {
        try await withSample { settings in
            let run = try await StatementRuns(
                settings, Self.october + ["--account", "customer2", "--format", "html,csv", "--paper", "letter"])
            let page = run.folder.file("statement-customer2-2026-10.html")
            try await Self.chromium(page, profile: run.folder.file("browser"))
            try await Self.weasyprint([page])
            for path in [page + ".chromium.pdf", page + ".pdf"] {
                let paper = try PrintedPaper(path)
                #expect(paper.size == [612, 792], "\(path) is \(paper.size)")
                #expect(paper.isWithin(margin: Self.margin), "\(path): \(paper.beyond(margin: Self.margin))")
            }
            let wrong = try await daybook(
                settings,
                ["report", "statement", "--month", "2026-10", "--account", "customer2", "--paper", "a3"])
            #expect(wrong.exitCode == 64 && wrong.errors.contains("choose a4 or letter"), "\(wrong.errors)")
        }
    }

    @Test func `the first page says all of it, and the packages begin the second`() async throws {
        try await withSample { settings in
            try await execute(
                """
                UPDATE daybook.account SET billing_name = 'Ostrich Foods Europe B.V.',
                    billing_address = E'Accounts payable\\nKade 12\\n1011 AB Amsterdam\\nThe Netherlands',
                    vat_id = 'NL001234567B01', reference = 'PO 4711' WHERE slug = 'customer5'
                """, in: settings)
            let run = try await StatementRuns(
                settings,
                Self.october + [
                    "--account", "customer5", "--format", "html,csv", "--issuer", "Kestrel Frames GmbH, Berlin",
                    "--issuer-vat-id", "DE123456789",
                ])
            let page = run.folder.file("statement-customer5-2026-10.html")
            try await Self.weasyprint([page])
            let text = try Command.run(["/usr/bin/pdftotext", "-layout", page + ".pdf", "-"])
            let pages = text.split(separator: "\u{C}").map { page in
                page.split(whereSeparator: \.isWhitespace).joined(separator: " ")
            }
            for text in [
                "NOT AN INVOICE.", "Kestrel Frames GmbH, Berlin", "VAT id DE123456789", "Ostrich Foods Europe B.V.",
                "1011 AB Amsterdam", "VAT id NL001234567B01", "PO 4711", "customer5-2026-10", "1 to 31 October 2026",
                "America/Los_Angeles (UTC−07:00)", "Total 253 18,290 348.38", "Due by invoice for this month 900.00",
                // The month before stands beside: it opened and closed with so much.
                "1,832,600 0 1,832,600 1,305,700", "Closing balance 1,814,310 0 1,814,310 1,832,600",
            ] { #expect(pages[0].contains(text), "\(text) is not in \(pages[0])") }
            #expect(pages[1].hasPrefix("Packages") && pages[2].hasPrefix("Annex"), "\(pages[1].prefix(80))")
            #expect(!pages[0].contains("Packages"))
        }
    }

    /// Names without a blank, as long as the tables take them.
    private static let unbroken = """
        UPDATE public.batch_jobs SET request_id = repeat('W', 100) || right(id::text, 12);
        UPDATE public.credit_ledger SET ref_id = repeat('M', 120) WHERE type = 'purchase';
        UPDATE public.enterprise_api_keys SET name = repeat('W', 200);
        UPDATE daybook.account SET billing_name = repeat('W', 120), billing_address = repeat('W', 120);
        """

    /// Every entry, every batch and its difference can be read on the paper.
    private static func expectWhole(_ paper: PrintedPaper, _ run: StatementRuns, _ name: String) throws {
        // The id of a batch may be broken where it has to be; that of an entry never is.
        let letters = paper.letters
        for table in ["entries", "batches", "open_batches"] {
            let ids = try run.records(name, table).dropFirst().map {
                table == "entries" ? $0[0] : String($0[0].prefix(8))
            }
            #expect(ids.allSatisfy { letters.contains($0) }, "\(name): \(table)")
        }
    }

    private static func weasyprint(_ pages: [String]) async throws {
        let script = "import sys, weasyprint\nfor p in sys.argv[1:]: weasyprint.HTML(p).write_pdf(p + '.pdf')"
        try await ProgramRun.expectingSuccess(["-c", script] + pages, program: TestPython.path)
    }

    private static func chromium(_ page: String, profile: String) async throws {
        try await ProgramRun.expectingSuccess(
            [
                "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--user-data-dir=\(profile)",
                "--no-pdf-header-footer", "--print-to-pdf=\(page).chromium.pdf", "file://\(page)",
            ], program: "/usr/bin/chromium")
    }
}

/// The words of a PDF file and where they stand, as Poppler finds them.
struct PrintedPaper {
    struct Word {
        let text: String
        let left: Double
        let right: Double
    }

    /// Width and height of its pages, in whole points; of all of them the same.
    let size: [Int]
    let pages: [[Word]]
    private let width: Double

    init(_ path: String) throws {
        let text = try Command.run(["/usr/bin/pdftotext", "-bbox", path, "-"])
        var pages: [[Word]] = []
        var sizes: Set<[Int]> = []
        var width = 0.0
        for line in text.split(separator: "\n") {
            if let page = line.firstMatch(of: /<page width="([0-9.]+)" height="([0-9.]+)">/) {
                pages.append([])
                width = Double(page.1) ?? 0
                sizes.insert([Int(width.rounded()), Int((Double(page.2) ?? 0).rounded())])
            } else if let word = line.firstMatch(of: /<word xMin="([-0-9.]+)".* xMax="([-0-9.]+)".*>(.*)<\/word>/) {
                pages[pages.count - 1].append(
                    Word(text: String(word.3), left: Double(word.1) ?? 0, right: Double(word.2) ?? .infinity))
            }
        }
        guard let size = sizes.first, sizes.count == 1 else { throw TestSupportError("\(path) has pages of \(sizes)") }
        self.size = size
        self.pages = pages
        self.width = width
    }

    /// Everything that is printed, without blanks.
    var letters: String { pages.flatMap { $0.map(\.text) }.joined() }

    func isWithin(margin: Double) -> Bool { beyond(margin: margin).isEmpty }

    /// The words that are not all on the page between its margins.
    func beyond(margin: Double) -> [String] {
        pages.flatMap { $0 }.filter { $0.left < margin || $0.right > width - margin }.map { word in
            "\(word.text) from \(word.left) to \(word.right)"
        }
    }
}
