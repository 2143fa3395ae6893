import Domain

/// The files of one report while they are made, and how they appear.
final class Outputs {
    let staging: StagingFolder
    let baseName: String
    let formats: Set<ReportFormat>
    /// Finished files, with their paths below the output folder.
    private(set) var files: [Manifest.File] = []
    private var manifestDigest: String?

    convenience init(
        folder: String, baseName: String, formats: Set<ReportFormat>, mode: OutputMode
    ) throws(DaybookError) {
        try self.init(staging: StagingFolder(output: folder, mode: mode), baseName: baseName, formats: formats)
    }

    /// The files of one of several reports that appear together.
    init(staging: StagingFolder, baseName: String, formats: Set<ReportFormat>) throws(DaybookError) {
        self.staging = staging
        self.baseName = baseName
        self.formats = formats
        try staging.makeFolder(baseName)
    }

    /// Makes the file that becomes the workbook, and gives its path for the library that writes it.
    func workbookPath() throws(DaybookError) -> String { try staging.workbookPath(workbookName) }

    /// Notes the workbook, which was finished.
    func addWorkbook() throws(DaybookError) { add(workbookName, try staging.workbook(workbookName)) }

    private var workbookName: String { "\(baseName).\(ReportFormat.xlsx.rawValue)" }

    /// Opens a file in the report's folder.
    func sink(_ name: String) throws(DaybookError) -> FileSink { try staging.sink("\(baseName)/\(name)") }

    /// Notes a file that was finished elsewhere.
    func add(_ name: String, _ finished: (sha256: String, size: Int64)) {
        files.append(Manifest.File(name: name, sha256: finished.sha256, bytes: finished.size))
    }

    /// Writes a file of the report's folder in one go, and gives its digest.
    @discardableResult
    func write(_ bytes: [UInt8], to name: String) throws(DaybookError) -> String {
        let sink = try sink(name)
        try sink.write(bytes)
        let finished = try sink.finish()
        add("\(baseName)/\(name)", finished)
        return finished.sha256
    }

    /// Writes `manifest.json`, which lists the others and not itself.
    func writeManifest(_ bytes: [UInt8]) throws(DaybookError) {
        let sink = try sink(Self.manifestName)
        try sink.write(bytes)
        manifestDigest = try sink.finish().sha256
    }

    private static let manifestName = "manifest.json"

    /// SHA-256 of every finished file, by its path below the output folder.
    var digests: [String: String] {
        var digests = Dictionary(files.map { ($0.name, $0.sha256) }) { first, _ in first }
        digests["\(baseName)/\(Self.manifestName)"] = manifestDigest
        return digests
    }

    /// The same by the path under which each appears.
    var publishedDigests: [String: String] {
        Dictionary(uniqueKeysWithValues: digests.map { ("\(staging.output)/\($0.key)", $0.value) })
    }

    /// Writes `baseName.extension` in one go.
    func writeBeside(_ bytes: [UInt8], extension ending: String) throws(DaybookError) {
        let sink = try staging.sink("\(baseName).\(ending)")
        try sink.write(bytes)
        add("\(baseName).\(ending)", try sink.finish())
    }

    /// Lets everything appear and gives the paths, in the order in which people open them.
    func publish() throws(DaybookError) -> [String] {
        var published: [String] = []
        for format in [ReportFormat.xlsx, .html] where formats.contains(format) {
            let name = "\(baseName).\(format.rawValue)"
            try staging.publish(name)
            published.append("\(staging.output)/\(name)")
        }
        try staging.publish(baseName)
        let own = files.map(\.name).filter { $0.hasPrefix(baseName + "/") }.sorted()
        return published + own.map { "\(staging.output)/\($0)" } + ["\(staging.output)/\(baseName)/manifest.json"]
    }
}
