private import COpenSSL
import Formats

/// SHA-256 (FIPS 180-4) over as many pieces as there are.
public final class SHA256Digest {
    private let context: OpaquePointer

    public init() {
        guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else {
            preconditionFailure("libcrypto has no SHA-256")
        }
        self.context = context
    }

    deinit {
        EVP_MD_CTX_free(context)
    }

    /// Adds bytes to the message.
    public func update(_ bytes: UnsafeRawBufferPointer) {
        precondition(EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1, "libcrypto refused bytes")
    }

    /// Adds bytes to the message.
    public func update(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes(update)
    }

    /// Ends the message and gives the 32 bytes of its digest. Call it, or ``finish()``, once.
    public func finishBytes() -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 32)
        precondition(EVP_DigestFinal_ex(context, &digest, nil) == 1, "libcrypto could not finish a digest")
        return digest
    }

    /// Ends the message and gives its digest as 64 lower-case hexadecimal digits. Call it once.
    public func finish() -> String {
        Hexadecimal.text(finishBytes())
    }

    /// The digest of one text's UTF-8 bytes.
    public static func hex(_ text: String) -> String {
        let digest = SHA256Digest()
        digest.update(Array(text.utf8))
        return digest.finish()
    }

    /// The 32 bytes of one array's digest.
    public static func bytes(_ bytes: [UInt8]) -> [UInt8] {
        let digest = SHA256Digest()
        digest.update(bytes)
        return digest.finishBytes()
    }

    /// The digest of one array of bytes.
    public static func hex(_ bytes: [UInt8]) -> String {
        let digest = SHA256Digest()
        digest.update(bytes)
        return digest.finish()
    }
}
