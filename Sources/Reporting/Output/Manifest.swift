import Domain
import Foundation

/// `manifest.json`: what was written, from what, by which program and when. The one file that differs between runs.
struct Manifest: Encodable {
    struct File: Encodable {
        let name: String
        let sha256: String
        let bytes: Int64
    }

    struct Verdict: Encodable {
        let promise: String
        let account: String
        let subject: String
        let verdict: String
    }

    struct Profile: Encodable {
        let name: String
        let version: Int64
        let sha256: String
    }

    struct SQLFile: Encodable {
        let path: String
        let sha256: String
    }

    let report: String
    let month: String?
    let account: String?
    let status: String?
    let timeZone: String?
    let periodStart: String?
    let periodEnd: String?
    let cutoff: String?
    let snapshotAt: String
    let profiles: [Profile]
    let verdicts: [Verdict]
    let files: [File]
    let sqlFiles: [SQLFile]
    let programVersion: String
    let generatedAt: String

    /// The document, keys in snake_case and in order.
    func json() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(self)) + [0x0A]
    }
}
