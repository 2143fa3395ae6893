private import COpenSSL

/// The secret half of an Ed25519 key (RFC 8032). It prints itself as nothing.
public struct SigningKey: Sendable, CustomStringConvertible {
    /// The seed, 32 bytes.
    private let seed: [UInt8]
    public let publicKey: VerifyingKey

    /// Reads 64 hexadecimal digits; nil for anything else.
    public init?(hex: String) {
        guard let seed = Hex.bytes(hex) else { return nil }
        self.init(seed: seed)
    }

    private init?(seed: [UInt8]) {
        guard seed.count == 32, let key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, seed, seed.count) else {
            return nil
        }
        defer { EVP_PKEY_free(key) }
        var bytes = [UInt8](repeating: 0, count: 32)
        var count = bytes.count
        guard EVP_PKEY_get_raw_public_key(key, &bytes, &count) == 1, let publicKey = VerifyingKey(bytes: bytes) else {
            return nil
        }
        self.seed = seed
        self.publicKey = publicKey
    }

    /// A new key of the system's random generator.
    public static func generate() -> SigningKey {
        var generator = SystemRandomNumberGenerator()
        let seed = (0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) }
        guard let key = SigningKey(seed: seed) else { preconditionFailure("libcrypto has no Ed25519") }
        return key
    }

    /// The seed as 64 hexadecimal digits, to be written to a file that nobody else may read.
    public var secretHex: String { Hex.text(seed) }

    public var description: String { "SigningKey" }

    /// The signature over a message: 64 bytes, the same every time.
    public func sign(_ message: [UInt8]) -> [UInt8] {
        guard let key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, seed, seed.count),
            let context = EVP_MD_CTX_new()
        else { preconditionFailure("libcrypto has no Ed25519") }
        defer {
            EVP_MD_CTX_free(context)
            EVP_PKEY_free(key)
        }
        var signature = [UInt8](repeating: 0, count: 64)
        var count = signature.count
        precondition(
            EVP_DigestSignInit(context, nil, nil, nil, key) == 1
                && EVP_DigestSign(context, &signature, &count, message, message.count) == 1 && count == 64,
            "libcrypto could not sign")
        return signature
    }
}
