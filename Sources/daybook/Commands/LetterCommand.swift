import ArgumentParser
import Documents
import Domain
import Foundation
import Reporting

/// `daybook letter`
struct LetterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "letter", abstract: "Fill a letter: introduction, follow-up, technical, or one of your own.",
        discussion: """
            Writes a message as an .eml file. A placeholder that has no value is refused. Figures (availability, \
            completion, refunds, sla_month) come from the newest final SLA report in --sla, and from nowhere else. One \
            that tells of a promise that was missed asks first.

            Example:
              daybook letter introduction --to cto@example.com --from sales@example.org --sla out \\
                --set name='Dr. Sommer' --set company='Kranich & Söhne' --set sender=Ada --set proposal='Tuesday?'
            """)

    /// Values that no user may give: they are measured.
    private static let measured: Set<String> = ["sla_month", "availability", "completion", "refunds"]

    @Argument(help: "The letter's name.") var name: String
    @Option(help: ArgumentHelp("Who gets it.", valueName: "address")) var to: String
    @Option(help: ArgumentHelp("Who sends it.", valueName: "address")) var from: String
    @Option(help: ArgumentHelp("A placeholder's value; may be given again.", valueName: "key=value"))
    var set: [String] = []
    @Option(help: ArgumentHelp("The folder with SLA reports. Default: the current one.", valueName: "dir"))
    var sla: String?
    @Option(
        name: .shortAndLong, help: ArgumentHelp("The file to write. Default: standard output.", valueName: "file"))
    var output: String?
    @Flag(help: "Do not ask, whatever the figures say.") var yes = false
    @OptionGroup var permissions: ModeOption
    @Option(
        help: ArgumentHelp("A folder with further templates, which replace those of the same name.", valueName: "dir"))
    var templates: [String] = []

    func validate() throws { try permissions.require(output: output) }

    func run() async throws {
        for address in [to, from] where !MailMessage.isAddress(address) {
            throw DaybookError.usage("\"\(address.prefix(80))\" is no mail address.")
        }
        let letter = try LetterTemplate(name: name, folders: [try InstalledFiles.folder("templates")] + templates)
        var values = try given()
        let keys = Set(values.keys)
        var missed: [String] = []
        if let wrong = keys.intersection(Self.measured).sorted().first {
            throw DaybookError.usage("\(wrong) is measured, not given: it comes from the last final SLA report.")
        }
        if !Self.measured.isDisjoint(with: letter.placeholders) {
            let folder = sla ?? "."
            let report = try SLAFacts(folder: folder)
            let facts = report.values
            if let lacking = letter.placeholders.first(where: { Self.measured.contains($0) && facts[$0] == nil }) {
                throw DaybookError.badData("The last final SLA report in \(folder) has no figure for \(lacking).")
            }
            values.merge(facts) { own, _ in own }
            missed = letter.placeholders.flatMap { report.missed[$0] ?? [] }
        } else if sla != nil {
            throw DaybookError.usage("The letter \(name) has no measured figures: leave --sla out.")
        }
        let filled = try letter.fill(values, given: keys)
        try confirm(missed, month: values["sla_month"] ?? "")
        let message = MailMessage(
            from: from, to: to, subject: filled.subject, body: filled.body,
            date: Instant(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000)))
        try OutputFile.write(message.bytes(), to: output, mode: permissions.mode)
    }

    /// Asks whether missed promises are to be told.
    private func confirm(_ missed: [String], month: String) throws {
        guard !missed.isEmpty, !yes else { return }
        let sentence = "In \(month) this letter tells of missed promises: \(missed.joined(separator: "; "))."
        guard isatty(STDIN_FILENO) == 1 else {
            throw DaybookError.usage("\(sentence) Nobody is there to ask; if it is meant, say --yes.")
        }
        FileHandle.standardError.write(Data("\(sentence) Write it all the same? Type yes to go on: ".utf8))
        guard readLine(strippingNewline: true)?.trimmingCharacters(in: .whitespaces) == "yes" else {
            throw DaybookError.usage("Nothing was written.")
        }
    }

    private func given() throws -> [String: String] {
        var values: [String: String] = [:]
        for text in set {
            guard let equals = text.firstIndex(of: "="), equals > text.startIndex else {
                throw DaybookError.usage("\"\(text.prefix(80))\" is no value; write it as --set key=value.")
            }
            values[String(text[..<equals])] = String(text[text.index(after: equals)...])
        }
        return values
    }
}
