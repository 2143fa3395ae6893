import Digests
import Domain
import Foundation

/// The files that hold the two halves of the key that signs statements.
enum KeyFile {
    /// Reads a secret key. Throws `configuration` where the file is not one, or others may read it.
    static func signingKey(_ path: String) throws(DaybookError) -> SigningKey {
        let text = try contents(path)
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & 0o077 == 0 else {
            throw .configuration("The key \(path) can be read by others; run: chmod 600 \(path)")
        }
        guard let key = SigningKey(hex: text) else {
            throw .configuration("\(path) holds no secret key; make one with: daybook keys statement-init")
        }
        return key
    }

    /// Reads a public key. Throws `configuration` where the file is not one.
    static func verifyingKey(_ path: String) throws(DaybookError) -> VerifyingKey {
        guard let key = VerifyingKey(hex: try contents(path)) else {
            throw .configuration("\(path) holds no public key: 64 hexadecimal digits, as in the file .pub.")
        }
        return key
    }

    private static func contents(_ path: String) throws(DaybookError) -> String {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw .configuration("There is no key file \(path) that can be read.")
        }
        return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
