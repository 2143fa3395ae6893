internal import Codecs
import Formats

extension Certificate {
    /// The same document with a signature. What has none keeps its bytes.
    func signed(with key: SigningKey) throws -> Certificate {
        var signed = self
        signed.signature = DocumentSignature(awaiting: key)
        let value = Hexadecimal.text(key.sign(try signed.signedBytes()))
        signed.signature?.value = value
        return signed
    }

    /// What is signed: the face, or of a certificate without parts the document, with an empty value in the place of
    /// the signature.
    private func signedBytes() throws -> [UInt8] {
        var unsigned = self
        unsigned.signature?.value = ""
        return try unsigned.face.map { try CanonicalJSON.encode($0) } ?? CanonicalJSON.encode(unsigned)
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
