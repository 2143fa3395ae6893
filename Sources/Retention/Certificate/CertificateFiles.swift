internal import Codecs
import Documents
internal import Domain
import Formats
internal import Foundation
internal import Postgres

/// The files of certificates in their folders: each as the JSON document itself and as a page to print.
struct CertificateFiles: Sendable {
    private let templates: TemplateSet
    /// Who may read the files.
    private let mode: OutputMode

    init(_ templates: TemplateSet, mode: OutputMode = .ownerOnly) {
        self.templates = templates
        self.mode = mode
    }

    static func path(_ folder: String, _ sequence: Int64, _ ending: String) -> String {
        "\(folder)/certificate-\(ArchiveFolder.padded(sequence, 6)).\(ending)"
    }

    /// Writes the certificates whose files are not there, because a run was killed before it could, and gives the
    /// paths. What is there is never replaced: a file that was altered must stay to be found.
    ///
    /// - Parameter tell: Told of a folder that cannot be written: an old certificate's keeps nothing from going on.
    func publishMissing(_ session: Session, tell: (String) -> Void) throws -> [String] {
        let rows = try session.query("SELECT sequence, folder FROM daybook.retention_certificate ORDER BY sequence")
        var files: [String] = []
        for row in rows {
            let (sequence, folder) = (try row.int("sequence"), try row.text("folder"))
            let missing = ["html", "json"].filter {
                !FileManager.default.fileExists(atPath: Self.path(folder, sequence, $0))
            }
            guard !missing.isEmpty else { continue }
            // One at a time: a document names every account and every file of an archive.
            let document = try session.query(
                "SELECT document, sha256 FROM daybook.retention_certificate WHERE sequence = $1", [.int(sequence)])[0]
            do {
                files += try publish(
                    missing, sequence, try document.text("document"), sha256: try document.text("sha256"),
                    folder: folder)
            } catch let error as DaybookError where error.kind == .output {
                tell("certificate \(sequence) is not in its folder: \(error.sentence)")
            }
        }
        return files
    }

    private func publish(
        _ missing: [String], _ sequence: Int64, _ document: String, sha256: String, folder: String
    ) throws -> [String] {
        try Self.make(folder, mode)
        return try missing.map { ending in
            let path = Self.path(folder, sequence, ending)
            let text = ending == "html" ? try page(document, sha256) : document
            try ArchiveFolder.write(Array(text.utf8), to: path, mode: mode)
            return path
        }
    }

    private static func make(_ folder: String, _ mode: OutputMode) throws {
        do {
            _ = try Folder(making: folder, mode: mode)
        } catch {
            throw DaybookError.output("The folder of certificates \(folder) cannot be made.")
        }
        guard access(folder, W_OK | X_OK) == 0 else {
            throw DaybookError.output("The folder of certificates \(folder) cannot be written.")
        }
    }

    /// Throws `output` where the next certificate of the chain could not be written, or would meet a file of its name:
    /// nothing may happen of which the certificate could not be laid down.
    ///
    /// - Parameter advice: What to do, as a sentence.
    static func requirePlace(
        in folder: String, advice: String = "Nothing was done; name another folder with --certificates.",
        _ session: Session
    ) throws {
        try RetentionSession.requireCertifying(session)
        do {
            try make(folder, .ownerOnly)
        } catch let error as DaybookError {
            throw DaybookError.output(error.sentence + " " + advice)
        }
        let next = try session.query(
            "SELECT coalesce(max(sequence), 0) + 1 AS number FROM daybook.retention_certificate")[0].int("number")
        for ending in ["json", "html"] {
            let path = path(folder, next, ending)
            guard !FileManager.default.fileExists(atPath: path) else {
                throw DaybookError.output(
                    "\(path) is there already: of another database, or of a later state of this one. " + advice)
            }
        }
    }

    /// Throws `output` unless certificates that were just issued lie in their folder.
    ///
    /// - Parameters:
    ///   - deed: What was done and certified, as the beginning of a sentence.
    ///   - advice: The end of that sentence, which says what to do.
    func requireThere(
        _ issued: [CertificateIssuer.Issued], in folder: String, of deed: String, advice: String = Self.advice
    ) throws {
        for certificate in issued {
            let path = Self.path(folder, certificate.sequence, "json")
            let digest = FileManager.default.contents(atPath: path).map { SHA256Digest.hex(Array($0)) }
            guard digest == certificate.fileSha256 else {
                throw DaybookError.output(
                    "\(deed), and that is certified, but certificate \(certificate.sequence) cannot be written to "
                        + "\(folder); \(advice)")
            }
        }
    }

    static let advice = "make room there, then: \(NextStep.resume)"

    /// The page of a certificate.
    func page(_ document: String, _ sha256: String) throws -> String {
        let certificate = try CanonicalJSON.decode(Certificate.self, from: document)
        return try templates.render(CertificatePage(certificate, sha256: sha256), template: "certificate")
    }
}
