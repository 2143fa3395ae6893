internal import Domain
internal import Foundation
internal import Postgres
internal import Reporting

/// The folder of certificates: each as the JSON document itself and as a page to print.
struct CertificateShelf: Sendable {
    private let templates: TemplateSet

    init(_ templates: TemplateSet) {
        self.templates = templates
    }

    static func path(_ folder: String, _ sequence: Int64, _ ending: String) -> String {
        "\(folder)/certificate-\(ArchiveFolder.padded(sequence, 6)).\(ending)"
    }

    /// Writes the certificates whose files are not there, because a run was killed before it could, and gives the
    /// paths. What is there is never replaced: a file that was altered must stay to be found.
    ///
    /// - Parameter skipping: Told of a folder that cannot be written; without it that is thrown.
    func publishMissing(_ session: Session, skipping: ((String) -> Void)? = nil) throws -> [String] {
        let rows = try session.query(
            "SELECT sequence, document, folder, sha256 FROM daybook.retention_certificate ORDER BY sequence")
        var files: [String] = []
        for row in rows {
            let (folder, sequence) = (try row.text("folder"), try row.int("sequence"))
            let json = Self.path(folder, sequence, "json")
            let html = Self.path(folder, sequence, "html")
            let document = try row.text("document")
            guard !FileManager.default.fileExists(atPath: json) || !FileManager.default.fileExists(atPath: html) else {
                continue
            }
            do {
                do {
                    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
                } catch {
                    throw DaybookError.output("The folder of certificates \(folder) cannot be made.")
                }
                if !FileManager.default.fileExists(atPath: html) {
                    try ArchiveFolder.write(Array(try page(document, try row.text("sha256")).utf8), to: html)
                    files.append(html)
                }
                if !FileManager.default.fileExists(atPath: json) {
                    try ArchiveFolder.write(Array(document.utf8), to: json)
                    files.append(json)
                }
            } catch let error as DaybookError where error.kind == .output && skipping != nil {
                skipping?("certificate \(sequence) is not in its folder: \(error.sentence)")
            }
        }
        return files
    }

    /// The page of a certificate.
    func page(_ document: String, _ sha256: String) throws -> String {
        let certificate = try CanonicalJSON.decode(Certificate.self, from: document)
        return try templates.render(CertificatePage(certificate, sha256: sha256), template: "certificate")
    }
}
