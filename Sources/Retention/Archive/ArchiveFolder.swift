internal import Digests
public import Domain
internal import Foundation

/// Where archives are kept, and with which key.
public struct ArchivePlace: Sendable {
    /// The folder that holds a folder a run.
    public let folder: String
    /// A key of 32 bytes; nil leaves the files unencrypted.
    let key: [UInt8]?
    /// Days after which the archive of a run is destroyed.
    public let days: Int64

    /// - Parameter keyFile: A file with 32 bytes, or with 64 hexadecimal digits.
    public init(folder: String, keyFile: String? = nil, days: Int64 = Limits.archiveDays) throws(DaybookError) {
        self.folder = folder
        self.days = days
        key = try keyFile.map { path throws(DaybookError) in try Self.key(path) }
    }

    /// The name of the cipher, nil without one.
    var cipher: String? { key == nil ? nil : "AES-256-GCM" }

    static func key(_ path: String) throws(DaybookError) -> [UInt8] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw .configuration("The key file \(path) cannot be read.")
        }
        if data.count == AuthenticatedCipher.keyLength { return Array(data) }
        let digits = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        let pairs = stride(from: 0, to: digits.utf8.count, by: 2).map {
            Array(digits.utf8)[$0..<min($0 + 2, digits.utf8.count)]
        }
        let bytes = pairs.compactMap { UInt8(String(decoding: $0, as: UTF8.self), radix: 16) }
        guard digits.utf8.count == 2 * AuthenticatedCipher.keyLength, bytes.count == AuthenticatedCipher.keyLength
        else {
            throw .configuration(
                "The key file \(path) holds no key: it needs 32 bytes, or 64 hexadecimal digits "
                    + "(openssl rand -hex 32 > \(path)).")
        }
        return bytes
    }
}

/// The folder of one run's archive.
struct ArchiveFolder: Sendable {
    let path: String

    init(place: ArchivePlace, run: Int64) {
        path = Self.path(in: place.folder, run: run)
    }

    init(path: String) {
        self.path = path
    }

    static func path(in folder: String, run: Int64) -> String { "\(folder)/run-\(padded(run, 6))" }

    static func padded(_ number: Int64, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(width - digits.count, 0)) + digits
    }

    var manifest: String { path + "/manifest.json" }

    func file(_ name: String) -> String { path + "/" + name }

    static func segmentName(_ number: Int64, _ dataClass: String, isEncrypted: Bool) -> String {
        "\(padded(number, 6))-\(dataClass).csv.gz" + (isEncrypted ? ".enc" : "")
    }

    /// Makes the folder. Throws `output` where it cannot be made or written.
    func make() throws(DaybookError) {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw .output("The archive folder \(path) cannot be made; nothing was purged. Name another with --archive.")
        }
        guard access(path, W_OK) == 0 else {
            throw .output(
                "The archive folder \(path) cannot be written; nothing was purged. Name another with --archive.")
        }
        try Self.synchronise((path as NSString).deletingLastPathComponent)
    }

    /// Makes the folder of a run that begins. Throws `output` where there is one already: another database counts its
    /// runs from 1 too, and its archive is not ours to write to.
    func makeNew() throws(DaybookError) {
        guard mkdir(path, 0o700) == 0 else {
            throw .output(
                errno == EEXIST
                    ? "The archive folder \(path) is there already, of another database or of a copy of this one; "
                        + "nothing was purged. Name another place with --archive."
                    : "The archive folder \(path) cannot be made; nothing was purged. Name another with --archive.")
        }
        try make()
    }

    /// Throws `configuration` where a file that was recorded is not here, or the key is another than the files'.
    func requireWhole(_ recorded: Set<String>, key: [UInt8]?) throws {
        for name in recorded.sorted() where !FileManager.default.fileExists(atPath: file(name)) {
            throw DaybookError.configuration(
                "The archived file \(file(name)) is not here; nothing was purged. Continue the purge where it was "
                    + "begun.")
        }
        if key != nil, let first = recorded.min() { try SegmentReader(path: file(first), key: key).read { _ in } }
    }

    /// Removes segments that no transaction recorded: what they hold is still in its table.
    func removeUnrecorded(_ recorded: Set<String>) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        for name in names where name.contains(".csv.gz") && !recorded.contains(name) { unlink(file(name)) }
    }

    /// Waits until the folder's entries are on disk.
    static func synchronise(_ path: String) throws(DaybookError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .output("The folder \(path) cannot be read.") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw .output("The folder \(path) cannot be written to disk.") }
    }

    /// Writes a file so that it appears whole, and waits for the disk.
    static func write(_ bytes: [UInt8], to path: String, mode: mode_t = 0o644) throws {
        let hidden =
            (path as NSString).deletingLastPathComponent + "/.daybook-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        let descriptor = open(hidden, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw DaybookError.output("Cannot write \(path).") }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        do {
            try file.write(contentsOf: Data(bytes))
            guard fsync(descriptor) == 0, rename(hidden, path) == 0 else {
                throw DaybookError.output("Cannot write \(path).")
            }
        } catch {
            unlink(hidden)
            throw DaybookError.output("Cannot write \(path): free some space, or name another folder.")
        }
        try synchronise((path as NSString).deletingLastPathComponent)
    }
}
