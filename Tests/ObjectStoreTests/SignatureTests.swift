import Codecs
import Domain
import Foundation
import TestSupport
import Testing

@testable import ObjectStore

/// Signatures are those that Amazon publishes and that its own library makes.
@Suite struct SignatureTests {
    private static let day = Instant(microseconds: 1_369_353_600_000_000)

    private static func signature() throws -> RequestSignature {
        let key = try BucketKey(id: "AKIAIOSFODNN7EXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
        return RequestSignature(key: key, region: "us-east-1")
    }

    private static func sign(_ content: RequestSignature.Content) throws -> String {
        let fields = try signature().fields(of: content, at: day)
        let named = try #require(fields.last { $0.name == "authorization" }).value
        #expect(named.hasPrefix("AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"))
        return String(named.suffix(64))
    }

    @Test func `the examples of Amazon's own description come out to the digit`() throws {
        let host = "examplebucket.s3.amazonaws.com"
        let read = RequestSignature.Content(
            method: "GET", host: host, path: "/test.txt", fields: [("range", "bytes=0-9")])
        #expect(try Self.sign(read) == "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")
        let written = RequestSignature.Content(
            method: "PUT", host: host, path: "/test$file.text",
            fields: [("date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")],
            bodyDigest: SHA256Digest.hex("Welcome to Amazon S3."))
        #expect(try Self.sign(written) == "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")
        let asked = RequestSignature.Content(method: "GET", host: host, path: "/", query: [("lifecycle", "")])
        #expect(try Self.sign(asked) == "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543")
        let listed = RequestSignature.Content(
            method: "GET", host: host, path: "/", query: [("prefix", "J"), ("max-keys", "2")])
        #expect(try Self.sign(listed) == "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")
    }

    @Test func `botocore signs the same, whatever stands in a path or a query`() async throws {
        let odd = ["a b", "a+b", "ä/ö", "100%", "~-._", "a%2Fb", "=&?#", "\u{1F3AC}", "", "'()*!"]
        var random = SeededRandom(seed: 1)
        var lines: [String] = []
        var own: [String] = []
        for number in 0..<60 {
            func text() -> String { odd.randomElement(using: &random) ?? "" }
            var content = RequestSignature.Content(
                method: ["GET", "PUT", "DELETE", "HEAD"][number % 4], host: "s3.example.com:9000",
                path: "/bucket/\(text())/\(text())x")
            content.query = (0..<number % 4).map { ("\($0)\(text())", text()) }
            content.fields = number % 2 == 0 ? [("range", "bytes=\(number)-"), ("x-amz-meta-a", " a   b ")] : []
            content.bodyDigest = SHA256Digest.hex("\(number)")
            let fields = try Self.signature().fields(of: content, at: Self.day)
            let path = RequestSignature.encode(content.path, keeping: UInt8(ascii: "/"))
            let query = RequestSignature.query(content.query)
            let line: [String: Any] = [
                "method": content.method, "url": "http://\(content.host)\(path)\(query.isEmpty ? "" : "?" + query)",
                "fields": fields.filter { $0.name != "authorization" }.map { [$0.name, $0.value] },
                "time": "20130524T000000Z", "key": "AKIAIOSFODNN7EXAMPLE", "region": "us-east-1",
                "secret": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            ]
            lines.append(String(decoding: try JSONSerialization.data(withJSONObject: line), as: UTF8.self))
            own.append(try Self.sign(content))
        }
        let scratch = try ScratchFolder()
        try lines.joined(separator: "\n").write(toFile: scratch.file("cases"), atomically: true, encoding: .utf8)
        let script = Deployment.root + "/Tests/ObjectStoreTests/signatures.py"
        let run = try await ProgramRun(
            ["-c", "exec \"$0\" \"$1\" < \"$2\"", TestPython.path, script, scratch.file("cases")], program: "/bin/sh")
        #expect(run.exitCode == 0, "\(run.errors)")
        #expect(run.output.split(separator: "\n").map(String.init) == own)
    }

    @Test func `a key is shown to nobody, and what is no key or no bucket is refused`() throws {
        let key = try BucketKey(text: " AKID \n the/secret+1= \n")
        for text in ["\(key)", String(reflecting: key), "\([key])"] {
            #expect(!text.contains("secret+1") && !text.contains("AKID"), "\(text)")
        }
        var dumped = ""
        dump(key, to: &dumped)
        #expect(!dumped.contains("secret+1"))
        for text in ["", "one", "a b c", "a/b secret", "AK\u{e4} secret"] {
            #expect(throws: DaybookError.self, "\(text)") { try BucketKey(text: text) }
        }
        func settings(_ store: String, _ endpoint: String? = nil) throws -> BucketSettings {
            try BucketSettings(
                store: store, endpoint: endpoint, region: "us-east-1", key: key, temporaryFolder: "/var/tmp")
        }
        #expect(try settings("s3://films/a/b/").name == "s3://films/a/b at https://s3.us-east-1.amazonaws.com")
        #expect(try settings("s3://films", "http://H:9000/").name == "s3://films at http://h:9000")
        #expect(try settings("s3://films", "https://h:443").host == "h")
        for store in [
            "s3://", "s3://a", "s3://films//b", "s3://films/../b", "s3://films/a b", "s3://films/%2F", "s3://f?x",
        ] {
            #expect(throws: DaybookError.self, "\(store)") { try settings(store) }
        }
        for endpoint in ["", "h:9000", "ftp://h", "http://h/path", "http://u:p@h", "http://h?x"] {
            #expect(throws: DaybookError.self, "\(endpoint)") { try settings("s3://films", endpoint) }
        }
    }
}
