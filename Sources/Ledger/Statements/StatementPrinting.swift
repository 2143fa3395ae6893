import Documents
import Domain
import Foundation

/// Prints the pages of statements as PDF, when all of them are written.
struct StatementPrinting {
    private let settings: StatementReport.Settings
    private let printer: PagePrinter

    /// Throws `configuration` where no program prints pages.
    init(_ settings: StatementReport.Settings) async throws {
        self.settings = settings
        printer = try await PagePrinter.find()
    }

    /// Prints each page beside it. An open month's manifest then names the file, apart from those that are chained and
    /// kept; a closed month's is what was closed, and names none.
    func print(
        _ statements: [StatementRun.Statement], from staging: StagingFolder, progress: (String) -> Void
    ) async throws {
        for (index, statement) in statements.enumerated() {
            progress("printing pages, \(index + 1) of \(statements.count)")
            let outputs = statement.outputs
            let path = staging.file("\(outputs.baseName).\(ReportFormat.html.rawValue)")
            guard let page = FileManager.default.contents(atPath: path) else {
                throw OutputError.cannotWrite(path, ENOENT)
            }
            let file = try outputs.writePrinted(
                try await printer.print(Array(page), date: statement.subject.period.end))
            guard !statement.outcome.isClosed else { continue }
            var manifest = statement.manifest
            manifest.signature = nil
            manifest.printed = [
                StatementManifest.Printed(
                    name: file.name, sha256: file.sha256, bytes: file.bytes, program: printer.name)
            ]
            try outputs.writeManifest(try (settings.key.map { try manifest.signed(with: $0) } ?? manifest).json())
        }
    }
}
