public import BatchEngine
import Domain
import Formats
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Postgres

/// `/videos`: served from the store, shared, shown on sites.
struct VideoRoutes: Sendable {
    let pool: ConnectionPool
    let videos: VideoServing?

    func add(to group: RouterGroup<APIContext>) {
        group.path("videos/:id/share", [.post: share, .delete: unshare])
        group.path("videos/:id/access", [.patch: access])
    }

    /// What who has no key may call too.
    func addContent(to group: RouterGroup<APIContext>) {
        group.path("videos/:id/content", [.get: content])
    }

    @Sendable private func content(_ request: Request, _ context: APIContext) async throws -> Response {
        let videoID = try Self.videoID(context)
        let query = QueryReader(request)
        let visitor = try Self.visitor(request, context, query)
        let isDownload = try Self.isDownload(query, visitor)
        let isHead = request.method == .head
        let video = try await serve(videoID, to: visitor, isDownload: isDownload, isRecorded: false)
        let answer = VideoAnswer(request, video)
        var file: (any OpenVideo)?
        if let range = answer.range, !isHead {
            // The file is open before the access is on record, and the record is there before the first byte goes.
            file = try await open(video, videoID, range, context.logger)
            _ = try await serve(videoID, to: visitor, isDownload: isDownload, isRecorded: true)
        }
        var response = answer.response(video, file)
        if answer.isServed {
            let kind = isDownload ? "attachment" : "inline"
            response.headers[.contentDisposition] = "\(kind); filename=\"\(videoID).mp4\""
        }
        if case .site = visitor, let origin = request.headers[.origin] {
            response.headers[.accessControlAllowOrigin] = origin
            response.headers[.vary] = "Origin"
        }
        return response
    }

    private func serve(
        _ videoID: String, to visitor: Videos.Visitor, isDownload: Bool, isRecorded: Bool
    ) async throws -> StoredVideo {
        let outcome = try await pool.transaction { session in
            try Videos(session).serve(videoID, to: visitor, isDownload: isDownload, isRecorded: isRecorded)
        }
        guard case .served(let video) = outcome else { throw Self.error(outcome) }
        return video
    }

    /// What is not there, or cannot be had, is for the operator to find: the books say that it is there.
    private func open(
        _ video: StoredVideo, _ videoID: String, _ range: VideoAnswer.Range, _ logger: Logger
    ) async throws -> any OpenVideo {
        do {
            if let file = try await videos?.store.open(video, of: videoID, from: range.first, count: range.count) {
                return file
            }
        } catch let fault as VideoFault {
            logger.error(
                "the store of videos cannot be read",
                metadata: ["video.id": "\(videoID)", "store.cause": "\(fault.sentence)"])
            var error = APIError(.serviceUnavailable, "The video cannot be read now. Try again.")
            error.retryAfterSeconds = Limits.storePauseSeconds
            throw error
        }
        logger.error("a video on record is not in the store", metadata: ["video.id": "\(videoID)"])
        throw APIError(.videoNotFound, "The video is not where it was kept; that has been logged.")
    }

    private static func visitor(
        _ request: Request, _ context: APIContext, _ query: QueryReader
    ) throws -> Videos.Visitor {
        if let caller = context.caller { return .customer(caller.userID) }
        if let token = query.text("share") { return .link(token) }
        let named = request.headers[.origin] ?? request.headers[.referer]
        if let host = named.flatMap({ URLComponents(string: $0)?.host })?.lowercased(), !host.isEmpty {
            return .site(host)
        }
        throw APIError(.missingAPIKey, "Send your API key in the header x-api-key, or the link's share.")
    }

    /// An owner who does not say otherwise downloads; everybody else plays.
    private static func isDownload(_ query: QueryReader, _ visitor: Videos.Visitor) throws -> Bool {
        let action = try query.choice("action", VideoAction.allCases)
        if case .customer = visitor { return action != .play }
        return action == .download
    }

    private enum VideoAction: String, CaseIterable { case play, download }

    @Sendable private func share(_ request: Request, _ context: APIContext) async throws -> Response {
        let videoID = try Self.videoID(context)
        let bytes = try await RequestBody.bytes(of: request)
        let body = try BodyReader(bytes.isEmpty ? [:] : JSON(parsing: bytes), known: ["hours"])
        let hours = try body.number("hours", within: Limits.shareHoursRange) ?? Limits.shareHours
        let userID = context.authenticatedCaller.userID
        let shared = try await pool.transaction { try Videos($0).share(videoID, of: userID, hours: hours) }
        guard let link = shared.link else { throw Self.error(shared.outcome) }
        let address = "\(videos?.publicURL ?? "")/v1/videos/\(videoID)/content?share=\(link.token)"
        return Response(
            body.answer([
                "ok": true, "video_id": .string(videoID), "share_url": .string(address),
                "expires_at": .string(link.expiresAt.description),
            ]))
    }

    @Sendable private func unshare(_ request: Request, _ context: APIContext) async throws -> Response {
        let videoID = try Self.videoID(context)
        let userID = context.authenticatedCaller.userID
        let ended = try await pool.transaction { try Videos($0).unshare(videoID, of: userID) }
        guard let ended else { throw Self.error(.unknown) }
        return Response(["ok": true, "video_id": .string(videoID), "ended": .integer(ended)])
    }

    @Sendable private func access(_ request: Request, _ context: APIContext) async throws -> Response {
        let videoID = try Self.videoID(context)
        let flags = ["allow_share", "allow_embed", "allow_download"]
        let body = try BodyReader(
            JSON(parsing: try await RequestBody.bytes(of: request)),
            known: Set(flags + ["embed_domains", "expires_at"]))
        var changes = try flags.compactMap { name in try body.flag(name).map { JSON.Member(name, .bool($0)) } }
        if let domains = try body.hosts("embed_domains", atMost: Limits.embedDomains) {
            changes.append(JSON.Member("embed_domains", .array(domains.map { .string($0) })))
        }
        if let instant = try body.instant("expires_at") {
            changes.append(JSON.Member("expires_at", .string(instant.description)))
        }
        let text = JSON.object(changes).compactText
        let userID = context.authenticatedCaller.userID
        let policy = try await pool.transaction { try Videos($0).setPolicy(videoID, of: userID, text) }
        guard let policy else { throw Self.error(.unknown) }
        return Response(
            body.answer([
                "ok": true, "video_id": .string(videoID), "policy": try JSON(parsing: Array(policy.utf8)),
            ]))
    }

    private static func error(_ outcome: Videos.Outcome) -> APIError {
        switch outcome {
        case .removed: APIError(.videoRemoved, "The video was removed when its time was over.")
        case .refused: APIError(.accessRefused, "The owner of the video does not let you.")
        case .unknown, .served: APIError(.videoNotFound, "There is no video with this id.")
        }
    }

    private static func videoID(_ context: APIContext) throws -> String {
        guard let id = context.parameters.get("id").flatMap(UUIDInPath.parse) else { throw error(.unknown) }
        return id
    }
}

/// Where videos are served from.
public struct VideoServing: Sendable {
    public let store: any VideoStore
    /// What stands before the path of an address: empty, or like `https://api.example.com`.
    public let publicURL: String

    public init(store: any VideoStore, publicURL: String) {
        self.store = store
        self.publicURL = publicURL
    }
}
