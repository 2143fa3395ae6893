private import CLinux
public import Domain
import Foundation

/// A folder that is held open: what is done in it by a name happens in this very folder, wherever its path leads
/// meanwhile.
///
/// A name in it is never followed where it is a symbolic link. Only the path by which the folder is opened may hold
/// links: they are those of whoever named it.
public final class Folder {
    /// As it was named, for sentences alone.
    let path: String
    private let descriptor: Int32
    private let isFixed: Bool

    private static let reading = O_RDONLY | O_DIRECTORY | O_CLOEXEC

    private init(path: String, descriptor: Int32, isFixed: Bool) {
        self.path = path
        self.descriptor = descriptor
        self.isFixed = isFixed
    }

    /// Opens a folder.
    ///
    /// - Parameter isFixed: True where what is written has to lie there: no error advises another folder.
    public init(_ path: String, isFixed: Bool = false) throws(DaybookError) {
        self.path = path
        self.isFixed = isFixed
        descriptor = open(path, Self.reading)
        guard descriptor >= 0 else { throw OutputError.cannotWrite(path, errno, isFixed: isFixed) }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    /// Makes a folder and those above it where they are missing, and opens it. What is there already stays as it is.
    public convenience init(making path: String, mode: OutputMode) throws(DaybookError) {
        try Self.make(path, mode: mode)
        try self.init(path)
    }

    private static func make(_ path: String, mode: OutputMode) throws(DaybookError) {
        let there = daybook_open_place(path)
        guard there < 0 else {
            close(there)
            return
        }
        let (above, name) = parts(of: path)
        guard errno == ENOENT, above != path else { throw OutputError.cannotWrite(path, errno) }
        try make(above, mode: mode)
        let place = daybook_open_place(above)
        guard place >= 0 else { throw OutputError.cannotWrite(path, errno) }
        defer { close(place) }
        if mkdirat(place, name, 0o700) != 0 {
            guard errno == EEXIST else { throw OutputError.cannotWrite(path, errno) }
            return
        }
        let made = openat(place, name, reading | O_NOFOLLOW)
        guard made >= 0 else { throw OutputError.cannotWrite(path, errno) }
        defer { close(made) }
        guard set(mode.folder, of: made) else { throw OutputError.cannotWrite(path, errno) }
    }

    /// The folder that a path lies in, and the name in it. Foundation's own traps for a name of one letter.
    public static func parts(of path: String) -> (folder: String, name: String) {
        let slash = UInt8(ascii: "/")
        func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }
        var bytes = Array(path.utf8)[...]
        while bytes.count > 1, bytes.last == slash { bytes.removeLast() }
        guard let last = bytes.lastIndex(of: slash) else { return (".", text(bytes)) }
        var above = bytes[..<last]
        while above.count > 1, above.last == slash { above.removeLast() }
        return (above.isEmpty ? "/" : text(above), text(bytes[(last + 1)...]))
    }

    /// Gives an open file or folder of ours its permissions. A folder hands its group down as it did.
    private static func set(_ permissions: UInt32, of descriptor: Int32) -> Bool {
        let status = Self.status(descriptor)
        guard status.st_mode & 0o777 != permissions else { return true }
        return fchmod(descriptor, status.st_mode & S_ISGID | permissions) == 0
    }

    // MARK: Looking

    /// What an open file or folder is.
    private static func status(_ descriptor: Int32) -> stat {
        var status = stat()
        fstat(descriptor, &status)
        return status
    }

    /// True if we made the folder, or were given it.
    var isOurs: Bool { Self.status(descriptor).st_uid == geteuid() }

    private var fileSystem: dev_t { Self.status(descriptor).st_dev }

    /// True if somebody else may put something into the folder.
    var isOpenToOthers: Bool { Self.status(descriptor).st_mode & 0o022 != 0 }

    /// True if an open file is a file of ours, and no pipe or device.
    static func isOwnFile(_ file: Int32) -> Bool {
        let status = Self.status(file)
        return status.st_mode & S_IFMT == S_IFREG && status.st_uid == geteuid()
    }

    /// True while an open file has a name.
    static func hasName(_ file: Int32) -> Bool { status(file).st_nlink > 0 }

    /// The names in the folder, nil where they cannot be read.
    public func names() -> [String]? { rawNames()?.map(Self.text) }

    private static func text(_ name: [CChar]) -> String {
        String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// A name need not be text.
    private func rawNames() -> [[CChar]]? {
        // Opened once more, because the place in a listing belongs to the descriptor.
        let listing = openat(descriptor, ".", Self.reading)
        guard listing >= 0, let stream = fdopendir(listing) else { return nil }
        defer { closedir(stream) }
        var names: [[CChar]] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { tuple in
                tuple.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { start in
                    Array(UnsafeBufferPointer(start: start, count: strlen(start) + 1))
                }
            }
            let text = Self.text(name)
            if text != ".", text != ".." { names.append(name) }
        }
        return names
    }

