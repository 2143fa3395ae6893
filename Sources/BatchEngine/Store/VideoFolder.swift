import Domain
import Formats
import Foundation
import Glibc
public import Postgres

/// A store of videos in a folder: `ab/TASK/SHA256`, where `ab` is the beginning of the task's id.
///
/// The file under a name is whole from the first instant on, and on the disk.
public struct VideoFolder: VideoStore, Hashable {
    public let path: String
    /// The number of the mark.
    public let storeID: String

    static let unfinished = ".part"

    /// The store of a database: made where the database has none yet, and otherwise the one with its mark. Run it
    /// outside of a transaction.
    ///
    /// Throws `configuration` where the folder is not the database's store, `output` where it cannot be written.
    public init(_ path: String, of session: Session) throws {
        let path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        let known = try StoreMark.known(to: session)
        let database = try StoreMark.database(of: session)
        if known == nil { try Self.make(path, database) }
        guard let text = try? String(contentsOfFile: "\(path)/\(StoreMark.name)", encoding: .utf8) else {
            throw DaybookError.configuration(
                "The folder \(path) is not the store of this database's videos: its mark, the file "
                    + "\(StoreMark.name), is missing. Is the disk mounted?")
        }
        let foreign = DaybookError.configuration(
            "The folder \(path) is the store of another database, by its file \(StoreMark.name); name one of its own.")
        guard let mark = StoreMark(text) else { throw foreign }
        if known == nil {
            guard mark.database == database else { throw foreign }
            _ = try mark.record(in: session)
        }
        guard try StoreMark.known(to: session) == mark.storeID else { throw foreign }
        self.path = path
        storeID = mark.storeID
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
        let unlinked = "\(path)/\(StoreMark.name).\(UUID().uuidString)"
        let text = Array(StoreMark(newFor: database).text.utf8)
        let descriptor = Glibc.open(unlinked, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw fault }
        defer {
            close(descriptor)
            unlink(unlinked)
        }
        guard write(descriptor, text, text.count) == text.count, fsync(descriptor) == 0 else { throw fault }
        // The name appears with all that is in it.
        guard link(unlinked, "\(path)/\(StoreMark.name)") == 0 || errno == EEXIST, synchronise(path) else {
            throw fault
        }
    }

    /// The folder of a task's files.
    func folder(of taskID: String) -> String { "\(path)/\(taskID.prefix(2))/\(taskID)" }

    /// A file for a video of a task, whatever another one left unfinished.
    public func begin(_ taskID: String) async throws -> VideoWriter {
        try await Disk.run {
            let folder = folder(of: taskID)
            let above = "\(path)/\(taskID.prefix(2))"
            let isNew = mkdir(above, 0o700) == 0
            guard isNew || errno == EEXIST, !isNew || Self.synchronise(path) else { throw Self.fault(path) }
            let isFirst = mkdir(folder, 0o700) == 0
            guard isFirst || errno == EEXIST, !isFirst || Self.synchronise(above) else { throw Self.fault(path) }
            for name in Self.names(folder) where name.hasSuffix(Self.unfinished) { unlink("\(folder)/\(name)") }
            return try VideoWriter(in: folder, isNamed: true)
        }
    }

    public func keep(
        _ writer: VideoWriter, of taskID: String, _ contentType: String
    ) async throws -> StoredVideo {
        try await Disk.run { try writer.finish(contentType) }
    }

    public func open(
        _ video: StoredVideo, of taskID: String, from first: Int64, count: Int64
    ) async throws -> (any OpenVideo)? {
        try await Disk.run {
            let file = try VideoFile(
                "\(folder(of: taskID))/\(Hexadecimal.text(video.digest))", from: first, count: count)
            guard file != nil || hasMark else {
                throw VideoFault.store(
                    "\(path) is not the store of videos any more: its mark is missing or another's.")
            }
            return file.flatMap { $0.sizeBytes == video.sizeBytes ? $0 : nil }
        }
    }

    @discardableResult
    public func remove(_ taskID: String) async throws -> Bool {
        try await Disk.run {
            let folder = folder(of: taskID)
            let names = Self.names(folder)
            for name in names { unlink("\(folder)/\(name)") }
            guard rmdir(folder) == 0 || errno == ENOENT else { throw Self.fault(folder) }
            guard Self.synchronise("\(path)/\(taskID.prefix(2))") else { throw Self.fault(path) }
            return !names.isEmpty
        }
    }

    /// True as long as the folder has the mark of this store: on a disk that is not there every video is missing.
    var hasMark: Bool {
        let text = try? String(contentsOfFile: "\(path)/\(StoreMark.name)", encoding: .utf8)
        return text.flatMap(StoreMark.init)?.storeID == storeID
    }

    private static func names(_ folder: String) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    }

    /// Names in a folder survive a failure of power. True where there is no such folder, too.
    static func synchronise(_ folder: String) -> Bool {
        let descriptor = Glibc.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
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
///
/// Unchecked: the one task that reads asks for one piece after the other.
final class VideoFile: OpenVideo, @unchecked Sendable {
    private let descriptor: Int32
    let sizeBytes: Int64
    private var place: Int64
    private var left: Int64

    /// Nil where there is no such file. Throws ``VideoFault`` where it cannot be opened.
    fileprivate init?(_ path: String, from first: Int64, count: Int64) throws {
        let opened = Glibc.open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard opened >= 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw VideoFault.store("\(path) cannot be opened: \(String(cString: strerror(errno))).")
        }
        var status = stat()
        guard fstat(opened, &status) == 0 else {
            let cause = String(cString: strerror(errno))
            close(opened)
            throw VideoFault.store("\(path) cannot be read: \(cause).")
        }
        descriptor = opened
        sizeBytes = Int64(status.st_size)
        (place, left) = (first, count)
    }

    deinit {
        close(descriptor)
    }

    func next() async throws -> [UInt8]? {
        guard left > 0 else { return nil }
        let (descriptor, place, count) = (descriptor, place, Int(min(left, Int64(Limits.videoPieceBytes))))
        let bytes = await Disk.run {
            [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
                filled = max(pread(descriptor, buffer.baseAddress, count, off_t(place)), 0)
            }
        }
        guard !bytes.isEmpty else { throw VideoFault.store("A file of the store cannot be read to its end.") }
        self.place += Int64(bytes.count)
        left -= Int64(bytes.count)
        return bytes
    }
}

/// Calls that wait for a disk: they keep no thread that others need.
package enum Disk {
    private static let queue = DispatchQueue(label: "daybook.videos", attributes: .concurrent)

    package static func run<Result: Sendable>(_ body: @escaping @Sendable () -> Result) async -> Result {
        await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: body()) }
        }
    }

    package static func run<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Swift.Result { try body() }) }
        }
    }
}
