import Foundation
import Postgres
import TestSupport
import Testing

/// To whom statements are addressed: what `accounts.csv` says of it.
@Suite struct BillingTests {
    private static let columns = "billing_name,billing_address,vat_id,billing_email,cc,reference"

    /// The sample's accounts with further columns of customer5.
    private static func file(_ folder: ScratchFolder, _ values: String, columns: String = columns) throws -> String {
        let text = try String(contentsOfFile: Deployment.root + "/sample/accounts.csv", encoding: .utf8)
        let commas = String(repeating: ",", count: columns.count { $0 == "," } + 1)
        let lines = text.split(whereSeparator: \.isNewline).enumerated().map { index, line in
            index == 0 ? "\(line),\(columns)" : line.contains(",customer5,") ? "\(line),\(values)" : line + commas
        }
        return try folder.write(lines.joined(separator: "\r\n") + "\r\n", to: "accounts.csv")
    }

    private static let ostrich = """
        Ostrich Foods Europe B.V.,"Kade 12
        1011 AB Amsterdam",NL001234567B01,ap@ostrich.example,cfo@ostrich.example; audit@ostrich.example,PO 4711
        """

    @Test func `a dry run says what an import would do and writes nothing`() async throws {
        try await withSample { settings in
            let folder = try ScratchFolder()
            let file = try Self.file(folder, Self.ostrich)
            let dry = try await daybook(settings, ["accounts", "import", file, "--dry-run"])
            #expect(dry.exitCode == 0 && dry.output.contains("12 rows read, 0 added, 1 changed, 11 already there"))
            #expect(dry.output.contains("Nothing was written"))
            #expect(try await !daybook(settings, ["accounts", "show", "customer5"]).output.contains("PO 4711"))
            let run = try await daybook(settings, ["accounts", "import", file])
            #expect(run.output.contains("1 changed"), "\(run.errors)")
            #expect(try await daybook(settings, ["accounts", "show", "customer5"]).output.contains("PO 4711"))
        }
    }

    @Test func `a file without the columns leaves them, an empty cell empties them`() async throws {
        try await withSample { settings in
            let folder = try ScratchFolder()
            _ = try await daybook(settings, ["accounts", "import", try Self.file(folder, Self.ostrich)])
            let plain = try await daybook(settings, ["accounts", "import", Deployment.root + "/sample/accounts.csv"])
            #expect(plain.output.contains("0 changed, 12 already there"), "\(plain.output)\(plain.errors)")
            let one = try Self.file(folder, "", columns: "reference")
            #expect(try await daybook(settings, ["accounts", "import", one]).output.contains("1 changed"))
            let shown = try await daybook(settings, ["accounts", "show", "customer5"]).output
            #expect(shown.contains("NL001234567B01") && !shown.contains("PO 4711"))
        }
    }

    @Test func `what cannot stand on a page or in a message is refused, with its place`() async throws {
        try await withSample { settings in
            let folder = try ScratchFolder()
            let wrong = [
                ("\"a\nb\",,,,,", "billing_name has more than one line"),
                (",\"1\n2\n3\n4\n5\n6\n7\n8\n9\",,,,", "billing_address has more than 8 lines"),
                (",,,nobody,,", "billing_email is \"nobody\", but must be a mail address"),
                (",,,a@b.example c@d.example,,", "billing_email has more than 1 address"),
                (",,,,\"a@b.example\nBcc: x@y.example\",", "cc is \"Bcc:\", but must be a mail address"),
                (",,,,,\(String(repeating: "x", count: 121))", "reference has a line of more than 120 characters"),
            ]
            for (values, refusal) in wrong {
                let run = try await daybook(settings, ["accounts", "import", try Self.file(folder, values)])
                #expect(run.exitCode == 65 && run.errors.contains(refusal), "\(run.errors)")
            }
        }
    }

    @Test func `a statement goes to the address for bills, with copies, in the customer's own words`() async throws {
        try await withSample { settings in
            let folder = try ScratchFolder()
            _ = try await daybook(settings, ["accounts", "import", try Self.file(folder, Self.ostrich)])
            let arguments = ["--month", "2026-10", "--account", "customer5", "--email", "--from", "f@example.org"]
            let accepted = arguments + ["--accept", "customer5", "--reason", "looked at"]
            let dry = try await daybook(settings, ["report", "statement", "--dry-run"] + accepted)
            #expect(dry.output.contains("ap@ostrich.example, cfo@ostrich.example, audit@ostrich.example"))
            let run = try await StatementRuns(settings, accepted)
            let text = try String(
                contentsOfFile: run.folder.file("outbox/statement-customer5-2026-10.eml"), encoding: .utf8
            ).replacing("\r\n", with: "\n")
            #expect(text.contains("To: ap@ostrich.example\nCc: cfo@ostrich.example,\n audit@ostrich.example\n"))
            let message = try await DeliveryTests.read(run.folder.file("outbox/statement-customer5-2026-10.eml"))
            #expect(
                message["subject"] as? String
                    == "Statement customer5-2026-10, October 2026, your reference PO 4711")
            #expect((message["body"] as? String)?.contains("Dear Ostrich Foods Europe B.V.,") == true)
            #expect(message["defects"] as? Int == 0)
        }
    }
}
