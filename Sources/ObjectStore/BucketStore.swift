import AsyncHTTPClient
public import BatchEngine
import Codecs
import Domain
import Formats
import NIOCore
import NIOHTTP1
public import Postgres

/// A store of videos in a bucket of a service that speaks S3. Call ``shutdown()`` when done.
///
/// Names are those of a folder, under the prefix. A video lies in a file without a name until it is whole: its digest
/// is signed before its first byte goes, so that the service refuses what was changed on the way.
public final class BucketStore: VideoStore {
    public let storeID: String
    private let bucket: Bucket

    private init(_ bucket: Bucket, storeID: String) {
        self.bucket = bucket
        self.storeID = storeID
    }

    /// The store of the connection's database: its mark is put where the database has no store yet.
    ///
    /// Throws `configuration` where it is not the database's store, or the key does not open it, and `tryAgain` where
    /// the bucket does not answer.
    public static func open(_ settings: BucketSettings, of connection: Connection) async throws -> BucketStore {
        let bucket = Bucket(settings)
        do {
            _ = try await temporary(settings)
            return BucketStore(bucket, storeID: try await mark(bucket, connection))
        } catch {
            try? await bucket.shutdown()
            switch error {
            case let fault as BucketFault: throw failure(fault)
            case let fault as VideoFault: throw DaybookError.configuration(fault.sentence)
            default: throw error
            }
        }
    }

    /// No call may be under way or follow.
    public func shutdown() async throws {
        try await bucket.shutdown()
    }

    private static func failure(_ fault: BucketFault) -> DaybookError {
        fault.passes
            ? DaybookError(.tryAgain, fault.sentence + " Try again when it does.")
            : .configuration(
                fault.sentence + " Are the bucket, the address, the region and the key right, and this machine's clock?"
            )
    }

    // MARK: - The mark

    private static func mark(_ bucket: Bucket, _ connection: Connection) async throws -> String {
        let (known, database) = try await connection.run { session in
            (try StoreMark.known(to: session), try StoreMark.database(of: session))
        }
        let own = StoreMark(newFor: database)
        var found = try await read(bucket)
        if found == nil, known == nil {
            try await put(own.text, bucket)
            found = try await read(bucket)
        }
        guard let text = found else {
            throw DaybookError.configuration(
                "The bucket \(bucket.settings.name) is not the store of this database's videos: its mark, the object "
                    + "\(StoreMark.name), is missing. Were the videos moved there with it?")
        }
        let foreign = DaybookError.configuration(
            "The bucket \(bucket.settings.name) is the store of another database, by its object \(StoreMark.name); "
                + "name another prefix.")
        guard let mark = StoreMark(text), known != nil || mark.database == database else { throw foreign }
        let holds: String
        if let known { holds = known } else { holds = try await connection.run { try mark.record(in: $0) } }
        if holds != mark.storeID {
            // A service that takes no conditions let two processes mark it at once, and the database has the other's.
            guard known == nil, mark == own else { throw foreign }
            try await put(StoreMark(storeID: holds, database: database).text, bucket, isNew: false)
        }
        return holds
    }

    private static func read(_ bucket: Bucket) async throws -> String? {
        let answer: Bucket.Answer
        do {
            answer = try await bucket.call(.GET, StoreMark.name, expecting: [200])
        } catch let fault as BucketFault where fault.status == 404 && fault.word != Bucket.noBucket {
            return nil
        }
        return String(decoding: answer.body, as: UTF8.self)
    }

    /// Where the mark is to be new, one that another process puts meanwhile stays.
    private static func put(_ text: String, _ bucket: Bucket, isNew: Bool = true) async throws {
        let upload = Bucket.Upload(
            digest: SHA256Digest.hex(text), sizeBytes: Int64(text.utf8.count), contentType: "text/plain",
            pieces: { .bytes(ByteBuffer(string: text)) })
        let answer = try await bucket.call(
            .PUT, StoreMark.name, fields: isNew ? [("if-none-match", "*")] : [], upload: upload,
            expecting: isNew ? [200, 409, 412, 501] : [200])
        if answer.status == 501 { try await put(text, bucket, isNew: false) }
    }

    private static func temporary(_ settings: BucketSettings) async throws -> VideoWriter {
        try await Disk.run { try VideoWriter(in: settings.temporaryFolder, isNamed: false) }
    }

    // MARK: - Videos

    private static func folder(of taskID: String) -> String { "\(taskID.prefix(2))/\(taskID)/" }

    public func begin(_ taskID: String) async throws -> VideoWriter {
        try await Self.temporary(bucket.settings)
    }

    public func keep(_ writer: VideoWriter, of taskID: String, _ contentType: String) async throws -> StoredVideo {
        let digest = await Disk.run { writer.digestBytes() }
        let size = writer.sizeBytes
        let text = Hexadecimal.text(digest)
        let name = Self.folder(of: taskID) + text
        let upload = Bucket.Upload(digest: text, sizeBytes: size, contentType: contentType) {
            .stream(WrittenPieces(writer: writer, sizeBytes: size), length: .known(size))
        }
        try await asVideoFault {
            _ = try await bucket.call(.PUT, name, upload: upload, expecting: [200])
            // It is there when it says so itself, with all its bytes.
            let head = try await bucket.call(.HEAD, name, expecting: [200])
            guard head.headers.first(name: "content-length") == "\(size)" else {
                throw VideoFault.store("The bucket \(bucket.settings.name) took a video and has another one.")
            }
        }
        return StoredVideo(digest: digest, sizeBytes: size, contentType: contentType)
    }

