import ArgumentParser
import Domain
import Foundation
import Reporting

/// Where a report goes, in which forms, and where its parts are found.
struct ReportOptions: ParsableArguments {
    @Option(
        name: .shortAndLong, help: ArgumentHelp("The folder to write to; made where it is missing.", valueName: "dir"))
    var output = "."

    @Option(
        help: ArgumentHelp("The forms to write, separated by commas.", valueName: "xlsx,html,csv"),
        transform: ReportOptions.formats)
    var format: Set<ReportFormat> = Set(ReportFormat.allCases)

    @OptionGroup var permissions: ModeOption

    @Option(help: ArgumentHelp("A folder with further reports; may be given again.", valueName: "dir"))
    var reports: [String] = []

    @Option(
        help: ArgumentHelp("A folder with further templates, which replace those of the same name.", valueName: "dir"))
    var templates: [String] = []

    @Option(
        help: ArgumentHelp(
            "Give a single query up after so many seconds; 0 for never. Default: never, or what a custom report says.",
            valueName: "seconds"))
    var statementTimeout: Int?

    @Flag(name: .shortAndLong, help: "Do not tell on standard error what is being done.")
    var quiet = false

    /// The folders of reports, the user's own last.
    func reportFolders() throws -> [String] { [try InstalledFiles.folder("reports")] + reports }

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

    func validate() throws {
        guard (0...86_400).contains(statementTimeout ?? 0) else {
            throw ValidationError("--statement-timeout must lie between 0 and 86400 seconds.")
        }
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
