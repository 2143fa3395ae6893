import ArgumentParser
import Codecs
import Domain
import Foundation
import Postgres
import Reporting
import Retention

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
