import Foundation
import TestSupport
import Testing

/// Each rule of the books that stands in SQL has one home: nobody else writes its words, and the program's own copy is
/// the file that everybody can read.
@Suite struct RuleHomeTests {
    /// A rule, the words that say it, and the files that may.
    struct Rule: Sendable, CustomTestStringConvertible {
        let name: String
        /// A pattern over SQL without comments, with one blank wherever there is space.
        let words: String
        /// From the folder of the project.
        let homes: Set<String>

        var testDescription: String { name }
    }

    private static let shared = "reports/sources"
    static let rules = [
        Rule(
            name: "a batch is settled",
            words: #"settlement_status (not )?in \(|settlement_status (=|<>) '(finalized|refunded)'"#,
            homes: ["\(shared)/batch_state.sql"]),
        Rule(
            // A batch of a period carries what its row says, and the estimate is joined where it is judged.
            name: "when a batch was settled",
            words: #"coalesce\(\w+\.completed_at, (\w+\.settled_at|\(select \w+\.settled_at)"#,
            homes: ["\(shared)/dated_batch.sql", "reports/sla/sources/judged_batch.sql"]),
        Rule(
            name: "a task has ended",
            words: #"status (not )?in \('(succeeded', 'failed|failed', 'succeeded)'\)"#,
            homes: ["\(shared)/dated_task.sql"]),
        Rule(
            name: "when a task ended", words: #"coalesce\(\w+\.completed_at, \w+\.terminal_at"#,
            homes: ["\(shared)/dated_task.sql"]),
        Rule(
            name: "whether that is an estimate", words: #"terminal_at is null or (not )?\w+\.terminal_estimated"#,
            homes: ["\(shared)/dated_task.sql"]),
        Rule(
            // A statement has the batches of its tasks at hand already.
            name: "what a task costs", words: #"coalesce\(\w+\.cost_credits, \w+\.cost_per_video"#,
            homes: ["\(shared)/dated_task.sql", "reports/statement/batches.sql"]),
        Rule(
            name: "which credit a ledger row moved", words: #"->> '(bucket|credit_type|use_bonus)'"#,
            homes: ["\(shared)/ledger_row.sql"]),
        Rule(
            name: "what a purchase cost", words: #"->> 'usd'|\w+\.usd \* 1000000"#,
            homes: ["\(shared)/ledger_row.sql"]),
        Rule(
            name: "which batch a ledger row names",
            words: #"= 'batch_upfront' then 'freeze'|coalesce\(\w+\.meta ->> 'batch_id', \w+\.ref_id\)"#,
            homes: ["\(shared)/ledger_row.sql"]),
        Rule(
            name: "credit of a single video comes back",
            words: #"type = 'refund' and \w+\.ref_type is distinct from 'batch_(refund|upfront)' and \w+\.ref_type"#,
            homes: ["\(shared)/single_return.sql"]),
        Rule(
            name: "credit is spent for no batch",
            words: #"type = 'spend' and \w+\.ref_type is distinct from 'batch_(refund|upfront)' and \w+\.ref_type"#,
            homes: ["\(shared)/single_spend.sql"]),
        Rule(
            name: "whose an access is", words: #"coalesce\(\w+\.owner_id, \w+\.user_id\)"#,
            homes: ["\(shared)/owned_access.sql"]),
        Rule(
            name: "the order of slugs", words: #"\bslug(, '[^']*'\))? collate"#,
            homes: ["\(shared)/slug_order.sql"]),
    ]

    @Test(arguments: rules)
    func `a rule's words stand in its home alone`(_ rule: Rule) throws {
        var found: Set<String> = []
        for (path, sql) in try Self.texts.get() where sql.range(of: rule.words, options: .regularExpression) != nil {
            found.insert(path)
        }
        #expect(found == rule.homes, "\(rule.name) is written in \(found.sorted())")
    }

