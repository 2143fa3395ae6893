private import COpenSSL
import Formats

/// The secret half of an Ed25519 key (RFC 8032). It prints itself as nothing.
public struct SigningKey: Sendable, CustomStringConvertible {
    /// The seed, 32 bytes.
    private let seed: [UInt8]
    public let publicKey: VerifyingKey

    /// Reads 64 hexadecimal digits; nil for anything else.
    public init?(hex: String) {
        guard let seed = Hexadecimal.canonicalBytes(hex) else { return nil }
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
    public var secretHex: String { Hexadecimal.text(seed) }

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

/// The public half of an Ed25519 key (RFC 8032): says whether a signature is genuine.
public struct VerifyingKey: Sendable, Hashable {
    /// 32 bytes.
    public let bytes: [UInt8]

    /// Nil unless there are 32 bytes.
    public init?(bytes: [UInt8]) {
        guard bytes.count == 32 else { return nil }
        self.bytes = bytes
    }

    /// Reads 64 hexadecimal digits; nil for anything else.
    public init?(hex: String) {
        guard let bytes = Hexadecimal.canonicalBytes(hex) else { return nil }
        self.init(bytes: bytes)
    }

    /// 64 hexadecimal digits.
    public var hex: String { Hexadecimal.text(bytes) }

    /// True if the signature (64 bytes) is this key's over the message.
    public func isGenuine(_ signature: [UInt8], over message: [UInt8]) -> Bool {
        guard signature.count == 64,
            let key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, bytes, bytes.count),
            let context = EVP_MD_CTX_new()
        else { return false }
        defer {
            EVP_MD_CTX_free(context)
            EVP_PKEY_free(key)
        }
        guard EVP_DigestVerifyInit(context, nil, nil, nil, key) == 1 else { return false }
        return EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
    }
}

/// An Ed25519 signature inside of the document that it signs: what is signed is the document with an empty value in its
/// place.
public struct DocumentSignature: Codable, Sendable, Hashable {
    /// The one algorithm that there is.
    private static let ed25519 = "Ed25519"

    public let algorithm: String
    /// 64 hexadecimal digits.
    public let publicKey: String
    /// 128 hexadecimal digits; empty while the document is being signed.
    public var value: String

    /// The place of a signature that a key is about to make.
    public init(awaiting key: SigningKey) {
        algorithm = Self.ed25519
        publicKey = key.publicKey.hex
        value = ""
    }

    /// The key that it names; nil where it is no Ed25519 signature.
    public var key: VerifyingKey? {
        algorithm == Self.ed25519 && Hexadecimal.canonicalBytes(value) != nil ? VerifyingKey(hex: publicKey) : nil
    }

    /// True if it is the signature of the key that it names over the document with an empty value.
    public func isGenuine(over document: [UInt8]) -> Bool {
        guard let key, let value = Hexadecimal.canonicalBytes(value) else { return false }
        return key.isGenuine(value, over: document)
    }
}
