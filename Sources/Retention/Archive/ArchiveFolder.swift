internal import Codecs
import Documents
public import Domain
import Formats
internal import Foundation

/// Where archives are kept, and with which key.
public struct ArchivePlace: Sendable {
    /// The folder that holds one folder per run.
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
        guard let bytes = Hexadecimal.bytes(digits), bytes.count == AuthenticatedCipher.keyLength else {
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

/// Removes an archive from its folder: the files that belong to it and nothing else, and no link is followed.
struct ArchiveRemoval: Sendable {
    let folder: ArchiveFolder
    let run: Int64
    /// The names of its segments.
    let files: [String]

    /// True for the names that ``ArchiveFolder/segmentName(_:_:isEncrypted:)`` gives: none leads to another folder.
    static func isSegment(_ name: String) -> Bool {
        guard let end = [".csv.gz", ".csv.gz.enc"].first(where: name.hasSuffix), let dash = name.firstIndex(of: "-")
        else { return false }
        let number = name[..<dash]
        let dataClass = name[name.index(after: dash)...].dropLast(end.count)
        let (zero, nine, a, z) = (UInt8(ascii: "0"), UInt8(ascii: "9"), UInt8(ascii: "a"), UInt8(ascii: "z"))
        return number.utf8.count >= 6 && number.utf8.allSatisfy { $0 >= zero && $0 <= nine } && !dataClass.isEmpty
            && dataClass.utf8.allSatisfy { ($0 >= a && $0 <= z) || $0 == UInt8(ascii: "_") }
    }

    /// Removes the segments, then the manifest, then the folder. Gives a remark where other files are left.
    ///
    /// Throws `output` where a name leads elsewhere, the folder is a link, or a file cannot be removed.
    func remove() throws(DaybookError) -> String? {
        guard files.allSatisfy(Self.isSegment) else {
            throw .output(
                "The manifest of purge \(run) names files that are none of an archive's; nothing was removed.")
        }
        let handle = open(folder.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard handle >= 0 else {
            guard errno == ELOOP || errno == ENOTDIR else { throw failed }
            throw .output(
                "\(folder.path) is no folder but a link or a file; remove by hand what it leads to. Nothing was "
                    + "certified about this archive.")
        }
        defer { close(handle) }
        for name in files + ["manifest.json"] {
            guard unlinkat(handle, name, 0) == 0 || errno == ENOENT else { throw failed }
        }
        guard fsync(handle) == 0 else { throw failed }
        guard rmdir(folder.path) == 0 else {
            guard errno == ENOTEMPTY || errno == EEXIST else { throw failed }
            return "The folder \(folder.path) holds other files than the archive's; they were left there."
        }
        try ArchiveFolder.synchronise((folder.path as NSString).deletingLastPathComponent)
        return nil
    }

    private var failed: DaybookError {
        .output("The archive \(folder.path) cannot be removed; nothing was certified about it.")
    }

    /// Removes what a run left that was killed before it was committed: it has no manifest, and its folder was made by
    /// it alone. Throws `output` where anything else lies there.
    static func removeBegun(_ path: String) throws(DaybookError) {
        guard FileManager.default.fileExists(atPath: path) else { return }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        let removal = ArchiveRemoval(folder: ArchiveFolder(path: path), run: 0, files: names.filter(isSegment))
        let refusal = DaybookError.output(
            "\(path) is left of a run that was killed, and cannot be removed; remove it and try again.")
        do {
            for name in names where name.hasPrefix(".daybook-") { unlink(path + "/" + name) }
            guard try removal.remove() == nil else { throw refusal }
        } catch {
            throw refusal
        }
    }
}
