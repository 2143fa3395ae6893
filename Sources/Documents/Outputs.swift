package import Domain
import Foundation

/// The files of one report while they are made, and how they appear.
package final class Outputs {
    package let staging: StagingFolder
    package let baseName: String
    package let formats: Set<ReportFormat>
    /// Finished files, with their paths below the output folder.
    package private(set) var files: [Manifest.File] = []
    private var manifestDigest: String?
    private var printed: Manifest.File?

    package convenience init(
        folder: String, baseName: String, formats: Set<ReportFormat>, mode: OutputMode
    ) throws(DaybookError) {
        try self.init(staging: StagingFolder(output: folder, mode: mode), baseName: baseName, formats: formats)
    }

    /// The files of one of several reports that appear together.
    package init(staging: StagingFolder, baseName: String, formats: Set<ReportFormat>) throws(DaybookError) {
        self.staging = staging
        self.baseName = baseName
        self.formats = formats
        try staging.makeFolder(baseName)
    }

    /// Makes the file that becomes the workbook, and gives its path for the library that writes it.
    package func workbookPath() throws(DaybookError) -> String { try staging.workbookPath(workbookName) }

    /// Notes the workbook, which was finished.
    package func addWorkbook() throws(DaybookError) { add(workbookName, try staging.workbook(workbookName)) }

    private var workbookName: String { "\(baseName).\(ReportFormat.xlsx.rawValue)" }

    /// Opens a file in the report's folder.
    package func sink(_ name: String) throws(DaybookError) -> FileSink { try staging.sink("\(baseName)/\(name)") }

    /// Notes a file that was finished elsewhere.
    package func add(_ name: String, _ finished: (sha256: String, size: Int64)) {
        files.append(Manifest.File(name: name, sha256: finished.sha256, bytes: finished.size))
    }

    /// Writes a file of the report's folder in one go, and gives its digest.
    @discardableResult
    package func write(_ bytes: [UInt8], to name: String) throws(DaybookError) -> String {
        let sink = try sink(name)
        try sink.write(bytes)
        let finished = try sink.finish()
        add("\(baseName)/\(name)", finished)
        return finished.sha256
    }

    /// Writes `manifest.json`, which lists the others and not itself.
    package func writeManifest(_ bytes: [UInt8]) throws(DaybookError) {
        let sink = try sink(Self.manifestName)
        try sink.write(bytes)
        manifestDigest = try sink.finish().sha256
    }

    package static let manifestName = "manifest.json"

    /// SHA-256 of every finished file, by its path below the output folder.
    package var digests: [String: String] {
        var digests = Dictionary(files.map { ($0.name, $0.sha256) }) { first, _ in first }
        digests["\(baseName)/\(Self.manifestName)"] = manifestDigest
        if let printed { digests[printed.name] = printed.sha256 }
        return digests
    }

    /// The same by the path under which each appears.
    package var publishedDigests: [String: String] {
        Dictionary(uniqueKeysWithValues: digests.map { ("\(staging.output)/\($0.key)", $0.value) })
    }

    /// Writes `baseName.extension` in one go.
    package func writeBeside(_ bytes: [UInt8], extension ending: String) throws(DaybookError) {
        let sink = try staging.sink("\(baseName).\(ending)")
        try sink.write(bytes)
        add("\(baseName).\(ending)", try sink.finish())
    }

    /// Writes the page as a program printed it. It counts among no other files: another version of that program prints
    /// other bytes.
    package func writePrinted(_ bytes: [UInt8]) throws(DaybookError) -> Manifest.File {
        let name = "\(baseName).\(ReportFormat.pdf.rawValue)"
        let sink = try staging.sink(name)
        try sink.write(bytes)
        let finished = try sink.finish()
        let file = Manifest.File(name: name, sha256: finished.sha256, bytes: finished.size)
        printed = file
        return file
    }

    /// Lets everything appear and gives the paths, in the order in which people open them.
    package func publish() throws(DaybookError) -> [String] {
        var published: [String] = []
        for format in [ReportFormat.xlsx, .html, .pdf] where formats.contains(format) {
            let name = "\(baseName).\(format.rawValue)"
            try staging.publish(name)
            published.append("\(staging.output)/\(name)")
        }
        try staging.publish(baseName)
        let own = files.map(\.name).filter { $0.hasPrefix(baseName + "/") }.sorted()
        return published + own.map { "\(staging.output)/\($0)" } + ["\(staging.output)/\(baseName)/manifest.json"]
    }
}

/// The forms in which a report is written.
public enum ReportFormat: String, Sendable, CaseIterable {
    case xlsx
    case html
    case csv
    /// The page as another program prints it.
    case pdf

    /// Those that are written unless somebody asks for others: what they are made with comes with this program.
    public static let standard: Set<ReportFormat> = [.xlsx, .html, .csv]

    /// The forms that lie beside the folder of the others.
    package static let beside: [ReportFormat] = [.xlsx, .html]
}

/// A folder for what is worked out and never shown, as a preview works it out.
package enum PreviewFolder {
    /// Lets the body work with the path of one, and removes it with all that is in it.
    package static func with<Result>(_ body: (String) async throws -> Result) async rethrows -> Result {
        let folder = NSTemporaryDirectory() + "/daybook-preview-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        return try await body(folder)
    }
}
