/// Where the provider's videos are fetched from.
public protocol VideoSource: Sendable {
    /// Reads the video at an address once, from its beginning to its end, a piece at a time: the next piece is asked
    /// for when `piece` is done with the one before.
    ///
    /// - Parameter begin: Called with what the answer's head says, before the first piece.
    /// - Throws: ``VideoFault``, also what the closures throw, and `CancellationError`.
    func read(
        _ url: String, begin: @Sendable (VideoHead) async throws -> Void,
        piece: @escaping @Sendable ([UInt8]) async throws -> Void
    ) async throws
}

/// What is known of a video before its first byte.
public struct VideoHead: Sendable, Hashable {
    /// Bytes that follow; nil where the answer does not say it and has its own end.
    public let sizeBytes: Int64?
    /// Like `video/mp4`.
    public let contentType: String

    public init(sizeBytes: Int64?, contentType: String) {
        self.sizeBytes = sizeBytes
        self.contentType = contentType
    }
}

/// Why a video was not copied. The texts are sentences without the address, which may be as good as a key.
public enum VideoFault: Error, Sendable, Hashable {
    /// There is no video under the address, or nothing that is one.
    case missing(String)
    /// It did not come, or not to its end: it may well the next time.
    case line(String)
    /// It has more bytes than a video may have.
    case tooLarge
    /// What is under way already leaves no room for it now.
    case crowded
    /// The store takes nothing.
    case store(String)

    /// A sentence for the record of the copy.
    public var sentence: String {
        switch self {
        case .missing(let text), .line(let text), .store(let text): text
        case .tooLarge: "The video has too many bytes."
        case .crowded: "There is no room for the video now."
        }
    }
}

/// A video that lies in the store.
public struct StoredVideo: Sendable, Hashable {
    /// The 32 bytes of its SHA-256.
    public let digest: [UInt8]
    public let sizeBytes: Int64
    public let contentType: String

    public init(digest: [UInt8], sizeBytes: Int64, contentType: String) {
        self.digest = digest
        self.sizeBytes = sizeBytes
        self.contentType = contentType
    }
}
