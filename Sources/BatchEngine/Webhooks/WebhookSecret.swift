import Codecs
import Formats
import Foundation

/// What both sides of a webhook know and nobody else. It prints itself as nothing.
public struct WebhookSecret: Sendable, Hashable, CustomStringConvertible {
    private static let prefix = "whsec_"
    /// As Standard Webhooks has it, in bytes.
    private static let length = 24...64

    private let bytes: [UInt8]

    /// Nil for fewer than 24 bytes or more than 64.
    public init?(bytes: [UInt8]) {
        guard Self.length.contains(bytes.count) else { return nil }
        self.bytes = bytes
    }

    /// Reads `whsec_` and base64, padded or not; nil for anything else.
    public init?(_ text: String) {
        guard text.hasPrefix(Self.prefix) else { return nil }
        var base64 = String(text.dropFirst(Self.prefix.count))
        while !base64.utf8.count.isMultiple(of: 4) { base64 += "=" }
        guard let data = Data(base64Encoded: base64) else { return nil }
        self.init(bytes: Array(data))
    }

    /// A new secret of 32 bytes of the system's random generator.
    public static func generate() -> WebhookSecret {
        var generator = SystemRandomNumberGenerator()
        guard let secret = WebhookSecret(bytes: (0..<32).map { _ in .random(in: 0...255, using: &generator) }) else {
            preconditionFailure("32 bytes are a secret")
        }
        return secret
    }

    /// `whsec_` and base64, as a receiver's configuration takes it.
    public var text: String { Self.prefix + Data(bytes).base64EncodedString() }

    public var description: String { "WebhookSecret" }

    /// The signature of Standard Webhooks over an id, the seconds since 1970 of the attempt, and the body's bytes.
    public func signature(id: String, seconds: Int64, body: [UInt8]) -> String {
        let message = Array("\(id).\(seconds).".utf8) + body
        return "v1," + Data(HMACSHA256.code(of: message, key: bytes)).base64EncodedString()
    }

    /// The signature that older receivers know: over the body alone, and under the secret's text as it is shown.
    public func bodySignature(_ body: [UInt8]) -> String {
        "sha256=" + Hexadecimal.text(HMACSHA256.code(of: body, key: Array(text.utf8)))
    }
}
