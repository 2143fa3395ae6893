import Foundation
import TestSupport
import Testing

/// What the page of the SLA report explains, draws and prints.
@Suite struct SLAPageTests {
    private static func page(_ report: SLARun, _ name: String = "sla-2026-10") throws -> String {
        String(decoding: try report.folder.contents()["\(name).html"] ?? Data(), as: UTF8.self)
    }

    /// A part of the page without its tags: words and numbers, with one blank between them.
    private static func words(_ page: String, from start: String, to end: String) throws -> String {
        let first = try #require(page.range(of: start), "\(start)")
        let last = try #require(page.range(of: end, range: first.upperBound..<page.endIndex), "\(end)")
        return String(page[first.upperBound..<last.lowerBound]).replacing(/<[^>]*>/, with: " ").replacing(
            /\s+/, with: " ")
    }

    @Test func `the summary says in words what was promised, what was attained and how that changed`() async throws {
        try await withSample { settings in
            let report = try await SLARun(settings, ["--month", "2026-10", "--no-tasks"])
            let summary = try Self.words(try Self.page(report), from: "<tbody role=\"rowgroup\">", to: "</tbody>")
            #expect(summary.contains("Automatic refund all within 5 min 95.1612 % 59 of 62 refunds"), "\(summary)")
            #expect(summary.contains("Completion, Sora-2 95 % within 120 s 92.5547 % 1,902 of 2,055 tasks"))
            #expect(summary.contains("Availability, batch-api 99.9 % of all minutes 99.9193 % 36 of 44,640 min down"))
            // The trend has the month before: what differs is what stands there.
            let before = try report.lines("trend").first { $0.hasPrefix("completion,sora-2,2026-09,") }
            let attained = try #require(before?.components(separatedBy: ",")[6])
            #expect(attained == "86.5706" && summary.contains("tasks +5.9841 points since September breach"))
        }
    }

    @Test func `minutes that nobody monitored are said where they could have broken what is kept`() async throws {
        try await withSample { settings in
            let report = try await SLARun(settings, ["--month", "2026-10", "--account", "customer0", "--no-tasks"])
            let page = try Self.page(report, "sla-customer0-2026-10")
            let summary = try Self.words(page, from: "<tbody role=\"rowgroup\">", to: "</tbody>")
            #expect(summary.contains("min down; 244 min not monitored, at worst 99.3727 %"), "\(summary)")
            // A model is drawn alike wherever it is drawn, and no component like a model.
            func style(_ name: String, in chart: String) throws -> String? {
                let figure = try #require(page.range(of: "<figure id=\"\(chart)\">"))
                let end = try #require(page.range(of: "</figure>", range: figure.upperBound..<page.endIndex))
                let lines = page[figure.upperBound..<end.lowerBound].components(separatedBy: "<g class=\"").dropFirst()
                return lines.first { $0.contains(">\(name)</text>") }.map { String($0.prefix(2)) }
            }
            for (model, expected) in [("sora-2", "s1"), ("veo-flash", "s2"), ("veo-pro", "s3")] {
                #expect(try style(model, in: "chart-budget") == expected)
                #expect(try style(model, in: "chart-completion") == expected)
            }
            #expect(try style("batch-api", in: "chart-budget") == "s6")
            #expect(try style("batch-api", in: "chart-availability") == "s6")
        }
    }

    @Test func `who has the most broken promises stands first among the customers`() async throws {
        try await withSample { settings in
            let report = try await SLARun(settings, ["--month", "2026-10", "--no-tasks"])
            let table = try Self.page(report).components(separatedBy: "<caption>Customer by customer</caption>")[1]
            let names = table.components(separatedBy: "</table>")[0].components(separatedBy: "<tr>").dropFirst(2).map {
                $0.matches(of: /<bdi>([^<]*)<\/bdi>/).first.map { String($0.1) } ?? ""
            }
            let order = names.reduce(into: [String]()) { if $0.last != $1 { $0.append($1) } }
            #expect(order.count == Set(names).count && order.count == 11, "\(names)")
            let counts = order.map { name in names.count { $0 == name } }
            #expect(counts == counts.sorted(by: >) && counts[0] > counts[10], "\(counts)")
        }
    }