    public func open(
        _ video: StoredVideo, of taskID: String, from first: Int64, count: Int64
    ) async throws -> (any OpenVideo)? {
        let name = Self.folder(of: taskID) + Hexadecimal.text(video.digest)
        return try await asVideoFault {
            let response = try await bucket.open(name, from: first, count: count, of: video.sizeBytes)
            return response.map { BucketVideo($0, count: count) }
        }
    }

    /// True where the video of this digest is there.
    func has(_ digest: [UInt8], of taskID: String) async throws -> Bool {
        let name = Self.folder(of: taskID) + Hexadecimal.text(digest)
        return try await asVideoFault {
            try await bucket.call(.HEAD, name, expecting: [200, 404]).status == 200
        }
    }

    /// Throws `configuration` where the bucket has the mark of this store no more.
    func requireMark() async throws {
        let text = try await asVideoFault { try await Self.read(bucket) }
        guard text.flatMap(StoreMark.init)?.storeID == storeID else {
            throw DaybookError.configuration(
                "The bucket \(bucket.settings.name) is the store of this database's videos no more: its mark, the "
                    + "object \(StoreMark.name), is missing or another's.")
        }
    }

    /// Throws `configuration` where the bucket keeps what is deleted as an older version, or does not say.
    func requireNoVersions() async throws {
        let answer: Bucket.Answer
        do {
            answer = try await bucket.call(.GET, nil, query: [("versioning", "")], expecting: [200])
        } catch let fault as BucketFault where !fault.passes {
            throw DaybookError.configuration(
                "The bucket \(bucket.settings.name) does not say whether it keeps versions of what is deleted: "
                    + fault.sentence)
        } catch let fault as BucketFault {
            throw Self.failure(fault)
        }
        let states = Bucket.texts("Status", String(decoding: answer.body, as: UTF8.self))
        guard states.isEmpty else {
            throw DaybookError.configuration(
                "The bucket \(bucket.settings.name) keeps versions of what is deleted, so nothing would be deleted; "
                    + "keep videos in a bucket that never had versioning.")
        }
    }

    @discardableResult
    public func remove(_ taskID: String) async throws -> Bool {
        let folder = Self.folder(of: taskID)
        return try await asVideoFault {
            var wasThere = false
            for _ in 0..<Limits.bucketLists {
                let names = try await self.names(folder)
                if names.isEmpty { return wasThere }
                wasThere = true
                for name in names {
                    _ = try await bucket.call(.DELETE, name, expecting: [200, 204, 404])
                    _ = try await bucket.call(.HEAD, name, expecting: [404])
                }
            }
            throw VideoFault.store("The bucket \(bucket.settings.name) names what it was told to remove.")
        }
    }

    /// The names, without the prefix, that begin so.
    private func names(_ beginning: String) async throws -> [String] {
        let prefix = bucket.settings.prefix
        let answer = try await bucket.call(
            .GET, nil, query: [("list-type", "2"), ("prefix", prefix + beginning)], expecting: [200])
        return try Bucket.texts("Key", String(decoding: answer.body, as: UTF8.self)).map { key in
            guard key.hasPrefix(prefix + beginning) else {
                throw VideoFault.store("The bucket \(bucket.settings.name) lists what was not asked for.")
            }
            return String(key.dropFirst(prefix.count))
        }
    }

    private func asVideoFault<Result>(_ body: () async throws -> Result) async throws -> Result {
        do {
            return try await body()
        } catch let fault as BucketFault {
            throw fault.asVideoFault
        }
    }
}

/// What a writer has, a piece at a time.
private struct WrittenPieces: AsyncSequence, Sendable {
    let writer: VideoWriter
    let sizeBytes: Int64

    func makeAsyncIterator() -> Iterator { Iterator(writer: writer, sizeBytes: sizeBytes) }

    struct Iterator: AsyncIteratorProtocol {
        let writer: VideoWriter
        let sizeBytes: Int64
        var place: Int64 = 0

        mutating func next() async throws -> ByteBuffer? {
            let (writer, place, left) = (writer, place, sizeBytes - place)
            guard left > 0 else { return nil }
            let count = Int(Swift.min(left, Int64(Limits.videoPieceBytes)))
            let bytes = try await Disk.run { try writer.read(count, at: place) }
            guard !bytes.isEmpty else { throw VideoFault.store("A video on its way to the bucket has lost its end.") }
            self.place += Int64(bytes.count)
            return ByteBuffer(bytes: bytes)
        }
    }
}

/// An answer of the bucket whose head was found right, to be read to its end.
///
/// Unchecked: the one task that reads asks for one piece after the other.
private final class BucketVideo: OpenVideo, @unchecked Sendable {
    private var pieces: HTTPClientResponse.Body.AsyncIterator
    private var left: Int64

    init(_ response: HTTPClientResponse, count: Int64) {
        pieces = response.body.makeAsyncIterator()
        left = count
    }

    func next() async throws -> [UInt8]? {
        guard left > 0 else { return nil }
        guard let buffer = try await pieces.next() else {
            throw VideoFault.store("A video of the bucket came without its end.")
        }
        left -= Int64(buffer.readableBytes)
        guard left >= 0 else { throw VideoFault.store("A video of the bucket came with more bytes than it has.") }
        return Array(buffer.readableBytesView)
    }
}
