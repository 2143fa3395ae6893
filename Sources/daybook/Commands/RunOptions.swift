import ArgumentParser
import Domain
import Retention

/// Where a run of the retention puts what it takes, and when it waits.
struct RunOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The folder of archives. Default: archive in DAYBOOK_HOME.", valueName: "dir"))
    var archive: String?
    @Flag(name: .customLong("no-archive"), help: "Keep no archive: what is deleted cannot be put back.")
    var noArchive = false
    @Option(
        name: .customLong("archive-days"), parsing: .unconditional,
        help: ArgumentHelp(
            "Days after which expire-archives destroys this run's archive. Default: \(Limits.archiveDays).",
            valueName: "days"), transform: WholeNumber.within(Limits.archiveDaysRange))
    var namedArchiveDays: Int64?
    @Option(
        help: ArgumentHelp(
            "Encrypt the archive with the key in this file: 32 bytes, or 64 hexadecimal digits.",
            valueName: "file"))
    var keyFile: String?
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Pause while a replica is more than so many seconds behind. Default: \(Limits.purgeLagSeconds).",
            valueName: "seconds"),
        transform: WholeNumber.within(Limits.pauseSeconds))
    var pauseLag: Int64 = Limits.purgeLagSeconds
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Pause while somebody's transaction has been open for more than so many seconds. Default: "
                + "\(Limits.purgeSnapshotSeconds).", valueName: "seconds"),
        transform: WholeNumber.within(Limits.pauseSeconds))
    var pauseTransaction: Int64 = Limits.purgeSnapshotSeconds
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Stop, to be resumed, after pausing for so many seconds in a row. Default: \(Limits.purgePauseSeconds).",
            valueName: "seconds"),
        transform: WholeNumber.within(Limits.pauseSeconds))
    var pauseAtMost: Int64 = Limits.purgePauseSeconds

    func validate() throws {
        guard archive == nil || !noArchive else {
            throw ValidationError("--archive and --no-archive exclude each other.")
        }
        guard !noArchive || (namedArchiveDays == nil && keyFile == nil) else {
            throw ValidationError("With --no-archive there is none to keep: leave out --archive-days and --key-file.")
        }
    }

    /// Where the archive goes; nil where none is wanted.
    func place() throws -> ArchivePlace? {
        guard !noArchive else { return nil }
        let folder = CertificateOptions.absolute(archive ?? CertificateOptions.home + "/archive")
        return try ArchivePlace(folder: folder, keyFile: keyFile, days: namedArchiveDays ?? Limits.archiveDays)
    }

    func pauses(rests: Bool) -> PurgePauses {
        PurgePauses(
            lagSeconds: pauseLag, transactionSeconds: pauseTransaction, mostSeconds: pauseAtMost, rests: rests)
    }
}
