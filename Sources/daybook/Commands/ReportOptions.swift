import ArgumentParser
import Domain
import Foundation
import Reporting

/// Where a report goes, in which forms, and where its parts are found.
struct ReportOptions: ParsableArguments {
    @Option(
        name: [.customShort("o"), .customLong("output")],
        help: ArgumentHelp(
            "The folder to write to; made where it is missing. Default: the current one.", valueName: "dir"))
    var namedOutput: String?

    @Option(
        name: .customLong("format"),
        help: ArgumentHelp("The forms to write, separated by commas. Default: all.", valueName: "xlsx,html,csv"),
        transform: ReportOptions.formats)
    var namedFormats: Set<ReportFormat>?

    @OptionGroup var permissions: ModeOption

    @Option(
        help: ArgumentHelp("A folder with further templates, which replace those of the same name.", valueName: "dir"))
    var templates: [String] = []

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Give a single query up after so many seconds; 0 for never. Default: never, or what a custom report says.",
            valueName: "seconds"), transform: WholeNumber.within(Limits.statementTimeoutSeconds))
    var statementTimeout: Int?

    @Flag(name: .shortAndLong, help: "Do not tell on standard error what is being done.")
    var quiet = false

    var output: String { namedOutput ?? "." }
    var format: Set<ReportFormat> { namedFormats ?? Set(ReportFormat.allCases) }

    /// The names of the options about files that were given.
    var given: [String] {
        [
            namedOutput.map { _ in "--output" }, namedFormats.map { _ in "--format" },
            permissions.chosen.map { _ in "--mode" }, templates.isEmpty ? nil : "--templates",
        ].compactMap(\.self)
    }

    /// The templates, the user's own in front.
    func templateSet() throws -> TemplateSet {
        for folder in templates {
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue else {
                throw DaybookError.usage("There is no folder \(folder), named with --templates.")
            }
        }
        return try TemplateSet(folders: [try InstalledFiles.folder("templates")] + templates)
    }

    @Sendable private static func formats(_ text: String) throws -> Set<ReportFormat> {
        let names = text.split(separator: ",", omittingEmptySubsequences: false)
        return try Set(
            names.map { name in
                guard let format = ReportFormat(rawValue: String(name)) else {
                    throw ValidationError("There is no format \"\(name)\"; choose among xlsx, html and csv.")
                }
                return format
            })
    }
}

/// Where further reports are found. Statements have one definition, so their command has no such option.
struct ReportFolderOptions: ParsableArguments {
    @Option(help: ArgumentHelp("A folder with further reports; may be given again.", valueName: "dir"))
    var reports: [String] = []

    /// The folders of reports, the user's own last.
    func folders() throws -> [String] { [try InstalledFiles.folder("reports")] + reports }
}
