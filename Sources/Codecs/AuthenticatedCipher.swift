private import COpenSSL

/// AES-256-GCM (NIST SP 800-38D) over as many pieces as there are, in one direction.
public final class AuthenticatedCipher {
    /// Bytes of a key.
    public static let keyLength = 32
    /// Bytes of a nonce, which one key must never see twice.
    public static let nonceLength = 12
    /// Bytes of the tag that proves that nothing was altered.
    public static let tagLength = 16

    private let context: OpaquePointer
    private let encrypts: Bool

    /// - Precondition: the key has ``keyLength`` bytes and the nonce ``nonceLength``.
    private init(key: [UInt8], nonce: [UInt8], encrypts: Bool) {
        precondition(key.count == Self.keyLength && nonce.count == Self.nonceLength, "key and nonce have their lengths")
        guard let context = EVP_CIPHER_CTX_new(),
            EVP_CipherInit_ex(context, EVP_aes_256_gcm(), nil, key, nonce, encrypts ? 1 : 0) == 1
        else { preconditionFailure("libcrypto has no AES-256-GCM") }
        self.context = context
        self.encrypts = encrypts
    }

    deinit {
        EVP_CIPHER_CTX_free(context)
    }

    public static func sealing(key: [UInt8], nonce: [UInt8]) -> AuthenticatedCipher {
        AuthenticatedCipher(key: key, nonce: nonce, encrypts: true)
    }

    public static func opening(key: [UInt8], nonce: [UInt8]) -> AuthenticatedCipher {
        AuthenticatedCipher(key: key, nonce: nonce, encrypts: false)
    }

    /// The next piece, encrypted or decrypted.
    public func update(_ bytes: [UInt8]) -> [UInt8] {
        guard !bytes.isEmpty else { return [] }
        var output = [UInt8](repeating: 0, count: bytes.count + 16)
        var count: Int32 = 0
        precondition(
            EVP_CipherUpdate(context, &output, &count, bytes, Int32(bytes.count)) == 1, "libcrypto refused bytes")
        return Array(output.prefix(Int(count)))
    }

    /// Ends an encryption and gives its tag.
    public func seal() -> [UInt8] {
        precondition(encrypts, "only what was sealed has a tag")
        var rest = [UInt8](repeating: 0, count: 16)
        var count: Int32 = 0
        var tag = [UInt8](repeating: 0, count: Self.tagLength)
        precondition(
            EVP_CipherFinal_ex(context, &rest, &count) == 1
                && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, Int32(Self.tagLength), &tag) == 1,
            "libcrypto could not finish")
        return tag
    }

    /// Ends a decryption: true if key and tag fit everything that was read.
    public func isAuthentic(tag: [UInt8]) -> Bool {
        precondition(!encrypts && tag.count == Self.tagLength, "only what is opened is compared with a tag")
        var tag = tag
        var rest = [UInt8](repeating: 0, count: 16)
        var count: Int32 = 0
        guard EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, Int32(Self.tagLength), &tag) == 1 else { return false }
        return EVP_CipherFinal_ex(context, &rest, &count) == 1
    }
}
