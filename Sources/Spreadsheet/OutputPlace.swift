import Glibc

/// The directories that a workbook needs: checked before the work, because the library reports them only after it.
enum OutputPlace {
    /// Throws where no file can be created at the path.
    static func check(path: String) throws(SpreadsheetError) {
        guard !path.isEmpty, !path.utf8.contains(0) else {
            throw SpreadsheetError(.cannotCreateFile, "A workbook needs a path.")
        }
        var status = stat()
        if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
            throw SpreadsheetError(.cannotCreateFile, "\(path) is a directory.")
        }
        let parent = directory(of: path)
        guard isWritableDirectory(parent) else {
            throw SpreadsheetError(
                .cannotCreateFile, "\(path) cannot be created: \(SpreadsheetError.reason(errno)) (\(parent)).")
        }
    }

    /// Throws where no temporary file can be created in the directory: the library would silently take another.
    static func check(temporaryDirectory: String) throws(SpreadsheetError) {
        guard !temporaryDirectory.isEmpty, !temporaryDirectory.utf8.contains(0) else {
            throw SpreadsheetError(.cannotCreateTemporaryFile, "A workbook needs a directory for temporary files.")
        }
        var template = Array((temporaryDirectory + "/workbook.XXXXXX").utf8CString)
        let descriptor = mkstemp(&template)
        guard descriptor >= 0 else {
            throw SpreadsheetError(
                .cannotCreateTemporaryFile,
                "No temporary file can be created in \(temporaryDirectory): \(SpreadsheetError.reason(errno)).")
        }
        unlink(template)
        Glibc.close(descriptor)
    }

    /// Throws where an open temporary file lies elsewhere than in the directory it was meant for.
    static func check(_ file: UnsafeMutablePointer<FILE>?, liesIn directory: String) throws(SpreadsheetError) {
        guard let file, let meant = realpath(directory, nil) else {
            throw SpreadsheetError(
                .cannotCreateTemporaryFile, "A temporary file could not be created in \(directory).")
        }
        defer { free(meant) }
        var target = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        // The file has no name any more, but the system still knows where it was made.
        let length = readlink("/proc/self/fd/\(fileno(file))", &target, target.count - 1)
        guard length <= 0 || strncmp(target, meant, strlen(meant)) == 0 else {
            throw SpreadsheetError(
                .cannotCreateTemporaryFile,
                "A temporary file was to be in \(directory), and could be created only elsewhere.")
        }
    }

    /// Throws where a directory's file system has less room; one that does not say how much it has passes.
    static func checkRoom(in directory: String, bytes: Int64) throws(SpreadsheetError) {
        var status = statvfs()
        guard statvfs(directory, &status) == 0, status.f_blocks > 0 else { return }
        let (free, isHuge) = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
        guard isHuge || free >= UInt64(bytes) else {
            throw SpreadsheetError(
                .diskFull, "\(directory) has \(free) bytes left, the workbook needs about \(bytes); make room there.")
        }
    }

    /// The directory of a path.
    static func directory(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private static func isWritableDirectory(_ path: String) -> Bool {
        var status = stat()
        guard stat(path, &status) == 0 else { return false }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            errno = ENOTDIR
            return false
        }
        return access(path, W_OK | X_OK) == 0
    }
}
