import Foundation
import Postgres
import TestSupport
import Testing

/// What `credits`, `accounts import` and whatever names an account refuse, in one sentence that says what to do.
@Suite(.timeLimit(.minutes(5))) struct CreditSentenceTests {
    private static let header =
        "user_id,slug,name,plan,currency,timezone,retention_days,monthly_fee_usd,legal_hold\n"
    private static let (one, two) = ("11111111-2222-3333-4444-555555555555", "22222222-2222-3333-4444-555555555555")

    private static func row(_ user: String, _ slug: String, _ name: String = "Tidewater", fee: String = "0") -> String {
        "\(user),\(slug),\(name),prepaid,USD,UTC,30,\(fee),\n"
    }

    private func expect(
        _ arguments: [String], _ settings: ConnectionSettings, code: Int32, says text: String,
        program: String = "daybook"
    ) async throws {
        let run = try await ProgramRun(
            arguments + ["--database", Deployment.conninfo(settings)], program: RunningProgram.path(program))
        #expect(run.exitCode == code && run.errors.contains(text), "\(arguments): \(run.exitCode) \(run.errors)")
        #expect(run.errors.split(separator: "\n").count == 1, "\(run.errors)")
        #expect(!run.errors.contains("constraint") && !run.errors.contains("SQLSTATE"), "\(run.errors)")
    }

    private func importing(_ rows: String, _ settings: ConnectionSettings) async throws -> ProgramRun {
        let folder = try ScratchFolder()
        let file = try folder.write(Self.header + rows, to: "accounts.csv")
        return try await ProgramRun(["accounts", "import", file, "--database", Deployment.conninfo(settings)])
    }

    @Test func `credits on a deployment without the engine say how it comes`() async throws {
        try await withSample { settings in
            for arguments in [
                ["credits", "balance", "--account", "customer1"], ["credits", "balance", "--account", "nobody"],
                ["credits", "balance", "--account", "customer1", "--at", "2026-10-01T00:00:00Z"],
                ["credits", "history", "--account", "customer1"],
                ["credits", "grant", "--account", "customer1", "--package", "2000", "--reference", "r"],
                ["credits", "grant", "--account", "nobody", "--bonus", "5", "--reference", "r"],
                ["credits", "adjust", "--account", "customer1", "--by", "-1", "--reference", "r", "--reason", "x"],
            ] {
                try await expect(arguments, settings, code: 78, says: "run: daybook database migrate --engine\n")
            }
        }
    }

    @Test func `an account whose user the application does not have is not booked for`() async throws {
        try await withDatabase { settings in
            try await Deployment.load(file: Deployment.root + "/Tests/Oracle/deployed/deployment.sql", into: settings)
            let database = ["--database", Deployment.conninfo(settings)]
            try await ProgramRun.expectingSuccess(["database", "migrate", "--engine"] + database)
            #expect(try await importing(Self.row(Self.one, "tidewater"), settings).exitCode == 0)
            try await expect(
                ["credits", "grant", "--account", "tidewater", "--package", "2000", "--reference", "r"], settings,
                code: 65, says: "let the application make the user first")
            try await expect(
                ["keys", "create", "--account", "tidewater", "--name", "n"], settings, code: 65,
                says: "let the application make the user first", program: "daybookd")
        }
    }

    @Test func `more than a wallet can hold is refused with the room that there is, held credit counted`() async throws
    {
        try await withEngine { settings in
            #expect(try await importing(Self.row(Self.one, "tidewater"), settings).exitCode == 0)
            func grant(_ amount: [String], _ reference: String) -> [String] {
                ["credits", "grant", "--account", "tidewater", "--reference", reference] + amount
            }
            let all = grant(["--credits", "2147483000", "--usd", "1"], "INV-1")
            try await ProgramRun.expectingSuccess(all + ["--database", Deployment.conninfo(settings)])
            for (amount, reference) in [(["--bonus", "648"], "B"), (["--package", "2000"], "P")] {
                try await expect(grant(amount, reference), settings, code: 65, says: "book at most 647")
            }
            try await execute(
                """
                INSERT INTO public.batch_jobs (id, user_id, status, total_count, cost_per_video)
                VALUES ('aaaaaaaa-0000-0000-0000-000000000001', '\(Self.one)', 'queued', 1, 100);
                SELECT public.freeze_credits_for_batch('aaaaaaaa-0000-0000-0000-000000000001', '\(Self.one)', 100)
                """, in: settings)
            try await expect(grant(["--bonus", "648"], "B"), settings, code: 65, says: "with 100 more held")
            try await ProgramRun.expectingSuccess(
                grant(["--bonus", "647"], "B") + ["--database", Deployment.conninfo(settings)])
        }
    }

    @Test func `a slug that is taken is named with its owner, and slugs that move on are not`() async throws {
        try await withEngine { settings in
            #expect(try await importing(Self.row(Self.one, "first"), settings).exitCode == 0)
            // By a new account, and by one that is renamed.
            let taken = try await importing(Self.row(Self.two, "first"), settings)
            #expect(try await importing(Self.row(Self.two, "second"), settings).exitCode == 0)
            let renamed = try await importing(Self.row(Self.two, "first"), settings)
            for run in [taken, renamed] {
                #expect(run.exitCode == 65 && run.errors.split(separator: "\n").count == 1, "\(run.errors)")
                #expect(run.errors.contains("the slug first is that of the account of \(Self.one)"), "\(run.errors)")
                #expect(run.errors.contains("give each account a slug of its own") && !run.errors.contains("Key ("))
            }
            for rows in [
                Self.row(Self.one, "second") + Self.row(Self.two, "first"), Self.row(Self.one, "third"),
                Self.row(Self.one, "first") + Self.row(Self.two, "third"),
            ] {
                let run = try await importing(rows, settings)
                #expect(run.exitCode == 0, "\(rows): \(run.errors)")
            }
        }
    }

    @Test(arguments: [
        ("1000000000.01", "an amount from 0 to 1000000000"), ("-1", "an amount from 0"),
        ("99999999999999999999999", "an amount from 0"), ("1e3", "an amount from 0"),
    ]) func `an imported fee out of range is refused with the range`(fee: String, text: String) async throws {
        try await withEngine { settings in
            let run = try await importing(Self.row(Self.one, "first", fee: fee), settings)
            #expect(run.exitCode == 65 && run.errors.contains(text), "\(run.errors)")
        }
    }

    @Test(arguments: ["2147483648", "-1", "99999999999999999999", "1.5"])
    func `an imported latency out of range is refused with the range`(latency: String) async throws {
        try await withEngine { settings in
            let folder = try ScratchFolder()
            let file = try folder.write(
                "probed_at,target,ok,latency_ms\n2026-10-01T00:00:00Z,api,true,\(latency)\n", to: "probes.csv")
            let run = try await ProgramRun(
                ["availability", "import", file, "--database", Deployment.conninfo(settings)])
            #expect(
                run.exitCode == 65 && run.errors.contains("whole milliseconds from 0 to 2147483647"), "\(run.errors)")
        }
    }

    @Test func `numbers of a contract profile that do not fit are named`() async throws {
        try await withEngine { settings in
            let standard = try String(
                contentsOfFile: Deployment.root + "/reports/sla/standard-profile.json", encoding: .utf8)
            let folder = try ScratchFolder()
            for (key, value, text) in [
                ("refund_deadline_seconds", "0", "refund_deadline_seconds must lie between 1 and 2592000"),
                ("stuck_after_hours", "-3", "stuck_after_hours must lie between 1 and 8760"),
                ("maintenance_notice_hours", "8761", "maintenance_notice_hours must lie between 0 and 8760"),
                ("version", "99999999999999999999", "\"version\" is no whole number of a size that fits"),
                ("stuck_after_hours", "1.5", "\"stuck_after_hours\" is no whole number"),
            ] {
                let document = standard.replacing(try Regex("\"\(key)\": *[0-9]+"), with: "\"\(key)\": \(value)")
                let file = try folder.write(document, to: "profile.json")
                try await expect(["profiles", "import", file], settings, code: 65, says: text)
            }
        }
    }

    @Test func `wherever an account is named, a name like a slug is answered with the slug`() async throws {
        try await withEngine { settings in
            #expect(try await importing(Self.row(Self.one, "tidewater"), settings).exitCode == 0)
            let month = ["--month", "2026-10"]
            let named = [
                ["report", "sla", "--account", "Tidewater"] + month,
                ["report", "statement", "--account", "Tidewater"] + month,
                [
                    "report", "run", "credits", "--param", "from=2026-10", "--param", "to=2026-10", "--param",
                    "account=Tidewater",
                ],
                ["ledger", "verify", "--account", "Tidewater"], ["accounts", "show", "Tidewater"],
                ["close", "month", "2026-10", "--account", "Tidewater"],
                ["close", "diff", "2026-10", "--account", "Tidewater"],
                ["close", "reopen", "2026-10", "--reason", "x", "--account", "Tidewater"],
                ["close", "month", "2026-10", "--accept", "Tidewater", "--reason", "x"],
                ["credits", "balance", "--account", "Tidewater"], ["credits", "history", "--account", "Tidewater"],
                ["credits", "grant", "--account", "Tidewater", "--bonus", "5", "--reference", "r"],
                ["retention", "plan", "--account", "Tidewater"],
                ["retention", "purge", "--yes", "--account", "Tidewater", "--certificates", "/tmp/none"],
                ["retention", "hold", "add", "--account", "Tidewater", "--matter", "m", "--requested-by", "x"],
                [
                    "retention", "policy", "set", "--account", "Tidewater", "--class", "access_log", "--days", "90",
                    "--reason", "x",
                ],
            ]
            try await withLogin(settings) { reader in
                for arguments in named {
                    let isReport = arguments[0] == "report"
                    let isQuiet = isReport || arguments.starts(with: ["close", "month"])
                    // A report that somebody may have written is not run by a superuser.
                    try await expect(
                        arguments + (isQuiet ? ["--quiet"] : []), isReport ? reader : settings, code: 64,
                        says: "\"Tidewater\"; did you mean tidewater?")
                }
            }
            let hash = String(repeating: "a", count: 64)
            let list = try await ProgramRun(
                ["close", "list", "--head", "Tidewater=\(hash)", "--database", Deployment.conninfo(settings)])
            #expect(list.exitCode == 2 && list.output.contains("did you mean tidewater?"), "\(list.output)")
            try await expect(
                ["keys", "create", "--account", "Tidewater", "--name", "n"], settings, code: 64,
                says: "did you mean tidewater?", program: "daybookd")
        }
    }
}
