import ArgumentParser
import Domain
import Foundation

/// Who issues a statement.
struct IssuerOptions: ParsableArguments {
    /// Characters that fit into one line of the page and the workbook.
    private static let longest = 200

    @Option(
        help: ArgumentHelp(
            "Who issues the statements, as the customer shall read it; default DAYBOOK_ISSUER.",
            valueName: "name, address"))
    var issuer: String?

    /// Empty where nobody says so. Throws `usage` for what is not one short line.
    func line() throws -> String {
        let line = issuer ?? ProcessInfo.processInfo.environment["DAYBOOK_ISSUER"] ?? ""
        guard line.count <= Self.longest, !line.contains(where: \.isNewline) else {
            throw DaybookError.usage("The issuer is one line of at most \(Self.longest) characters.")
        }
        return line
    }
}
