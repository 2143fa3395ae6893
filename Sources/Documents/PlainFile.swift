private import CLinux
package import Domain
import Foundation

/// Reads a file that was found by its name: a plain file, never what a symbolic link, a pipe or a device stands for.
package enum PlainFile {
    /// Why a file is not read.
    package enum Refusal: Error {
        case isLink
        case isNoFile
        case tooLarge
        case system(Int32)

        /// What is wrong, after the file's name.
        package var sentence: String {
            switch self {
            case .isLink: "is a symbolic link, and no file"
            case .isNoFile: "is no plain file"
            case .tooLarge: "is larger than such a file can be"
            case .system(let code): "cannot be read: \(String(cString: strerror(code)))"
            }
        }
    }

    /// The bytes of a file, nil where there is none of that name.
    package static func read(
        _ path: String, atMost limit: Int = Limits.statementFileBytes
    ) throws(Refusal) -> [UInt8]? {
        // Without waiting for the other end of a pipe.
        let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else {
            let code = errno
            if [ENOENT, ENOTDIR, ENAMETOOLONG].contains(code) { return nil }
            throw code == ELOOP ? .isLink : .system(code)
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .system(errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .isNoFile }
        guard Int(status.st_size) <= limit else { throw .tooLarge }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        var count = 0
        while count < bytes.count {
            let room = bytes.count - count
            let got = bytes.withUnsafeMutableBytes { buffer in
                Foundation.read(descriptor, buffer.baseAddress.map { $0 + count }, room)
            }
            guard got >= 0 || errno == EINTR else { throw .system(errno) }
            // Cut short while it was read: what is there is compared with its digest.
            if got == 0 { break }
            count += max(got, 0)
        }
        return count == bytes.count ? bytes : Array(bytes.prefix(count))
    }
}

/// The sentences of outputs that cannot be written.
package enum OutputError {
    /// What a system error means for the person who waits for the file.
    ///
    /// - Parameter isFixed: True where the file has to lie there, and no other folder would do.
    package static func cannotWrite(_ path: String, _ code: Int32, isFixed: Bool = false) -> DaybookError {
        let (why, helpsElsewhere) =
            switch code {
            case ENOSPC, EDQUOT, EFBIG: ("the disk is full: free some space", true)
            case EACCES, EPERM: ("you may not write there: change that", true)
            case EROFS: ("the disk is read-only: change that", true)
            case ENOENT: ("the folder does not exist", false)
            case ENOTDIR: ("a part of the path is not a folder", false)
            default: (String(cString: strerror(code)), false)
            }
        let sentence = "Cannot write \(path): \(why)"
        return helpsElsewhere && !isFixed ? .output(sentence, .nameOtherOutput) : .output(sentence + ".")
    }
}
