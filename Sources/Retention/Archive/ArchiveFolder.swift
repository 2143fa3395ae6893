internal import Codecs
public import Domain
internal import Foundation
internal import Reporting

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
        let data = try KeyFile.secret(path)
        if data.count == AuthenticatedCipher.keyLength { return data }
        let digits = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        let pairs = stride(from: 0, to: digits.utf8.count, by: 2).map {
            Array(digits.utf8)[$0..<min($0 + 2, digits.utf8.count)]
        }
        let bytes = pairs.compactMap { UInt8(String(decoding: $0, as: UTF8.self), radix: 16) }
        guard digits.utf8.count == 2 * AuthenticatedCipher.keyLength, bytes.count == AuthenticatedCipher.keyLength
        else {
            throw .configuration(
                "The key file \(path) holds no key: it needs 32 bytes, or 64 hexadecimal digits "
                    + "(umask 077; openssl rand -hex 32 > \(path)).")
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
            _ = try Folder(making: path, mode: .ownerOnly)
        } catch {
            throw .output("The archive folder \(path) cannot be made; nothing was purged. Name another with --archive.")
        }
        guard access(path, W_OK) == 0 else {
            throw .output(
                "The archive folder \(path) cannot be written; nothing was purged. Name another with --archive.")
        }
        try Self.synchronise(Folder.parts(of: path).folder)
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
        let (above, own) = Folder.parts(of: path)
        guard let folder = try? Folder(above).ownFolder(own) else { return }
        for name in folder.names() ?? [] where ArchiveRemoval.isSegment(name) && !recorded.contains(name) {
            folder.removeFile(name)
        }
    }

    /// Waits until the folder's entries are on disk.
    static func synchronise(_ path: String) throws(DaybookError) { try Folder(path, isFixed: true).synchronise() }

    /// Writes a file so that it appears whole, and waits for the disk.
    static func write(_ bytes: [UInt8], to path: String, mode: OutputMode = .ownerOnly) throws {
        let (above, name) = Folder.parts(of: path)
        let hidden = ".daybook-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        let folder = try Folder(above, isFixed: true)
        do {
            let sink = try FileSink(in: folder, name: hidden, mode: mode)
            try sink.write(bytes)
            _ = try sink.finish()
            try folder.rename(hidden, to: name)
        } catch {
            folder.removeFile(hidden)
            throw DaybookError.output("Cannot write \(path): free some space, or name another folder.")
        }
        try folder.synchronise()
    }
}
