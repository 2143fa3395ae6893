import Domain
import Foundation

/// What a message carries of a statement: workbook, page, and an archive of the CSV files with the manifest, by which
/// whoever receives them can check all three.
struct StatementAttachments {
    let all: [MailMessage.Attachment]

    private static let archiveType = "application/zip"
    private static let types: [ReportFormat: String] = [
        .xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", .html: "text/html; charset=utf-8",
    ]

    /// Reads the files of a statement as they were published. Throws `badData` where one is not what was written.
    init(_ statement: StatementReport.Outcome, month: Month) throws {
        var members: [ZipArchive.Member] = []
        var loose: [(format: ReportFormat, content: [UInt8])] = []
        for path in statement.files {
            let content = try Self.read(path, sha256: statement.digests[path])
            let format = ReportFormat(rawValue: (path as NSString).pathExtension)
            if let format, StatementFileName.beside.contains(format) {
                loose.append((format, content))
            } else {
                let parts = (path as NSString).pathComponents.suffix(2)
                members.append(ZipArchive.Member(name: parts.joined(separator: "/"), content: content))
            }
        }
        guard let document = members.last(where: { $0.name.hasSuffix("/" + StatementFileName.manifest) }) else {
            throw DaybookError(
                .failed, "The statement of \(statement.account.slug) has no manifest to be sent with it.")
        }
        let manifest = try StatementManifest(json: document.content)
        func name(_ ending: String) -> String { manifest.mailedName(ending) ?? "statement \(month).\(ending)" }
        all =
            loose.map { file in
                MailMessage.Attachment(
                    name: name(file.format.rawValue), type: Self.types[file.format] ?? Self.archiveType,
                    content: file.content)
            } + [
                MailMessage.Attachment(
                    name: name("zip"), type: Self.archiveType, content: try ZipArchive.make(members))
            ]
    }

    private static func read(_ path: String, sha256: String?) throws -> [UInt8] {
        let content: [UInt8]?
        do {
            content = try PlainFile.read(path)
        } catch {
            throw DaybookError.badData("\(path) \(error.sentence), so nothing was sent.")
        }
        guard let content else { throw DaybookError(.failed, "\(path) went away before it was attached.") }
        guard FileDigest.of(content) == sha256 else {
            throw DaybookError.badData("\(path) was altered before it was attached, so nothing was sent.")
        }
        return content
    }
}
