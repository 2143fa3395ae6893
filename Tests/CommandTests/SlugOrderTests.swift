import Foundation
import Postgres
import TestSupport
import Testing

/// `customer2` comes before `customer10`, wherever slugs stand below each other.
@Suite struct SlugOrderTests {
    /// The slugs that begin a line, or its field, each once as long as it goes on.
    private static func slugs(_ text: String, field: Int = 0) -> [Int] {
        var slugs: [Int] = []
        for line in text.split(whereSeparator: \.isNewline) {
            let fields = line.split(separator: ",", omittingEmptySubsequences: false)
            guard fields.indices.contains(field),
                let number = fields[field].prefixMatch(of: /customer([0-9]+)/).flatMap({ Int($0.1) })
            else { continue }
            if slugs.last != number { slugs.append(number) }
        }
        return slugs
    }

    private static func expect(
        _ slugs: [Int], _ what: String, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(slugs.contains(2) && slugs.contains(10), "\(what): \(slugs)", sourceLocation: sourceLocation)
        #expect(slugs == slugs.sorted(), "\(what)", sourceLocation: sourceLocation)
    }

    @Test func `lists on a terminal count as people do`() async throws {
        try await withSample { settings in
            let folder = try ScratchFolder()
            let written = ["--output", folder.path, "--quiet", "--month", "2026-10"]
            for arguments in [
                ["accounts", "list"], ["retention", "policy", "list"], ["retention", "plan", "--as-of", "2026-11-05"],
                ["report", "statement", "--all"] + written,
                ["report", "sla", "--all", "--no-tasks"] + written,
                ["report", "sla", "--all", "--email", "--dry-run", "--from", "sla@example.org", "--month", "2026-10"],
            ] {
                let run = try await ProgramRun(arguments + ["--database", Deployment.conninfo(settings)])
                #expect([0, 2].contains(run.exitCode), "\(run.errors)")
                // What follows the table is files, by their names.
                let table = run.output.components(separatedBy: "\n\n").first { $0.contains("customer10") } ?? ""
                Self.expect(Self.slugs(table), arguments.joined(separator: " "))
            }
        }
    }

    @Test func `rows of files do, streamed ones too`() async throws {
        try await withSample { settings in
            let folder = try ScratchFolder()
            try await withLogin(settings, rights: "GRANT pg_read_all_data TO LOGIN") { login in
                let written = ["--output", folder.path, "--quiet", "--database", Deployment.conninfo(login)]
                for arguments in [
                    ["report", "sla", "--month", "2026-10"], ["report", "run", "access", "--param", "month=2026-10"],
                    ["report", "run", "failures", "--param", "month=2026-10"],
                ] {
                    let run = try await ProgramRun(arguments + written + ["--format", "csv"])
                    #expect(run.exitCode == 0, "\(run.errors)")
                }
            }
            let files = try folder.contents()
            func text(_ name: String) throws -> String {
                let file = files.first { $0.key.hasSuffix("/" + name) }
                return String(decoding: try #require(file, "\(files.keys.sorted())").value, as: UTF8.self)
            }
            for name in ["refunds.csv", "credits.csv", "completion.csv", "refund_rates.csv"] {
                Self.expect(Self.slugs(try text(name)), name)
            }
            let promises = try text("promises.csv").split(separator: "\r\n").filter { $0.hasPrefix("auto_refund,") }
            Self.expect(Self.slugs(promises.joined(separator: "\n"), field: 1), "promises.csv")
            for (name, content) in files where name.hasSuffix("by_customer.csv") {
                Self.expect(Self.slugs(String(decoding: content, as: UTF8.self)), name)
            }
        }
    }
}
