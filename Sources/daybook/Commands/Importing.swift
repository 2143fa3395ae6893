import Domain
import Schema

/// What every import command does.
enum Importing {
    static func run(
        _ kind: ImportKind, file: String, releaseReason: String? = nil, termsFrom: Month? = nil,
        database: DatabaseOptions
    ) async throws {
        let outcome = try await database.withConnection { connection in
            try await CSVImport(
                kind, file: ImportFile(path: file), releaseReason: releaseReason, termsFrom: termsFrom
            ).run(connection)
        }
        Terminal.show(
            "\(kind.rawValue): \(outcome.read) rows read, \(outcome.added) added, \(outcome.changed) changed, "
                + "\(outcome.unchanged) already there")
        for change in outcome.terms {
            Terminal.show(
                "\(change.slug): new terms from \(change.from) on"
                    + (change.until.map { ", until those recorded from \($0) on" } ?? ""))
        }
    }
}
