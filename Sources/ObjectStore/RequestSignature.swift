import Codecs
import Domain
import Formats

/// Signs requests as Amazon's services want it, and stores that speak S3: Signature Version 4, with the digest of the
/// body in the header `x-amz-content-sha256`.
///
/// A file of our own on libcrypto's SHA-256 and HMAC: of the packages that build here none signs, and libcurl 7.88
/// signs an address as it is written and the body of an upload as if it were empty.
struct RequestSignature: Sendable {
    let key: BucketKey
    let region: String
    var service = "s3"

    /// What is signed of a request.
    struct Content: Sendable {
        let method: String
        /// With the port, where it is not the scheme's own: as the header `host` says it.
        let host: String
        /// Not encoded yet.
        let path: String
        var query: [(name: String, value: String)] = []
        /// All that are to be signed beside those that signing adds; names in lower case.
        var fields: [(name: String, value: String)] = []
        /// The SHA-256 of the body in hexadecimal.
        var bodyDigest = SHA256Digest.hex("")
    }

    /// All header fields of the signed request, `authorization` among them.
    func fields(of content: Content, at instant: Instant) -> [(name: String, value: String)] {
        let time = Self.stamp(instant)
        let day = time.prefix(8)
        var fields = content.fields.map { ($0.name, Self.trimmed($0.value)) }
        fields += [
            ("host", content.host), ("x-amz-content-sha256", content.bodyDigest), ("x-amz-date", time),
        ]
        fields.sort { $0.0 < $1.0 }
        let names = fields.map(\.0).joined(separator: ";")
        let canonical = [
            content.method, Self.encode(content.path, keeping: UInt8(ascii: "/")), Self.query(content.query),
            fields.map { "\($0.0):\($0.1)\n" }.joined(), names, content.bodyDigest,
        ].joined(separator: "\n")
        let scope = "\(day)/\(region)/\(service)/aws4_request"
        let toSign = "AWS4-HMAC-SHA256\n\(time)\n\(scope)\n\(SHA256Digest.hex(canonical))"
        var code = Array("AWS4\(key.secret)".utf8)
        for part in [String(day), region, service, "aws4_request", toSign] {
            code = HMACSHA256.code(of: Array(part.utf8), key: code)
        }
        let signature = Hexadecimal.text(code)
        fields.append(
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=\(key.id)/\(scope),SignedHeaders=\(names),Signature=\(signature)"
            ))
        return fields.map { (name: $0.0, value: $0.1) }
    }

    /// The query as it is signed, and as it is to be sent.
    static func query(_ query: [(name: String, value: String)]) -> String {
        query.map { (encode($0.name), encode($0.value)) }.sorted { $0 < $1 }.map { "\($0.0)=\($0.1)" }
            .joined(separator: "&")
    }

    /// Encodes every byte but letters, digits and `-._~`.
    static func encode(_ text: String, keeping kept: UInt8? = nil) -> String {
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                bytes.append(byte)
            case kept: bytes.append(byte)
            default: bytes += Array("%\(Hexadecimal.text([byte]).uppercased())".utf8)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Like `20130524T000000Z`.
    private static func stamp(_ instant: Instant) -> String {
        String(instant.description.prefix(19).filter { $0 != "-" && $0 != ":" }) + "Z"
    }

    private static func trimmed(_ value: String) -> String {
        value.split(separator: " ").joined(separator: " ")
    }
}
