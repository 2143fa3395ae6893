import Domain
import Foundation

/// What a message carries of a report: workbook, page, and an archive of the CSV files with the manifest, by which
/// whoever receives them can check all three.
package struct ReportAttachments {
    package let all: [MailMessage.Attachment]

    private static let archiveType = "application/zip"
    private static let types: [ReportFormat: String] = [
        .xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", .html: "text/html; charset=utf-8",
        .pdf: "application/pdf",
    ]

    /// Reads the files of a report as they were published. Throws `badData` where one is not what was written.
    ///
    /// - Parameter name: The name of the attachment of an ending, by what the report's manifest says.
    package init(
        _ report: some MailedReport, name: (_ ending: String, _ manifest: [UInt8]) throws -> String
    ) throws {
        var members: [ZipArchive.Member] = []
        var loose: [(format: ReportFormat, content: [UInt8])] = []
        for path in report.files {
            let content = try Self.read(path, sha256: report.digests[path])
            let format = ReportFormat(rawValue: (path as NSString).pathExtension)
            if let format, Self.types[format] != nil {
                loose.append((format, content))
            } else {
                let parts = (path as NSString).pathComponents.suffix(2)
                members.append(ZipArchive.Member(name: parts.joined(separator: "/"), content: content))
            }
        }
        guard let manifest = members.last(where: { $0.name.hasSuffix("/" + Outputs.manifestName) }) else {
            throw DaybookError(.failed, "A report has no manifest to be sent with it.")
        }
        all =
            try loose.map { file in
                MailMessage.Attachment(
                    name: try name(file.format.rawValue, manifest.content),
                    type: Self.types[file.format] ?? Self.archiveType, content: file.content)
            } + [
                MailMessage.Attachment(
                    name: try name("zip", manifest.content), type: Self.archiveType,
                    content: try ZipArchive.make(members))
            ]
    }

    /// The name under which a file is attached to a message: the customer's own and what it is, without what one system
    /// or another has in no file's name. Nil where that is none.
    package static func name(customer: String, _ rest: String) -> String? {
        let customer = customer.unicodeScalars.filter { scalar in
            scalar.value >= 0x20 && scalar.value != 0x7F && !"\"\\:*?<>|".unicodeScalars.contains(scalar)
        }
        let name = "\(String(String.UnicodeScalarView(customer)).replacing("/", with: "-")) \(rest)"
        return (1...255).contains(name.utf8.count) && !name.hasPrefix(".") ? name : nil
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