    @Test func `a card says how many failed, why, when and whose they were, and links to what it names`() async throws {
        try await withSample { settings in
            let report = try await SLARun(settings, ["--month", "2026-10"])
            let page = try Self.page(report)
            let card = try Self.words(page, from: "id=\"promise-2\"", to: "</article>")
            #expect(card.contains("153 tasks did not succeed in time; the target allows 102, so 51 too many."))
            let tasks = try report.lines("tasks").map { $0.components(separatedBy: ",") }.filter { $0[2] == "sora-2" }
            let late = tasks.count { $0[11] == "late" }, timedOut = tasks.count { $0[11] == "timed_out" }
            let charged = "Succeeded, but after the limit; delivered and charged \(late) ("
            #expect(late > 0 && card.contains(charged), "\(card)")
            #expect(timedOut > 0 && card.contains("Timed out \(timedOut) ("))
            // Shares are rounded, not cut off: 80 of 153.
            #expect(card.contains("charged \(late) (\((200 * late + 153) / 306) %)"))
            let causes = try Self.words(card, from: "Why", to: "Worst days")
            let shares = causes.matches(of: /\(([0-9]+) %\)/).compactMap { Int($0.1) }
            #expect((99...101).contains(shares.reduce(0, +)), "\(causes)")
            let bad: Set = ["late", "failed", "timed_out", "cancelled_late", "in_flight_over"]
            let byBatch = Dictionary(grouping: tasks.filter { bad.contains($0[11]) }, by: { $0[3] })
            let worst = try #require(byBatch.mapValues(\.count).max { ($0.value, $1.key) < ($1.value, $0.key) })
            #expect(card.contains("Worst batches \(worst.key)"))
            // What is not listed is counted, and adds up with what is.
            let shown = byBatch.values.map(\.count).sorted(by: >).prefix(5).reduce(0, +)
            #expect(card.contains("and \(byBatch.count - 5) more batches, with \(153 - shown) together"))
            let days = try Self.words(card, from: "Worst days", to: "together")
            let counted = days.matches(of: /(?:October|more days, with) ([0-9]+)/).compactMap { Int($0.1) }
            #expect(counted.count == 6 && counted.reduce(0, +) == 153, "\(days)")
            #expect(card.contains("this promise gives none"))
            #expect(page.contains("844 tasks that ended without an instant of their own"))
            // A refund that did not come in time is a link to its row.
            let refunds = try Self.words(page, from: "id=\"promise-1\"", to: "</article>")
            #expect(refunds.contains("Came after the deadline 2 Did not come 1"))
            let links = Set(page.matches(of: /href="#([^"]*)"/).map { String($0.1) })
            #expect(links.contains("refund-exceptions-1") && links.count > 20)
            for link in links { #expect(page.contains("id=\"\(link)\""), "\(link) leads nowhere") }
        }
    }

    @Test func `what is drawn by day is what the drill-down lists, by the days of the customer's zone`() async throws {
        try await withSample { settings in
            let report = try await SLARun(settings, ["--month", "2026-10", "--account", "customer1"])
            let script = """
                import collections, csv, datetime, re, sys, zoneinfo
                page = open(sys.argv[1], encoding='utf-8').read()
                zone = zoneinfo.ZoneInfo('Europe/Berlin')
                names = {'good': 'Good', 'late': 'Late', 'failed': 'Failed', 'timed_out': 'Timed out',
                         'excluded': 'Excluded', 'undetermined': 'Undetermined'}
                told = collections.Counter()
                for task in csv.DictReader(open(sys.argv[2], encoding='utf-8-sig')):
                    at = task['dispatched_at'] or task['accepted_at']
                    day = datetime.datetime.fromisoformat(at).astimezone(zone)
                    told[task['model'], day.strftime('%a ') + str(day.day), names[task['class']]] += 1
                drawn = collections.Counter()
                for number, model in enumerate(['sora-2', 'veo-flash', 'veo-pro'], 1):
                    part = page.split(f'id="completion-by-day-{number}"')[1].split('<table>')[1].split('</table>')[0]
                    heads = re.findall(r'<th scope="col"[^>]*>(.*?)</th>', part)
                    for row in re.findall(r'<tr>(<th scope="row".*?)</tr>', part):
                        cells = re.findall(r'<bdi>(.*?)</bdi>', row)
                        for head, cell in zip(heads[1:], cells[1:]):
                            drawn[model, cells[0], head] += int(cell.replace(',', ''))
                drawn = +drawn
                assert drawn == told, (drawn - told, told - drawn)
                print(sum(drawn.values()))
                """
            let counted = try Command.run([
                TestPython.path, "-c", script, report.folder.file("sla-customer1-2026-10.html"),
                try report.csvFolder() + "/tasks.csv",
            ])
            #expect(Int(counted.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0 > 400)
        }
    }

    @Test func `outages are listed with start, length and whether they were announced`() async throws {
        try await withSample { settings in
            let report = try await SLARun(settings, ["--month", "2026-10", "--no-tasks", "--format", "html"])
            let outages = try Self.words(try Self.page(report), from: "id=\"outages\"", to: "</table>")
            #expect(
                outages.contains(
                    "batch-api 14 October 2026, 03:10 31 min no batch-api 20 October 2026, 12:02 6 min yes, in time: "
                        + "not counted batch-api 27 October 2026, 18:00 5 min no "
                        + "batch-api 27 October 2026, 18:05 4 min yes"
                ),
                "\(outages)")
            let calendar = try Self.words(try Self.page(report), from: "id=\"calendar\"", to: "</figure>")
            #expect(calendar.contains("Wed 14: 31 min down") && calendar.contains("Thu 15: up all day"))
        }
    }

