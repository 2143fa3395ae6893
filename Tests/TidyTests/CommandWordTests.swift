import Foundation
import TestSupport
import Testing

/// The commands, options and settings of the programs are words of the programs alone: a library names what helps as a
/// case of `Advice`, or refuses with a case of its own. The settings have one table, which libraries read by its cases.
@Suite struct CommandWordTests {
    /// Who knows what is typed.
    private static let programs: Set<String> = ["Console", "StoreConsole", "daybook", "daybookd", "grsai-simulator"]
    /// The table of the settings, below `Sources`.
    private static let settings = "Domain/Setting.swift"
    /// What begins like a command and is none: the name of a form, which is digested with the rest of a document.
    private static let forms: KeyValuePairs = [
        "Retention/Certificate/CertificateExtract.swift": "daybook retention extract 1"
    ]
    /// Who writes what looks like an option by itself and is no part of a sentence: arguments of programs of others,
    /// and the boundaries of a message.
    private static let arguments: KeyValuePairs = [
        "Documents/Mail/MailChannel.swift": "curl", "Documents/Mail/MailMessage.swift": "MIME",
        "Documents/PagePrinter.swift": "weasyprint, chromium",
        "Postgres/Cluster/PrivateCluster.swift": "pg_ctl", "Postgres/Cluster/PrivateCluster+Creation.swift": "initdb",
        "Postgres/Cluster/ServerPrograms.swift": "setpriv",
    ]

    @Test func `no string of a library names a command, an option or a setting of the programs`() throws {
        let words = try Self.words.get()
        var found: [String] = []
        var used: Set<String> = []
        for (path, text) in try Self.texts() {
            guard let word = words.first(in: text) else { continue }
            if Self.forms.contains(where: { $0.key == path && $0.value == text }) {
                used.insert(path)
            } else if Words.isArgument(text), Self.arguments.contains(where: { $0.key == path }) {
                used.insert(path)
            } else {
                found.append("\(path): \(word) in \"\(text)\"")
            }
        }
        #expect(found.isEmpty, "\(found.count):\n\(found.joined(separator: "\n"))")
        #expect(used == Set(Self.forms.map(\.key) + Self.arguments.map(\.key)), "none may be left over")
    }

    @Test(arguments: [
        "run: daybook database migrate", "see (close list)", "end it with forget-look", "daybookd keys",
        "or choose --output", "--…", "--as-of",
        "daybook report \\\n    run", "name DATABASE_URL", "DAYBOOK_DEBUG=1 shows it", "GRSAI_API_KEY",
    ]) func `what is typed is recognised`(text: String) throws {
        #expect(try Self.words.get().first(in: text) != nil)
    }

    @Test(arguments: [
        "another daybook command", "SELECT FROM daybook.account", "GRANT USAGE ON SCHEMA daybook TO …", "-- a remark",
        "the close of … is listed", "a newer daybook.", "local all … peer map=daybook", "PGHOST", "two--three",
        "carry-forward-date",
    ]) func `what only looks like it is not`(text: String) throws {
        #expect(try Self.words.get().first(in: text) == nil)
    }

    @Test func `strings that are put together are one text, and those inside of others are looked at too`() {
        let swift = #"""
            // a "comment"
            throw .usage("see: daybook " + (isOld ? "old" : "new"), "one \(two ? " --three" : "") \"four\""
                + "five") /* "six" */
            let raw = #"\d "seven""# + """
                eight \(nine("ten"))
                """
            """#
        #expect(
            SwiftLiterals.of(swift).map { $0.trimmingCharacters(in: .whitespacesAndNewlines) } == [
                "see: daybook", "old", "new", "--three", "", #"one … \"four\"five"#, "ten",
                "\\d \"seven\"\n    eight …",
            ])
    }

    /// The strings of the libraries, by path in `Sources`.
    private static func texts() throws -> [(path: String, text: String)] {
        let root = Deployment.root + "/Sources"
        let modules = try FileManager.default.contentsOfDirectory(atPath: root).filter { !programs.contains($0) }
        #expect(modules.count > 12)
        var texts: [(path: String, text: String)] = []
        for module in modules.sorted() {
            let files = try FileManager.default.subpathsOfDirectory(atPath: "\(root)/\(module)")
            for file in files.sorted() where file.hasSuffix(".swift") && "\(module)/\(file)" != settings {
                let swift = try String(contentsOfFile: "\(root)/\(module)/\(file)", encoding: .utf8)
                texts += SwiftLiterals.of(swift).map { ("\(module)/\(file)", $0) }
            }
        }
        return texts
    }

    private static let words = Result { try Words() }

    /// What is typed to run a program, as a pattern.
    private struct Words {
        private let pattern: NSRegularExpression

        /// Commands and settings come from the tables that have them all.
        init() throws {
            let path = Deployment.root + "/Tests/RoleTests/CommandTable.swift"
            let table = try String(contentsOfFile: path, encoding: .utf8)
            let commands = table.matches(of: /"daybookd? ([a-z -]+)"/).map { $0.output.1.split(separator: " ") }
            #expect(commands.count > 50)
            let first = Set(commands.map { $0[0] }).sorted().joined(separator: "|")
            // Nothing else is called so, with or without the command before it.
            let alone = Set(commands.joined().filter { $0.contains("-") && !$0.hasPrefix("-") }).sorted()
            let pairs = Set(commands.filter { $0.count > 1 }.map { "\($0[0]) \($0[1])" }).sorted()
            let settings = try Self.settings().sorted().joined(separator: "|")
            pattern = try NSRegularExpression(
                pattern: #"\bdaybookd? (\#(first))\b|\b(\#(pairs.joined(separator: "|")))\b"#
                    + #"|(?<![\w-])(\#(alone.joined(separator: "|")))(?![\w-])"#
                    + #"|(?<![\w-])--[a-z…][\w-]*|\b(\#(settings))\b"#)
        }

        func first(in text: String) -> String? {
            // A line of a long string may go on in the next one.
            let line = text.replacing("\\\n", with: " ").split(whereSeparator: \.isWhitespace).joined(separator: " ")
            let whole = NSRange(line.startIndex..., in: line)
            return pattern.firstMatch(in: line, range: whole).flatMap { Range($0.range, in: line) }
                .map { String(line[$0]) }
        }

        /// True for an option by itself.
        static func isArgument(_ text: String) -> Bool { text.wholeMatch(of: /--[a-z…-]+/) != nil }

        /// The variables of the environment that programs read.
        private static func settings() throws -> Set<String> {
            let path = "\(Deployment.root)/Sources/\(CommandWordTests.settings)"
            let swift = try String(contentsOfFile: path, encoding: .utf8)
            let names = Set(swift.matches(of: /case \w+ = "([A-Z_]+)"/).map { String($0.1) })
            #expect(names.isSuperset(of: ["DATABASE_URL", "DAYBOOK_DEBUG", "GRSAI_API_KEY"]))
            return names
        }
    }
}
