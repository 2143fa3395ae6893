import Domain
import Foundation

/// The sentences of outputs that cannot be written.
enum OutputError {
    /// What a system error means for the person who waits for the file.
    static func cannotWrite(_ path: String, _ code: Int32) -> DaybookError {
        let advice =
            switch code {
            case ENOSPC, EDQUOT, EFBIG: "the disk is full: free some space, or choose another folder with --output"
            case EACCES, EPERM: "you may not write there: choose another folder with --output"
            case EROFS: "the disk is read-only: choose another folder with --output"
            case ENOENT: "the folder does not exist"
            case ENOTDIR: "a part of the path is not a folder"
            default: String(cString: strerror(code))
            }
        return .output("Cannot write \(path): \(advice).")
    }
}