    @Test func `every picture has its title, its role and its numbers, and no column of the page is empty`()
        async throws
    {
        try await withSample { settings in
            let report = try await SLARun(settings, ["--month", "2026-10", "--account", "customer1", "--no-tasks"])
            let page = try Self.page(report, "sla-customer1-2026-10")
            let pictures = page.components(separatedBy: "<svg ").dropFirst()
            #expect(pictures.count >= 9)
            for picture in pictures {
                #expect(picture.contains(/^[^>]*role="img"[^>]*>\s*<title id="[^"]+">[^<]+<\/title>/))
                let numbers = try #require(picture.range(of: "The numbers of this chart"))
                #expect(picture[numbers.upperBound...].contains("<td"))
            }
            #expect(!page.contains(">customer1</bdi></t") && page.contains("Kranich &amp; Söhne GmbH"))
            #expect(!page.contains("href=\"\"") && !page.contains("id=\"\""))
            // The one clock that judges.
            let completion = try Self.words(page, from: "<section id=\"completion\"", to: "</section>")
            #expect(completion.contains(" dispatch ") && !completion.contains(" accept "))
        }
    }

    @Test func `pages pass axe-core in light and dark, wide and on a phone, and a customer's is printed on four pages`()
        async throws
    {
        try await withSample { settings in
            let report = try await SLARun(
                settings, ["--month", "2026-10", "--account", "customer1", "--no-tasks", "--format", "html"])
            let page = report.folder.file("sla-customer1-2026-10.html")
            let checked = try await ProgramRun(
                [Deployment.root + "/scripts/check-page", page], program: TestPython.path)
            #expect(checked.exitCode == 0, "\(checked.output)\(checked.errors)")
            #expect(checked.output.hasSuffix("1 pages in 4 sights, 0 violations\n"))
            let paper = report.folder.file("page.pdf")
            let printed = try await ProgramRun(
                [
                    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                    "--user-data-dir=\(report.folder.file("browser"))", "--no-pdf-header-footer",
                    "--print-to-pdf=\(paper)", "file://\(page)",
                ], program: "/usr/bin/chromium")
            #expect(printed.exitCode == 0)
            let facts = try Command.run(["/usr/bin/pdfinfo", paper])
            let pages = facts.firstMatch(of: /Pages:\s+(\d+)/).flatMap { Int($0.1) }
            #expect((1...4).contains(try #require(pages)), "\(facts)")
            #expect(facts.contains("A4"))
        }
    }
}
