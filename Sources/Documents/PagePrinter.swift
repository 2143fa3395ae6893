package import Domain
import Foundation

/// The paper that a page is printed on, upright.
///
/// It stands in the page itself, because programs that print a page ask it first: without a size each takes the one of
/// the country that it was built in.
public enum PaperSize: String, Sendable, CaseIterable {
    case a4
    case letter

    /// As a style sheet names it.
    package var styleName: String {
        switch self {
        case .a4: "A4"
        case .letter: "letter"
        }
    }
}

/// A program that prints a page as PDF, with the same bytes from the same page: WeasyPrint, else Chromium, whichever
/// stands on the search path; Chromium alone where the page has pictures, because WeasyPrint takes none of the page's
/// styles to what is drawn in it.
package struct PagePrinter: Sendable {
    private enum Kind {
        case weasyPrint
        case chromium
    }

    /// Those of before lose lines and columns of our tables, or do not start with today's parts.
    private static let leastWeasyPrint = 63
    private static let chromiumNames = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]

    private let kind: Kind
    private let path: String
    /// Name and version, as a manifest says them.
    package let name: String

    /// Finds one. Throws `configuration` where there is none, and says what is there instead.
    ///
    /// - Parameter drawing: True where the page has pictures.
    package static func find(drawing: Bool = false) async throws -> PagePrinter {
        var tooOld = ""
        if !drawing, let path = found("weasyprint"), let version = try await version(of: path) {
            if major(version) >= leastWeasyPrint {
                return PagePrinter(kind: .weasyPrint, path: path, name: "WeasyPrint \(version)")
            }
            tooOld = "; \(path) is WeasyPrint \(version), which loses lines and columns"
        }
        for name in chromiumNames {
            if let path = found(name), let version = try await version(of: path) {
                return PagePrinter(kind: .chromium, path: path, name: "Chromium \(version)")
            }
        }
        guard !drawing else {
            throw DaybookError.configuration(
                "No program on PATH prints a page with pictures as PDF: install Chromium, or ask for the page alone"
                    + (found("weasyprint") == nil ? "." : "; WeasyPrint does not draw them as they are."))
        }
        throw DaybookError.configuration(
            "No program on PATH prints a page as PDF: install WeasyPrint \(leastWeasyPrint) or later, or Chromium, or "
                + "ask for the page alone\(tooOld).")
    }

    /// Prints a page, and gives the file.
    ///
    /// Throws `failed` with the program's own words where it prints nothing.
    ///
    /// - Parameter date: When the file is said to be made, where the program says so.
    package func print(_ page: [UInt8], date: Instant) async throws -> [UInt8] {
        try await PreviewFolder.with { folder in
            let (input, output) = ("\(folder)/page.html", "\(folder)/page.pdf")
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
            try Data(page).write(to: URL(fileURLWithPath: input))
            let child = ChildProgram(
                words(input, output, folder, date), keepsOutput: true, timeoutSeconds: Limits.printSeconds)
            let end = try await child.run(input: [])
            guard end.exitCode == 0, let printed = FileManager.default.contents(atPath: output),
                printed.starts(with: "%PDF-".utf8)
            else {
                let said = end.errors.split(whereSeparator: \.isNewline).last.map(String.init) ?? "it says nothing"
                let why = end.wasKilledByUs ? "it took more than \(Limits.printSeconds) seconds" : said
                throw DaybookError(.failed, "\(name) could not print the page: \(why.prefix(300)).")
            }
            guard kind == .chromium else { return Array(printed) }
            return try Self.dated(Array(printed), date, by: name)
        }
    }

    private func words(_ input: String, _ output: String, _ folder: String, _ date: Instant) -> [String] {
        let seconds = max(date.microseconds / 1_000_000, 0)
        switch kind {
        case .weasyPrint:
            return [
                "/usr/bin/env", "SOURCE_DATE_EPOCH=\(seconds)", path, "--quiet", "--pdf-variant", "pdf/ua-1", input,
                output,
            ]
        case .chromium:
            // The page has no script and asks for nothing; as root there is no sandbox to be had.
            return [
                path, "--headless", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
                "--no-first-run", ["--user-data-dir", "\(folder)/profile"].joined(separator: "="),
                "--no-pdf-header-footer",
                ["--print-to-pdf", output].joined(separator: "="), "file://\(input)",
            ] + (geteuid() == 0 ? ["--no-sandbox"] : [])
        }
    }

    /// The same file with another date: Chromium writes the time of the run into two places, and nothing else differs.
    static func dated(_ file: [UInt8], _ date: Instant, by name: String) throws -> [UInt8] {
        var file = file
        let digits = date.description.prefix(19).utf8.filter { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        for key in ["/CreationDate (D:", "/ModDate (D:"] {
            let key = Array(key.utf8)
            let last = file.count - key.count - digits.count
            guard digits.count == 14, last > 0,
                let place = (0..<last).first(where: { file[$0] == key[0] && file[$0...].starts(with: key) })
            else { throw DaybookError(.failed, "\(name) does not say where it dates what it prints.") }
            file.replaceSubrange((place + key.count)..<(place + key.count + digits.count), with: digits)
        }
        return file
    }

    /// Where the search path has a program.
    private static func found(_ name: String) -> String? {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        return folders.map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// What a program says of its version; nil where it does not start.
    private static func version(of path: String) async throws -> String? {
        let end = try await ChildProgram([path, "--version"], keepsOutput: true, timeoutSeconds: 60).run(input: [])
        return end.output.firstMatch(of: /[0-9]+(\.[0-9]+)+/).map { String($0.0) }
    }

    private static func major(_ version: String) -> Int { Int(version.prefix { $0 != "." }) ?? 0 }
}
