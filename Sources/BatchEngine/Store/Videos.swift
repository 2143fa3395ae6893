import Codecs
public import Domain
import Formats
public import Postgres

/// The videos of the store, as they are asked for. The functions are those of migration 63.
public struct Videos {
    let session: Session

    public init(_ session: Session) {
        self.session = session
    }

    /// Who asks for a video.
    public enum Visitor: Sendable, Hashable {
        /// Its owner, or another customer.
        case customer(String)
        /// Somebody with a link: the token in it.
        case link(String)
        /// Somebody at a site that shows it: its host, in lower case.
        case site(String)
    }

    /// What comes of asking.
    public enum Outcome: Sendable, Hashable {
        case served(StoredVideo)
        /// There is none, or it is not theirs to know.
        case unknown
        /// Its time was over.
        case removed
        /// Its owner does not let them.
        case refused
    }

    /// Judges who asks, and writes the access down where `isRecorded` says that the video is served: by one function
    /// of the database, in one transaction.
    public func serve(
        _ videoID: String, to visitor: Visitor, isDownload: Bool, isRecorded: Bool
    ) throws -> Outcome {
        var (customer, token, site) = (Value.null, Value.null, Value.null)
        switch visitor {
        case .customer(let userID): customer = .uuid(userID)
        case .link(let text): token = .bytes(SHA256Digest.bytes(Array(text.utf8)))
        case .site(let host): site = .text(host)
        }
        let row = try session.query(
            "SELECT outcome, sha256, size_bytes, content_type FROM daybook.serve_video($1, $2, $3, $4, $5, $6)",
            [customer, .uuid(videoID), token, site, .bool(isDownload), .bool(isRecorded)])[0]
        guard try row.text("outcome") == "served" else { return try Self.outcome(row) }
        return .served(
            StoredVideo(
                digest: try row.optionalBytes("sha256") ?? [], sizeBytes: try row.int("size_bytes"),
                contentType: try row.text("content_type")))
    }

    private static func outcome(_ row: Row) throws -> Outcome {
        switch try row.text("outcome") {
        case "removed": .removed
        case "refused": .refused
        default: .unknown
        }
    }

    /// A link to a video of the customer's: its token, which is nowhere else, and until when it holds; or why not.
    public func share(
        _ videoID: String, of userID: String, hours: Int64
    ) throws -> (link: (token: String, expiresAt: Instant)?, outcome: Outcome) {
        var random = SystemRandomNumberGenerator()
        let token = Hexadecimal.text((0..<32).map { _ in UInt8.random(in: 0...255, using: &random) })
        let row = try session.query(
            "SELECT outcome, expires_at FROM daybook.share_video($1, $2, $3, $4)",
            [
                .uuid(userID), .uuid(videoID), .bytes(SHA256Digest.bytes(Array(token.utf8))), .int(hours * 3_600),
            ])[0]
        guard try row.text("outcome") == "shared", let expiresAt = try row.optionalInstant("expires_at") else {
            return (nil, try Self.outcome(row))
        }
        return ((token, expiresAt), .unknown)
    }

    /// Ends all links to a video; nil where the customer has no such one.
    public func unshare(_ videoID: String, of userID: String) throws -> Int64? {
        try session.query("SELECT daybook.unshare_video($1, $2) AS n", [.uuid(userID), .uuid(videoID)])[0]
            .optionalInt("n")
    }

    /// Changes the members of a video's policy that are given, as JSON; gives the whole policy, nil where the customer
    /// has no such video.
    public func setPolicy(_ videoID: String, of userID: String, _ changes: String) throws -> String? {
        try session.query(
            "SELECT daybook.set_video_policy($1, $2, $3)::text AS policy",
            [.uuid(userID), .uuid(videoID), .json(changes)])[0].optionalText("policy")
    }
}
