import Codecs
import Documents
import Domain
import Foundation
import Postgres
import TestSupport

@testable import Ledger

/// What was kept of a closed month, put into the form in which an earlier version closed it: rows that say neither
/// whose they are nor of which month.
enum FormerForm {
    /// Rewrites the tables, the manifest and the close of the one month that is closed, so that all of them agree.
    static func keep(_ slug: String, _ settings: ConnectionSettings) async throws {
        let connection = try await Connection.open(settings)
        try await connection.run { session in
            let rows = try session.query(
                """
                SELECT f.name, f.content, f.user_id::text AS user_id FROM daybook.month_close_file AS f
                WHERE f.name LIKE 'statement-\(slug)-%' ORDER BY f.name COLLATE "C"
                """)
            var files: [String: [UInt8]] = [:]
            for row in rows { files[try row.text("name")] = try row.optionalBytes("content") ?? [] }
            guard let user = try rows.first?.text("user_id"),
                let name = files.keys.first(where: { $0.hasSuffix("/manifest.json") })
            else { throw TestSupportError("nothing of \(slug) is closed") }
            var document = String(decoding: files[name] ?? [], as: UTF8.self)
            for (file, content) in files where file.hasSuffix(".csv") {
                let former = former(content)
                document.replace(SHA256Digest.hex(content), with: SHA256Digest.hex(former))
                files[file] = former
            }
            let (manifest, json) = try chained(document)
            files[name] = json
            for (file, content) in files {
                try session.execute(
                    "UPDATE daybook.month_close_file SET content = $2, sha256 = $3 WHERE name = $1",
                    [.text(file), .bytes(content), .text(SHA256Digest.hex(content))])
            }
            try session.execute(
                "UPDATE daybook.month_close SET statement_sha256 = $2, hash = $3 WHERE user_id = $1",
                [.uuid(user), .text(manifest.statementSha256), .text(manifest.chain.hash)])
        }
        await connection.close()
    }

    /// A table without its first two columns, which need no quotes.
    private static func former(_ content: [UInt8]) -> [UInt8] {
        let mark = Array("\u{FEFF}".utf8)
        let lines = String(decoding: content.dropFirst(mark.count), as: UTF8.self).components(separatedBy: "\r\n")
        let rest = lines.map { $0.split(separator: ",", maxSplits: 2, omittingEmptySubsequences: false) }
        return mark + rest.map { $0.count == 3 ? String($0[2]) : "" }.joined(separator: "\r\n").utf8
    }

    /// The manifest with the digest of its files and the hash of the chain.
    private static func chained(_ document: String) throws -> (StatementManifest, [UInt8]) {
        let files = try StatementManifest(json: Array(document.utf8))
        let digest = StatementManifest.digest(of: files.files)
        let digested = document.replacing(files.statementSha256, with: digest)
        let hash = try StatementManifest(json: Array(digested.utf8)).linkHash
        let manifest = try StatementManifest(json: Array(digested.replacing(files.chain.hash, with: hash).utf8))
        return (manifest, try manifest.json())
    }
}
