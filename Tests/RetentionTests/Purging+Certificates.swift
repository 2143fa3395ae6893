import Codecs
import Foundation
import TestSupport

@testable import Retention

extension Purging {
    /// The parts of an extract.
    func parts(_ extract: String) throws -> [CertificatePart] {
        try CanonicalJSON.decode(CertificateExtract.self, from: extract).parts.map {
            try CanonicalJSON.decode(CertificatePart.self, from: $0.part)
        }
    }

    /// Puts another document in the place of a certificate, with the root, face, signature and digests that go with it:
    /// what somebody can do who may write to the database and the folder.
    func reissue(
        _ sequence: Int, key: SigningKey? = nil, _ change: (String) -> String
    ) async throws {
        let path = certificates + "/certificate-00000\(sequence).json"
        let document = try String(contentsOfFile: path, encoding: .utf8)
        let changed = try CanonicalJSON.decode(Certificate.self, from: change(document)).redivided()
        let forged = try key.map { try changed.signed(with: $0) } ?? changed
        let text = String(decoding: try CanonicalJSON.encode(forged), as: UTF8.self)
        guard text != document, let face = forged.face else { throw TestSupportError("nothing was changed") }
        let bytes = String(decoding: try CanonicalJSON.encode(face), as: UTF8.self)
        try text.write(toFile: path, atomically: false, encoding: .utf8)
        try await execute(
            """
            UPDATE daybook.retention_certificate SET document = $daybook$\(text)$daybook$,
                face = $daybook$\(bytes)$daybook$, sha256 = '\(SHA256Digest.hex(bytes))'
            WHERE sequence = \(sequence)
            """, in: settings)
    }
}
