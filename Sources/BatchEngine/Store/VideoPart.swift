import Domain

/// A video on its way, from its first try to its last: what came before a line broke is kept for the next try.
///
/// Unchecked: the one task that copies calls one method after the other, and hands it over to the next one.
final class VideoPart: @unchecked Sendable {
    let writer: VideoWriter
    private var head: VideoHead?
    private var url = ""
    private var isWhole = false

    init(_ writer: VideoWriter) {
        self.writer = writer
    }

    var contentType: String { head?.contentType ?? "" }

    /// True where the next try is spared something by it.
    var isWorthKeeping: Bool { !writer.isSpoilt && writer.sizeBytes > 0 && (isWhole || head?.tag != nil) }

    /// What the next request can do without; nil where it begins at the first byte. The same tag under another address
    /// may be another video's.
    private func beginning(_ url: String) -> VideoBeginning? {
        guard isWorthKeeping, url == self.url, let head, let tag = head.tag, let size = head.sizeBytes,
            writer.sizeBytes < size
        else { return nil }
        return VideoBeginning(bytes: writer.sizeBytes, sizeBytes: size, contentType: head.contentType, tag: tag)
    }

    /// Reads what is missing of the video at an address: nothing, where all of it came before and the store refused it.
    ///
    /// - Parameter reserve: Called with the bytes that the whole video may have, before the first one comes.
    /// - Throws: ``VideoFault`` and `CancellationError`.
    func fetch(
        _ url: String, from source: any VideoSource, reserve: @Sendable (Int64) async throws -> Void
    ) async throws {
        guard !isWhole else { return }
        do {
            try await source.read(url, after: beginning(url)) { head in
                let size = head.sizeBytes ?? Limits.videoBytes
                guard size <= Limits.videoBytes else { throw VideoFault.tooLarge }
                try await reserve(size)
                try await Disk.run { try self.begin(head, at: url) }
            } piece: { bytes in
                try await Disk.run { try self.writer.append(bytes, atMost: Limits.videoBytes) }
            }
            try Task.checkCancellation()
            try end()
        } catch let fault as VideoFault {
            if case .otherRest = fault { forget() }
            throw fault
        }
    }

    private func begin(_ head: VideoHead, at url: String) throws {
        if head.firstByte != writer.sizeBytes {
            // A source that goes on anywhere else has no idea of what was asked.
            guard head.firstByte == 0 else { throw VideoFault.otherRest("The video goes on at another place.") }
            try writer.restart()
        }
        self.head = head
        self.url = url
    }

    private func end() throws {
        guard writer.sizeBytes > 0 else { throw VideoFault.missing("The video is empty.") }
        guard let head else { throw VideoFault.line("The video did not come.") }
        let size = head.sizeBytes ?? writer.sizeBytes
        guard writer.sizeBytes >= size else { throw VideoFault.line("The video was cut off.") }
        guard writer.sizeBytes == size else { throw VideoFault.otherRest("The video has more bytes than it said.") }
        isWhole = true
    }

    /// Begins at the first byte the next time.
    private func forget() {
        head = nil
        url = ""
    }
}

/// The videos whose tries broke off, for their next ones: a few, with few bytes.
struct KeptParts {
    private var parts: [String: VideoPart] = [:]
    private var bytes: Int64 = 0

    /// Takes out what there is of a task's.
    mutating func take(_ taskID: String) -> VideoPart? {
        guard let part = parts.removeValue(forKey: taskID) else { return nil }
        bytes -= part.writer.sizeBytes
        return part
    }

    /// Keeps it, where there is room and it helps.
    mutating func keep(_ part: VideoPart, of taskID: String) {
        let size = part.writer.sizeBytes
        guard part.isWorthKeeping, parts[taskID] == nil, parts.count < Limits.keptParts,
            bytes + size <= Limits.keptPartsBytes
        else { return }
        parts[taskID] = part
        bytes += size
    }
}
