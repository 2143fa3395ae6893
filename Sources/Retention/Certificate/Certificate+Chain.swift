internal import Codecs
public import Documents
internal import Domain
import Formats
public import Postgres

/// The head of the chain of certificates, as a run leaves it.
public enum CertificateHead {
    /// Reads it after a run that has done its work, also where the task was cancelled.
    ///
    /// Throws ``StoppedRun``.
    ///
    /// - Parameter standing: What the run did, in a whole sentence.
    public static func read(_ connection: Connection, after standing: String) async throws -> ChainHead {
        do {
            return try await read(connection)
        } catch {
            throw StoppedRun(.failure(error), standing: standing)
        }
    }

    static func read(_ connection: Connection) async throws -> ChainHead {
        try await Uninterrupted.reading(connection) { session in
            let row = try session.query(
                """
                SELECT coalesce((SELECT c.sha256 FROM daybook.retention_certificate AS c
                        ORDER BY c.sequence DESC LIMIT 1), $1) AS sha256,
                    (SELECT pg_catalog.count(*) FROM daybook.retention_certificate) AS number,
                    pg_catalog.clock_timestamp() AS now
                """, [.text(ChainHead.none)])[0]
            return ChainHead(
                kind: .certificate, digest: try row.text("sha256"), sequence: try row.int("number"),
                readAt: try row.instant("now"))
        }
    }
}

extension CertificateFace {
    /// What is wrong with the signature; nil where nothing is.
    ///
    /// - Parameter trusted: The keys of which one must have signed; none takes an unsigned face, and any key.
    func faultOfSignature(trusted: [VerifyingKey]) -> String? {
        guard let signature else { return trusted.isEmpty ? nil : "it is not signed" }
        var unsigned = self
        unsigned.signature?.value = ""
        guard let bytes = try? CanonicalJSON.encode(unsigned), signature.isGenuine(over: bytes), let key = signature.key
        else { return "its signature is not that of its document" }
        return trusted.isEmpty || trusted.contains(key) ? nil : "it is signed with another key than the one you trust"
    }
}

extension Certificate {
    /// True if a document as it is kept is this certificate, to the byte, and heads the chain with a digest.
    ///
    /// - Parameter face: The face as it is kept beside the document; nil for a certificate without parts.
    func isWhole(_ document: String, face kept: String?, sha256: String) -> Bool {
        guard let face else { return kept == nil && SHA256Digest.hex(document) == sha256 }
        // What a decoder would overlook shows in the canonical bytes.
        guard let canonical = try? CanonicalJSON.encode(self), canonical == Array(document.utf8),
            let bytes = try? CanonicalJSON.encode(face), kept.map({ Array($0.utf8) }) == bytes,
            let tree = try? MerkleTree(leaves().map(\.digest)), tree.root == face.rootSha256
        else { return false }
        return SHA256Digest.hex(bytes) == sha256
    }

    /// What is wrong with the signature of a document; nil where nothing is.
    ///
    /// - Parameter trusted: The keys of which one must have signed; none takes an unsigned document, and any key.
    func faultOfSignature(_ document: String, trusted: [VerifyingKey]) -> String? {
        guard let signature else { return trusted.isEmpty ? nil : "it is not signed" }
        // What a decoder would overlook shows here.
        guard let canonical = try? CanonicalJSON.encode(self), canonical == Array(document.utf8) else {
            return "its document is not as it was signed"
        }
        guard let signed = try? signedBytes(), signature.isGenuine(over: signed), let key = signature.key else {
            return "its signature is not that of its document"
        }
        return trusted.isEmpty || trusted.contains(key) ? nil : "it is signed with another key than the one you trust"
    }
}
