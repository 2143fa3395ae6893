import Codecs
import Domain
import Foundation

/// The files that hold the two halves of the key that signs statements.
extension KeyFile {
    /// Reads a secret key. Throws `configuration` where the file is not one, or others may read it.
    static func signingKey(_ path: String) throws(DaybookError) -> SigningKey {
        guard let key = SigningKey(hex: text(try secret(path))) else {
            throw .configuration("\(path) holds no secret key; make one with: daybook keys statement-init")
        }
        return key
    }

    /// Reads a public key. Throws `configuration` where the file is not one.
    static func verifyingKey(_ path: String) throws(DaybookError) -> VerifyingKey {
        guard let key = VerifyingKey(hex: text(try published(path))) else {
            throw .configuration("\(path) holds no public key: 64 hexadecimal digits, as in the file .pub.")
        }
        return key
    }

    private static func text(_ bytes: [UInt8]) -> String {
        String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