    @Test func `what is looked at is SQL without comments, and of Swift the literals`() {
        #expect(
            Self.plain("SELECT 1 -- a.b IN ('x')\n  FROM\tT /* y */ WHERE '--' = 'Q'")
                == "select 1 from t where '--' = 'q'")
        let swift = """
            // a "comment"
            let sql = "SELECT \\"a\\" FROM b" + \"\"\"
                WHERE c
                \"\"\"
            """
        #expect(SwiftLiterals.of(swift).map(Self.plain) == [#"select \"a\" from b where c"#])
    }

    @Test func `the program has the rules as they stand in the folder of reports`() throws {
        let root = Deployment.root
        let links = root + "/Sources/Schema/Rules"
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: links) == "../../reports/sources")
        let package = try String(contentsOfFile: root + "/Package.swift", encoding: .utf8)
        let names = try FileManager.default.contentsOfDirectory(atPath: root + "/" + Self.shared)
        #expect(names.count >= 9)
        for name in names { #expect(package.contains(#".embedInCode("Rules/\#(name)")"#), "\(name)") }
    }

    @Test func `what a report asks for has a column, since Citus takes no query without one`() throws {
        for (path, sql) in try Self.texts.get() where path.hasPrefix("reports/") {
            #expect(sql.range(of: #"select from\b"#, options: .regularExpression) == nil, "\(path)")
        }
    }

    @Test func `no two reports have a source of the same name`() throws {
        let reports = Deployment.root + "/reports"
        let sources = try FileManager.default.subpathsOfDirectory(atPath: reports).filter {
            $0.hasSuffix(".sql") && $0.contains("sources/")
        }
        let names = Dictionary(grouping: sources) { URL(fileURLWithPath: $0).lastPathComponent }
        for (name, paths) in names { #expect(paths.count == 1, "\(name) stands at \(paths.sorted())") }
    }

    /// Every SQL of the reports, and every string of the sources; not the migrations, which say what was true once.
    private static let texts = Result { () throws -> [(path: String, sql: String)] in
        let root = Deployment.root
        var texts: [(path: String, sql: String)] = []
        for folder in ["reports", "Sources"] {
            for name in try FileManager.default.subpathsOfDirectory(atPath: root + "/" + folder).sorted() {
                let path = folder + "/" + name
                guard !path.contains("/Migrations/"), !path.contains("/Rules/") else { continue }
                guard path.hasSuffix(".sql") || path.hasSuffix(".swift") else { continue }
                let text = try String(contentsOfFile: root + "/" + path, encoding: .utf8)
                texts += (path.hasSuffix(".sql") ? [text] : SwiftLiterals.of(text)).map { (path, plain($0)) }
            }
        }
        return texts
    }

    /// SQL in lower case, without comments, with one blank for every space.
    private static func plain(_ sql: String) -> String {
        let bytes = Array(sql.utf8)
        var text: [UInt8] = []
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            if starts("--", bytes, index) {
                index = bytes[index...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
            } else if starts("/*", bytes, index) {
                index = (index + 2..<bytes.count).first { starts("*/", bytes, $0) }.map { $0 + 2 } ?? bytes.count
            } else if byte == UInt8(ascii: "'") {
                let end = bytes[(index + 1)...].firstIndex(of: byte).map { $0 + 1 } ?? bytes.count
                text += bytes[index..<end]
                index = end
            } else {
                let isBlank = byte <= UInt8(ascii: " ")
                if !isBlank || text.last != UInt8(ascii: " ") { text.append(isBlank ? UInt8(ascii: " ") : byte) }
                index += 1
            }
        }
        return String(decoding: text, as: UTF8.self).lowercased().trimmingCharacters(in: .whitespaces)
    }

    private static func starts(_ words: StaticString, _ bytes: [UInt8], _ index: Int) -> Bool {
        guard index + words.utf8CodeUnitCount <= bytes.count else { return false }
        return (0..<words.utf8CodeUnitCount).allSatisfy { bytes[index + $0] == words.utf8Start[$0] }
    }
}
