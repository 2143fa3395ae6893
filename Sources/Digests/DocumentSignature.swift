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
        algorithm == Self.ed25519 && Hex.bytes(value) != nil ? VerifyingKey(hex: publicKey) : nil
    }

    /// True if it is the signature of the key that it names over the document with an empty value.
    public func isGenuine(over document: [UInt8]) -> Bool {
        guard let key, let value = Hex.bytes(value) else { return false }
        return key.isGenuine(value, over: document)
    }
}
