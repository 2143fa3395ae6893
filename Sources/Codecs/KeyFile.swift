public import Domain
import Glibc

/// Files that hold a key: signing keys, keys of archives, a provider's key.
///
/// A file is opened once, and what was opened is judged: whoever exchanges it meanwhile, or points a link elsewhere,
/// gets nothing past. A link is followed, because orchestrators mount their secrets behind one.
public enum KeyFile {
    /// Reads a secret. Throws `configuration` unless it is a plain file of our own or of root's that nobody else can
    /// read.
    ///
    /// Of a file that is root's, and not ours, its group may read: so a secret is handed to a program that is not root.
    public static func secret(_ path: String) throws(DaybookError) -> [UInt8] {
        let file = try open(path)
        defer { close(file.descriptor) }
        if let what = fault(mode: file.status.st_mode, owner: file.status.st_uid, user: geteuid(), path: path) {
            throw .configuration("The key file \(path) \(what)")
        }
        return try contents(of: file.descriptor, path)
    }

    /// What is wrong with whom a file belongs to and who may read it; nil where it keeps a secret.
    static func fault(mode: UInt32, owner: UInt32, user: UInt32, path: String) -> String? {
        guard owner == user || owner == 0 else {
            return "belongs to somebody else, who can exchange it; make it your own: chown \(user) \(path)"
        }
        guard mode & (owner == user ? 0o077 : 0o037) == 0 else {
            return "can be read or changed by others; run: chmod 600 \(path)"
        }
        return nil
    }

    /// Reads the public half of a key, which is nobody's secret. Throws `configuration` where there is no such file.
    public static func published(_ path: String) throws(DaybookError) -> [UInt8] {
        let file = try open(path)
        defer { close(file.descriptor) }
        return try contents(of: file.descriptor, path)
    }

    private static func open(_ path: String) throws(DaybookError) -> (descriptor: Int32, status: stat) {
        // A pipe without a writer must not keep us waiting.
        let descriptor = Glibc.open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw .configuration("There is no key file \(path) that can be read: \(String(cString: strerror(errno))).")
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw .configuration("The key file \(path) is no file: write the key to a file of its own.")
        }
        return (descriptor, status)
    }

    private static func contents(of descriptor: Int32, _ path: String) throws(DaybookError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Limits.keyFileBytes + 1)
        var count = 0
        while count < bytes.count {
            let read = bytes.withUnsafeMutableBytes { buffer in
                Glibc.read(descriptor, buffer.baseAddress.map { $0 + count }, buffer.count - count)
            }
            guard read >= 0 else {
                throw .configuration("The key file \(path) cannot be read: \(String(cString: strerror(errno))).")
            }
            guard read > 0 else { return Array(bytes[..<count]) }
            count += read
        }
        throw .configuration("The key file \(path) has more than \(Limits.keyFileBytes) bytes; that is no key.")
    }
}
