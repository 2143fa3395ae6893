import Domain
import Foundation

/// The sentences of outputs that cannot be written.
enum OutputError {
    /// What a system error means for the person who waits for the file.
    ///
    /// - Parameter isFixed: True where the file has to lie there, and no other folder would do.
    static func cannotWrite(_ path: String, _ code: Int32, isFixed: Bool = false) -> DaybookError {
        let elsewhere = isFixed ? "" : ", or choose another folder with --output"
        let advice =
            switch code {
            case ENOSPC, EDQUOT, EFBIG: "the disk is full: free some space" + elsewhere
            case EACCES, EPERM: "you may not write there: change that" + elsewhere
            case EROFS: "the disk is read-only: change that" + elsewhere
            case ENOENT: "the folder does not exist"
            case ENOTDIR: "a part of the path is not a folder"
            default: String(cString: strerror(code))
            }
        return .output("Cannot write \(path): \(advice).")
    }
}
