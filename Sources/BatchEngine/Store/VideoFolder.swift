import Domain
import Formats
import Foundation
public import Postgres

/// A store of videos in a folder: `ab/TASK/SHA256`, where `ab` is the beginning of the task's id.
///
/// The folder has a mark with a number that the database knows, so that a disk that is not there is never taken for
/// the store. The name of a file says what is in it: copies of one task never replace each other.
public struct VideoFolder: Sendable, Hashable {
    public let path: String
    /// The number of the mark.
    public let storeID: String

    static let mark = "daybook-store"
    static let unfinished = ".part"

    /// The store of a database: made where the database has none yet, and otherwise the one with its mark. Run it
    /// outside of a transaction.
    ///
    /// Throws `configuration` where the folder is not the database's store, `output` where it cannot be written.
    public init(_ path: String, of session: Session) throws {
        let path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        let known = try Self.known(to: session)
        let database = try DatabaseIdentity(of: session).description
        if known == nil { try Self.make(path, database) }
        guard let text = try? String(contentsOfFile: "\(path)/\(Self.mark)", encoding: .utf8) else {
            throw DaybookError.configuration(
                "The folder \(path) is not the store of this database's videos: its mark, the file \(Self.mark), is "
                    + "missing. Is the disk mounted?")
        }
        let words = text.split(whereSeparator: \.isWhitespace).map(String.init)
        let foreign = DaybookError.configuration(
            "The folder \(path) is the store of another database, by its file \(Self.mark); name one of its own.")
        guard words.count == 3, words[0] == "1", let storeID = UUID(uuidString: words[1])?.uuidString.lowercased()
        else { throw foreign }
        if known == nil {
            guard words[2] == database else { throw foreign }
            _ = try session.query(
                """
                INSERT INTO daybook.video_store (store_id, made_at) VALUES ($1, daybook.clock())
                ON CONFLICT (is_only) DO NOTHING RETURNING store_id
                """, [.uuid(storeID)])
        }
        guard try Self.known(to: session) == storeID else { throw foreign }
        self.path = path
        self.storeID = storeID
    }

    /// The number of the database's store; nil where it has none.
    public static func known(to session: Session) throws -> String? {
        try session.query("SELECT store_id FROM daybook.video_store").first?.uuid("store_id")
    }

    /// Makes a folder with a mark; one that has it, and one that another process marks now, stay.
    private static func make(_ path: String, _ database: String) throws {
        let fault = DaybookError.output("The folder \(path), for videos, cannot be made or written.")
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw fault
        }
        let unlinked = "\(path)/\(mark).\(UUID().uuidString)"
        let text = Array("1 \(UUID().uuidString.lowercased()) \(database)\n".utf8)
        let descriptor = open(unlinked, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw fault }
        defer {
            close(descriptor)
            unlink(unlinked)
        }
        guard write(descriptor, text, text.count) == text.count, fsync(descriptor) == 0 else { throw fault }
        // The name appears with all that is in it.
        guard link(unlinked, "\(path)/\(mark)") == 0 || errno == EEXIST, synchronise(path) else { throw fault }
    }

    /// The folder of a task's files.
    func folder(of taskID: String) -> String { "\(path)/\(taskID.prefix(2))/\(taskID)" }

    /// A file for a video of a task, whatever another one left unfinished. Throws ``VideoFault``.
    func begin(_ taskID: String) throws -> VideoWriter {
        let folder = folder(of: taskID)
        let above = "\(path)/\(taskID.prefix(2))"
        let isNew = mkdir(above, 0o700) == 0
        guard isNew || errno == EEXIST, !isNew || Self.synchronise(path) else { throw Self.fault(path) }
        let isFirst = mkdir(folder, 0o700) == 0
        guard isFirst || errno == EEXIST, !isFirst || Self.synchronise(above) else { throw Self.fault(path) }
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        where name.hasSuffix(Self.unfinished) {
            unlink("\(folder)/\(name)")
        }
        return try VideoWriter(in: folder)
    }

    /// A video, to be read; nil where it is not there.
    public func video(_ taskID: String, digest: [UInt8]) -> VideoFile? {
        VideoFile("\(folder(of: taskID))/\(Hexadecimal.text(digest))")
    }

    /// Removes what there is of a task. False where that cannot be.
    @discardableResult
    public func remove(_ taskID: String) -> Bool {
        let folder = folder(of: taskID)
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
            unlink("\(folder)/\(name)")
        }
        return (rmdir(folder) == 0 || errno == ENOENT) && Self.synchronise("\(path)/\(taskID.prefix(2))")
    }

    /// Names in a folder survive a failure of power. True where there is no such folder, too.
    static func synchronise(_ folder: String) -> Bool {
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return errno == ENOENT }
        defer { close(descriptor) }
        return fsync(descriptor) == 0
    }

    /// What the last call of the system failed for.
    static func fault(_ path: String) -> VideoFault {
        let code = errno
        return .store("\(path) takes no videos: \(String(cString: strerror(code))).")
    }
}

/// A file of the store that is open to be read; closed with its last reference.
public final class VideoFile: Sendable {
    private let descriptor: Int32
    public let sizeBytes: Int64

    fileprivate init?(_ path: String) {
        let opened = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard opened >= 0 else { return nil }
        var status = stat()
        guard fstat(opened, &status) == 0 else {
            close(opened)
            return nil
        }
        descriptor = opened
        sizeBytes = Int64(status.st_size)
    }

    deinit {
        close(descriptor)
    }

    /// At most so many bytes from a place on; nothing at the end, or where the disk cannot read them.
    public func read(_ count: Int, at place: Int64) async -> [UInt8] {
        let descriptor = descriptor
        return await Disk.run {
            [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
                filled = max(pread(descriptor, buffer.baseAddress, count, off_t(place)), 0)
            }
        }
    }
}

/// Calls that wait for a disk: they keep no thread that others need.
enum Disk {
    private static let queue = DispatchQueue(label: "daybook.videos", attributes: .concurrent)

    static func run<Result: Sendable>(_ body: @escaping @Sendable () -> Result) async -> Result {
        await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: body()) }
        }
    }

    static func run<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Swift.Result { try body() }) }
        }
    }
}
