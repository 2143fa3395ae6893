import ArgumentParser
import BatchEngine
import Codecs
import Documents
import Domain
import Foundation
import ObjectStore
import Postgres
import Reporting
import Retention
import StoreConsole

/// The date and the account of a plan or a purge.
struct PlanOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Judge as of this date (2026-11-05). Default: today, in the database's clock.", valueName: "date"),
        transform: Arguments.date)
    var asOf: CalendarDate?

    @Option(help: ArgumentHelp("Only this account.", valueName: "slug"))
    var account: String?

    @Flag(
        name: .customLong("no-rests"),
        help: "Go on at full speed while others are at work on the database, as in a maintenance window.")
    var noRests = false
}

/// Where certificates go, and how their pages look.
struct CertificateOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The folder of certificates. Default: certificates in DAYBOOK_HOME.", valueName: "dir"))
    var certificates: String?

    @Option(
        help: ArgumentHelp("A folder with further templates, which replace those of the same name.", valueName: "dir"))
    var templates: [String] = []

    @OptionGroup var permissions: ModeOption
    @Option(
        help: ArgumentHelp(
            "Sign the certificates with the key in this file, as daybook keys statement-init makes it.",
            valueName: "file"))
    var signKey: String?

    /// The names of the options that were given.
    var given: [String] {
        [
            certificates.map { _ in "--certificates" }, templates.isEmpty ? nil : "--templates",
            permissions.chosen.map { _ in "--mode" }, signKey.map { _ in "--sign-key" },
        ].compactMap(\.self)
    }

    /// Who may read the certificates.
    var mode: OutputMode { permissions.mode }

    func signingKey() throws -> SigningKey? { try signKey.map(KeyFile.signingKey) }

    /// Always absolute: it is recorded, and read again from elsewhere.
    var folder: String { Self.absolute(certificates ?? Self.home + "/certificates") }

    /// Makes the folder, where it is missing, with the permissions that were asked for, before anything else does.
    func makeFolder() throws {
        guard mode != .ownerOnly else { return }
        do {
            _ = try Folder(making: folder, mode: mode)
        } catch {
            throw DaybookError.output("The folder of certificates \(folder) cannot be made or read.")
        }
    }

    static var home: String { PrivateCluster.defaultHome(ProcessInfo.processInfo.environment) }

    static func absolute(_ path: String) -> String { URL(fileURLWithPath: path).standardizedFileURL.path }

    func templateSet() throws -> TemplateSet {
        try TemplateSet(folders: [try InstalledFiles.folder("templates")] + templates)
    }
}

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
        help: ArgumentHelp(
            "The store of videos, as daybookd has it, a folder or s3://BUCKET/PREFIX: needed where videos are due.",
            valueName: "dir"))
    var store: String?
    @OptionGroup var bucket: BucketOptions
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
        try bucket.validate(store: store)
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

    /// Opens the store of a connection's database; nil where none was named.
    func openVideos() throws -> @Sendable (DirectConnection) async throws -> (any VideoRemoval)? {
        guard let store else { return { _ in nil } }
        guard BucketSettings.isBucket(store) else {
            return { connection in try await connection.run { try VideoFolder(existing: store, of: $0) } }
        }
        // Nothing is written there: a purge only takes out.
        let settings = try bucket.settings(store, temporaryFolder: NSTemporaryDirectory())
        return { connection in try await BucketStore.existing(settings, of: connection.connection) }
    }

    func pauses(rests: Bool) -> PurgePauses {
        PurgePauses(
            lagSeconds: pauseLag, transactionSeconds: pauseTransaction, mostSeconds: pauseAtMost, rests: rests)
    }
}

/// What becomes of the head of a chain when a run has added to it.
struct HeadOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Give the head of the chain to this command of the shell, as a line KIND HEAD SEQUENCE INSTANT on its "
                + "standard input.", valueName: "command"))
    var headTo: String?

    func validate() throws {
        guard headTo.map({ !$0.allSatisfy(\.isWhitespace) }) ?? true else {
            throw ValidationError("--head-to names a command.")
        }
    }

    /// Prints the head, and hands it on where that was asked for.
    ///
    /// What the run did stands by now. Where the command fails that is said, and the exit code is 2.
    func handOn(_ head: ChainHead) async throws {
        switch head.kind {
        case .certificate: Terminal.show("Head of the chain: \(head.digest)")
        case .close: Terminal.show("Head of the closes: \(head.digest)")
        }
        guard let headTo else { return }
        do {
            try await HeadCommand(headTo).give(head)
        } catch let error as DaybookError {
            Terminal.say("daybook: \(Failure.words(of: error)) What the run did stands.")
            throw ExitCode(FailureKind.breachExitCode)
        }
    }
}

/// What this machine says of itself.
enum Host {
    static var name: String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return "unknown" }
        return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// The machine's clock.
    static func now() -> Instant {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Instant(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000)
    }
}
