import ArgumentParser
import Codecs
import Domain
import Foundation
import Reporting

/// `daybook keys …`
struct KeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys", abstract: "The key that signs statements.", subcommands: [StatementInit.self])

    struct StatementInit: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "statement-init", abstract: "Make a new Ed25519 key that signs statements.",
            discussion: """
                Writes the secret key to FILE, readable by you alone, and the public key to FILE.pub, which you give \
                to your customers. A file that is there is never replaced.
                """)

        @Argument(help: "The file of the secret key.") var file: String

        func run() async throws {
            let key = SigningKey.generate()
            try Self.write(key.secretHex, to: file, mode: 0o600)
            try Self.write(key.publicKey.hex, to: file + ".pub", mode: 0o644)
            Terminal.show("\(file)\n\(file).pub\npublic key \(key.publicKey.hex)")
        }

        private static func write(_ text: String, to path: String, mode: mode_t) throws(DaybookError) {
            let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else {
                throw .output("Cannot make \(path): \(String(cString: strerror(errno))).")
            }
            defer { close(descriptor) }
            // Just so, whatever the shell keeps from others, or does not.
            guard fchmod(descriptor, mode) == 0 else {
                throw .output("Cannot make \(path): \(String(cString: strerror(errno))).")
            }
            let bytes = Array((text + "\n").utf8)
            guard Foundation.write(descriptor, bytes, bytes.count) == bytes.count, fsync(descriptor) == 0 else {
                throw .output("Cannot write \(path): \(String(cString: strerror(errno))).")
            }
        }
    }
}

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
