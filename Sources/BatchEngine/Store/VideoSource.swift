/// Where the provider's videos are fetched from.
public protocol VideoSource: Sendable {
    /// Reads the video at an address once, to its end, a piece at a time: the next piece is asked for when `piece` is
    /// done with the one before.
    ///
    /// - Parameter beginning: What is there of it already, so that only the rest is read where the answer is exactly
    ///   that. Where the answer is another video, or all of this one, it is read from its first byte.
    /// - Parameter begin: Called with what the answer's head says, before the first piece.
    /// - Throws: ``VideoFault``, also what the closures throw, and `CancellationError`.
    func read(
        _ url: String, after beginning: VideoBeginning?, begin: @Sendable (VideoHead) async throws -> Void,
        piece: @escaping @Sendable ([UInt8]) async throws -> Void
    ) async throws
}

/// What is known of a video before its first byte.
public struct VideoHead: Sendable, Hashable {
    /// Bytes of the whole video; nil where the answer does not say it and has its own end.
    public let sizeBytes: Int64?
    /// Like `video/mp4`.
    public let contentType: String
    /// The place of the first byte that follows: where the beginning ends that was there, or 0.
    public let firstByte: Int64
    /// The strong entity tag by which a rest can be asked for; nil where it cannot.
    public let tag: String?

    public init(sizeBytes: Int64?, contentType: String, firstByte: Int64 = 0, tag: String? = nil) {
        self.sizeBytes = sizeBytes
        self.contentType = contentType
        self.firstByte = firstByte
        self.tag = tag
    }
}

/// The beginning of a video, as far as it came before the line broke.
public struct VideoBeginning: Sendable, Hashable {
    /// Bytes that are there: at least one, and fewer than all.
    public let bytes: Int64
    public let sizeBytes: Int64
    public let contentType: String
    public let tag: String

    public init(bytes: Int64, sizeBytes: Int64, contentType: String, tag: String) {
        self.bytes = bytes
        self.sizeBytes = sizeBytes
        self.contentType = contentType
        self.tag = tag
    }
}

/// Why a video was not copied. The texts are sentences without the address, which may be as good as a key.
public enum VideoFault: Error, Sendable, Hashable {
    /// There is no video under the address, or nothing that is one.
    case missing(String)
    /// It did not come, or not to its end: it may well the next time.
    case line(String)
    /// What came is not the rest of what was there: that is of no use any more.
    case otherRest(String)
    /// It has more bytes than a video may have.
    case tooLarge
    /// What is under way already leaves no room for it now.
    case crowded
    /// The store takes nothing.
    case store(String)

    /// A sentence for the record of the copy.
    public var sentence: String {
        switch self {
        case .missing(let text), .line(let text), .otherRest(let text), .store(let text): text
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