    /// Opens a folder in this one; nil where there is none of that name, or the name is a link.
    func folder(_ name: UnsafePointer<CChar>) -> Folder? {
        let opened = openat(descriptor, name, Self.reading | O_NOFOLLOW)
        return opened < 0 ? nil : Folder(path: path + "/" + String(cString: name), descriptor: opened, isFixed: isFixed)
    }

    /// True where a name in the folder is a folder, and no link to one.
    public func isFolder(_ name: String) -> Bool { folder(name) != nil }

    /// Opens a folder in this one that is ours; nil where there is none, or it is somebody else's.
    public func ownFolder(_ name: String) -> Folder? {
        guard let folder = folder(name), folder.isOurs else { return nil }
        return folder
    }

    /// Opens a file in the folder, and gives its descriptor; less than 0 where there is none, or the name is a link. It
    /// never waits, as the opening of a pipe would.
    func openFile(_ name: String, _ flags: Int32) -> Int32 {
        openat(descriptor, name, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
    }

    // MARK: Making

    /// Makes a folder in this one; nil where it cannot, and `errno` says why.
    func makeFolder(_ name: String, permissions: UInt32) -> Folder? {
        guard mkdirat(descriptor, name, 0o700) == 0, let made = folder(name),
            Self.set(permissions, of: made.descriptor)
        else { return nil }
        return made
    }

    /// Makes a file that was not there, and gives its descriptor, less than 0 where it cannot. From its first byte on
    /// nobody reads it who may not.
    func createFile(_ name: String, permissions: UInt32) -> Int32 {
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        let file = openat(descriptor, name, flags, 0o600)
        guard file >= 0, !Self.set(permissions, of: file) else { return file }
        let reason = errno
        close(file)
        errno = reason
        return -1
    }

    /// Brings what lies here under a name to its permissions, and to disk where that is asked for. Throws unless it is
    /// a file or a folder of ours.
    func settle(_ name: String, mode: OutputMode, synchronises: Bool) throws(DaybookError) {
        let opened = openFile(name, O_RDONLY)
        guard opened >= 0 else { throw failure(name) }
        defer { close(opened) }
        let status = Self.status(opened)
        let kind = status.st_mode & S_IFMT
        // Whom a file of ours belongs to is the file system's to say; this folder is of ours too.
        guard kind == S_IFREG || kind == S_IFDIR, status.st_uid == Self.status(descriptor).st_uid else {
            throw OutputError.cannotWrite(path + "/" + name, EPERM, isFixed: isFixed)
        }
        guard Self.set(kind == S_IFDIR ? mode.folder : mode.file, of: opened), !synchronises || fsync(opened) == 0
        else { throw failure(name) }
    }

    /// Moves a file or folder to another folder, under its name: a file replaces the old one, a folder is exchanged
    /// with the old one as a whole, and the old one then lies here.
    func move(_ name: String, to target: Folder) throws(DaybookError) {
        if renameat(descriptor, name, target.descriptor, name) == 0 { return }
        // A folder that is not empty cannot be replaced by a rename.
        guard errno == ENOTEMPTY || errno == EEXIST,
            daybook_exchange(descriptor, name, target.descriptor, name) == 0
        else { throw target.failure(name) }
    }

    /// Gives a file another name in the same folder, in place of what had it.
    public func rename(_ name: String, to other: String) throws(DaybookError) {
        guard renameat(descriptor, name, descriptor, other) == 0 else { throw failure(other) }
    }

    /// Waits until the folder's entries are on disk.
    public func synchronise() throws(DaybookError) {
        guard fsync(descriptor) == 0 else { throw failure() }
    }

    /// Waits until everything that was written to the folder's file system is on disk.
    func synchroniseAll() throws(DaybookError) {
        guard daybook_synchronise(descriptor) == 0 else { throw failure() }
    }

    // MARK: Removing

    /// Removes a file. A link goes, and what it points to stays.
    @discardableResult
    public func removeFile(_ name: String) -> Bool { unlinkat(descriptor, name, 0) == 0 }

    /// Removes a folder with nothing in it.
    func removeEmptyFolder(_ name: String) { unlinkat(descriptor, name, AT_REMOVEDIR) }

    /// Removes what has a name here, with all that is below it; true if it is gone. Links go, and what they point to
    /// stays, as does what is mounted below.
    @discardableResult
    public func remove(_ name: UnsafePointer<CChar>) -> Bool {
        if unlinkat(descriptor, name, 0) == 0 || errno == ENOENT { return true }
        guard let below = folder(name), below.fileSystem == fileSystem else { return false }
        below.removeAll()
        return unlinkat(descriptor, name, AT_REMOVEDIR) == 0
    }

    /// Removes everything in the folder, but for one name.
    func removeAll(except kept: String? = nil) {
        for name in rawNames() ?? [] where kept.map({ strcmp(name, $0) != 0 }) ?? true { remove(name) }
    }

    /// Why the last call of the system failed, of the folder or of a name in it.
    private func failure(_ name: String? = nil) -> DaybookError {
        OutputError.cannotWrite(name.map { path + "/" + $0 } ?? path, errno, isFixed: isFixed)
    }
}
