import Documents
import Domain
import Foundation

/// Where the files of a statement lie that is checked: its folder, the archive that was mailed, or wherever its
/// manifest is.
struct StatementSource {
    enum Kind {
        case folder
        case archive
        case manifest
    }

    /// A file that was found, and where.
    struct Copy {
        let path: String
        let content: [UInt8]
    }

    let kind: Kind
    /// As it was named.
    let path: String
    /// `manifest.json`.
    let manifest: [UInt8]
    /// The folder of the manifest; nil for an archive.
    private let folder: String?
    private let members: [ZipArchive.Member]

    /// Throws `badData` where there is no manifest.
    init(_ path: String) throws(DaybookError) {
        self.path = path
        let absolute = URL(fileURLWithPath: path).standardizedFileURL.path
        var isFolder: ObjCBool = false
        if FileManager.default.fileExists(atPath: absolute, isDirectory: &isFolder), isFolder.boolValue {
            kind = .folder
            folder = absolute
            members = []
            manifest = try Self.manifest(absolute + "/" + StatementFileName.manifest)
            return
        }
        // What the user names may be a link; what is found by its name may not.
        let named = URL(fileURLWithPath: absolute).resolvingSymlinksInPath().path
        guard let content = try Self.read(named) else {
            throw .badData("\(path) is missing: name a statement's folder, its archive or its manifest.json.")
        }
        folder = ZipArchive.isArchive(content) ? nil : (absolute as NSString).deletingLastPathComponent
        guard folder == nil else {
            guard content.count <= Limits.manifestBytes else {
                throw .badData("\(path) is not the manifest of a statement.")
            }
            kind = .manifest
            members = []
            manifest = content
            return
        }
        kind = .archive
        do {
            members = try ZipArchive.read(content)
        } catch {
            throw .badData("The archive \(path) is refused: \(error.sentence)")
        }
        let manifests = members.filter { $0.name.hasSuffix("/" + StatementFileName.manifest) }
        guard manifests.count == 1, manifests[0].content.count <= Limits.manifestBytes else {
            throw .badData("The archive \(path) holds no statement: there is no manifest.json in it.")
        }
        manifest = manifests[0].content
    }

    /// The copies of a listed file: of one in the folder that, of the workbook and the page what lies in the folder and
    /// what lies beside it, also under the name that a message gave it.
    func copies(of name: StatementFileName, mailed: String?) throws(DaybookError) -> [Copy] {
        var copies = members.filter { $0.name == name.text }.map { Copy(path: $0.name, content: $0.content) }
        for path in paths(of: name, mailed: mailed) {
            if let content = try Self.read(path) { copies.append(Copy(path: path, content: content)) }
        }
        return copies
    }

    /// Where workbook or page of a statement would be taken for its own.
    private func paths(of name: StatementFileName, mailed: String?) -> [String] {
        guard name.format != nil else { return folder.map { ["\($0)/\(name.name)"] } ?? [] }
        let beside = (URL(fileURLWithPath: folder ?? path).standardizedFileURL.path as NSString)
            .deletingLastPathComponent
        return [folder, beside].compactMap(\.self).flatMap { place in
            [name.name, mailed].compactMap(\.self).map { "\(place == "/" ? "" : place)/\($0)" }
        }
    }

    /// What lies in the folder or the archive and is no file that the manifest lists.
    func foreign(listed: [StatementFileName], baseName: String, mailed: [String]) -> [String] {
        let besides = ReportFormat.beside.map { "\(baseName).\($0.rawValue)" }
        let known = Set(listed.map(\.name) + besides + mailed + [StatementFileName.manifest])
        guard let folder else {
            let known = Set(listed.map(\.text) + [baseName + "/" + StatementFileName.manifest])
            return members.map(\.name).filter { !known.contains($0) }.sorted()
        }
        // Where somebody keeps received files, there are others.
        guard kind == .folder || (folder as NSString).lastPathComponent == baseName else { return [] }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.filter { !known.contains($0) }.sorted()
    }

    private static func manifest(_ path: String) throws(DaybookError) -> [UInt8] {
        guard let content = try read(path, atMost: Limits.manifestBytes) else {
            throw .badData(
                "The statement is refused: manifest.json is missing in \((path as NSString).deletingLastPathComponent)."
            )
        }
        return content
    }

    /// A file of that path, nil where there is none. Throws `badData` for a link.
    static func read(_ path: String, atMost limit: Int = Limits.statementFileBytes) throws(DaybookError) -> [UInt8]? {
        do {
            return try PlainFile.read(path, atMost: limit)
        } catch {
            throw .badData("The statement is refused: \(path) \(error.sentence).")
        }
    }
}
