internal import Domain
internal import Foundation

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
