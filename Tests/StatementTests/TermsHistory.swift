import Foundation
import Postgres
import TestSupport

/// Customers whose terms and names change at random while their ledger grows and their months are closed, or not.
///
/// Months are played in their order: terms begin, the month is stated, closed or left open, and rows come that are dated before.
struct TermsHistory {
    static let months = (5...10).map { "2026-" + ($0 < 10 ? "0" : "") + "\($0)" }
    /// A row that comes when the last month is closed stands in the one after it.
    static let stated = months + ["2026-11"]
    private static let zones = [
        "Asia/Tokyo", "America/Los_Angeles", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu",
        "Australia/Lord_Howe", "Europe/Berlin", "UTC",
    ]
    private static let fixture = Deployment.root + "/Tests/Oracle/deployed/deployment.sql"
    private static let kinds = [
        ("purchase", 2000, "stripe_payment"), ("bonus_grant", 50, "stripe_payment"),
        ("spend", -10, "permanent_credits"), ("adjust", -7, "admin"),
    ]
    /// Every row is dated in the months, in any zone.
    private static let first = "2026-05-03T00:00:00Z"
    private static let last = "2026-10-28T00:00:00Z"

    struct Customer {
        let userID: String
        var slug: String
        var plan: String
        var zone: String
        var fee: String
        var profile: String
    }

    let settings: ConnectionSettings
    private let scratch: ScratchFolder
    private var random: SeededRandom
    private(set) var customers: [Customer] = []
    /// Whose name a slug is or was.
    private(set) var owners: [String: String] = [:]
    /// The figures of each closed month as they were when it was closed, by the name of the file.
    private(set) var closed: [String: Data] = [:]
    /// A month of the customers, judged while its terms were in force and later ones were not: the lines of its SLA
    /// reports, with owners for names.
    private(set) var judged: (month: String, lines: [String])?
    /// True where a customer has closed months that follow one another.
    private(set) var hasTwoClosedMonths = false
    /// The last closed month of each customer.
    private var closedTo: [String: String] = [:]

    init(seed: Int, in settings: ConnectionSettings) async throws {
        self.settings = settings
        scratch = try ScratchFolder()
        random = SeededRandom(seed: UInt64(seed))
        try await Deployment.load(file: Self.fixture, into: settings)
        try await run(["database", "migrate"])
        try await importStrictProfile()
        for number in 0..<Int.random(in: 2...3, using: &random) {
            let id = "00000000-0000-4000-8000-00000000000\(number)"
            try await execute(
                "INSERT INTO public.users (id, google_id, email) VALUES ('\(id)', '\(id)', '\(id)@example.org')",
                in: settings)
            var customer = Customer(
                userID: id, slug: "c\(number)-0", plan: "payg", zone: "UTC", fee: "0", profile: "standard")
            changeTerms(&customer)
            customers.append(customer)
            owners[customer.slug] = id
        }
        try await importAccounts()
        try await post(rows: 60)
        try await deliver(batches: 12)
    }

    /// Plays all months.
    mutating func play() async throws {
        let judgedMonth = Self.months.dropLast().randomElement(using: &random)
        for month in Self.months {
            if month != Self.months[0] { try await changeSomething(from: month) }
            if month == judgedMonth { judged = (month, try await judge(month)) }
            for customer in customers where Bool.random(using: &random) {
                try await close(customer, to: month)
            }
            // They are dated in the month that was just stated, or later: where it was
            // closed they stand in the next one.
            try await post(rows: Int.random(in: 0...6, using: &random), from: month)
        }
    }

    /// Closes the months of a customer up to one, in their order: those that were left open are closed later.
    private mutating func close(_ customer: Customer, to month: String) async throws {
        let last = closedTo[customer.userID]
        for month in last == nil ? [month] : Self.months.filter({ $0 > last ?? "" && $0 <= month }) {
            // What is not whole is looked at, and accepted.
            let closed = try await closing(settings, [month, "--account", customer.slug, "--quiet"])
            guard closed.exitCode == 0 else { throw TestSupportError("close \(month): \(closed.errors)") }
            let statement = try await StatementRuns(
                settings, ["--month", month, "--account", customer.slug, "--format", "csv"])
            self.closed.merge(try Self.figures(of: statement)) { _, new in new }
        }
        if last != nil { hasTwoClosedMonths = true }
        closedTo[customer.userID] = month
    }

    /// What the SLA reports of every customer's own month say: the fee, and what became of the tasks under the profile.
    ///
    /// Throws where a fee is not the one that the customer has now, if the terms of the month are in force now.
    func judge(_ month: String, isInForce: Bool = true) async throws -> [String] {
        let folder = try ScratchFolder()
        var lines: [String] = []
        for customer in customers {
            try await run([
                "report", "sla", "--quiet", "--month", month, "--account", customer.slug, "--format", "csv",
                "--no-tasks", "--output", folder.path,
            ])
            let tables = try ["credits", "completion"].map {
                try StatementRuns.records(folder.file("sla-\(customer.slug)-\(month)/\($0).csv")).dropFirst()
            }
            let fee = customer.fee.contains(".") ? customer.fee : customer.fee + ".00"
            guard !isInForce || tables[0].map({ $0[3] }) == [fee] else {
                throw TestSupportError("the fee of \(customer.slug) in \(month) is not \(fee): \(tables[0])")
            }
            lines += tables.joined().map { ([customer.userID] + $0.dropFirst()).joined(separator: ",") }
        }
        return lines
    }

    /// Batches of one task, which names no model and takes longer than some profiles allow; nobody writes down when
    /// they were settled.
    private mutating func deliver(batches: Int) async throws {
        for number in 0..<batches {
            guard let customer = customers.randomElement(using: &random) else { continue }
            let id = "00000000-0000-4000-8000-0000000001\(number < 10 ? "0" : "")\(number)"
            let edge = Self.months.dropFirst().randomElement(using: &random) ?? Self.months[5]
            let zone = Self.zones.randomElement(using: &random) ?? "UTC"
            let seconds = [-180, -90, -1, 0, 1, Int.random(in: -2_000_000...0, using: &random)]
                .randomElement(using: &random)
            let at = """
                (timestamp '\(edge)-01' AT TIME ZONE '\(zone)' + interval '\(seconds ?? 0) seconds')
                """
            let ended = "\(at) + interval '\(Int.random(in: 30...150, using: &random)) seconds'"
            try await execute(
                """
                INSERT INTO public.batch_jobs (id, user_id, status, total_count, success_count, failed_count,
                    cost_per_video, frozen_credits, credits_spent, settlement_status, created_at, updated_at)
                VALUES ('\(id)', '\(customer.userID)', 'completed', 1, 1, 0, 10, 10, 10, 'finalized', \(at), \(ended));
                INSERT INTO public.video_tasks
                    (id, user_id, prompt, model, status, created_at, updated_at, batch_job_id, batch_index)
                VALUES ('\(id)', '\(customer.userID)', 'a lake', NULL, 'succeeded', \(at), \(ended), '\(id)', 0);
                INSERT INTO public.credit_ledger (user_id, type, model, credits_delta, ref_type, ref_id, created_at)
                VALUES ('\(customer.userID)', 'spend', 'sora-2', -10, 'batch_upfront', '\(id)', \(at))
                """, in: settings)
        }
    }

    /// The CSV files of a run by their names.
    static func figures(of run: StatementRuns) throws -> [String: Data] {
        try run.folder.contents().filter { $0.key.hasSuffix(".csv") }
    }

    private mutating func changeTerms(_ customer: inout Customer) {
        customer.zone = Self.zones.randomElement(using: &random) ?? "UTC"
        customer.plan = Bool.random(using: &random) ? "payg" : "prepaid"
        customer.fee = ["0", "0.30", "999.99", "1500"].randomElement(using: &random) ?? "0"
        customer.profile = Bool.random(using: &random) ? "standard" : "strict"
    }

    /// New terms from a month on, as an import during it would have recorded them, or a new name.
    private mutating func changeSomething(from month: String) async throws {
        var isRenamed = false
        for index in customers.indices {
            if Bool.random(using: &random) {
                var customer = customers[index]
                changeTerms(&customer)
                customers[index] = customer
                try await execute(
                    """
                    INSERT INTO daybook.account_terms
                        (user_id, from_month, plan, currency, time_zone, monthly_fee_usd, contract_profile)
                    VALUES ('\(customer.userID)', '\(month)-01', '\(customer.plan)', 'USD', '\(customer.zone)',
                        \(customer.fee), '\(customer.profile)')
                    """, in: settings)
            }
            if Int.random(in: 0..<4, using: &random) == 0 {
                customers[index].slug = "c\(index)-\(month.suffix(2))"
                owners[customers[index].slug] = customers[index].userID
                isRenamed = true
            }
        }
        if isRenamed { try await importAccounts() }
        // A later write to a batch, by which nobody means anything.
        try await execute("UPDATE public.batch_jobs SET updated_at = now()", in: settings)
    }

    private func importAccounts() async throws {
        let header =
            "user_id,slug,name,plan,currency,timezone,retention_days,monthly_fee_usd,legal_hold,"
            + "contract_profile\n"
        let rows = customers.map {
            "\($0.userID),\($0.slug),Reels,\($0.plan),USD,\($0.zone),180,\($0.fee),,\($0.profile)\n"
        }
        try await run(["accounts", "import", try scratch.write(header + rows.joined(), to: "accounts.csv")])
    }

    private func importStrictProfile() async throws {
        let path = Deployment.root + "/reports/sla/standard-profile.json"
        let standard = try String(contentsOfFile: path, encoding: .utf8)
        let strict = standard.replacing("\"standard\"", with: "\"strict\"").replacing("120", with: "60")
            .replacing("\"time_zone\"", with: "\"default_model\": \"veo-pro\", \"time_zone\"")
        try await run(["profiles", "import", try scratch.write(strict, to: "strict.json")])
    }

    /// Rows of a ledger, most of them within an hour of the end of a month in some zone.
    private mutating func post(rows: Int, from month: String? = nil) async throws {
        var values: [String] = []
        for _ in 0..<rows {
            guard let customer = customers.randomElement(using: &random) else { continue }
            let kind = Self.kinds[Int.random(in: 0..<Self.kinds.count, using: &random)]
            let zone = Self.zones.randomElement(using: &random) ?? "UTC"
            let later = Self.months.dropFirst().filter { $0 > month ?? "" }
            let edge = later.randomElement(using: &random) ?? Self.months[5]
            let far = Int.random(in: -2_000_000...0, using: &random)
            let seconds = [-3600, -1, 0, 1, 3600, far].randomElement(using: &random) ?? 0
            values.append(
                """
                ('\(customer.userID)', '\(kind.0)', \(kind.1), '\(kind.2)', least(greatest(
                    timestamp '\(edge)-01' AT TIME ZONE '\(zone)' + interval '\(seconds) seconds', '\(Self.first)'), '\(Self.last)'))
                """)
        }
        guard !values.isEmpty else { return }
        try await execute(
            "INSERT INTO public.credit_ledger (user_id, type, credits_delta, ref_type, created_at) VALUES "
                + values.joined(separator: ", "), in: settings)
    }

    /// Runs a command that has to succeed; a month whose wallet is not the ledger ends with 2.
    private func run(_ arguments: [String]) async throws {
        let run = try await daybook(settings, arguments)
        guard run.exitCode == 0 else {
            throw TestSupportError("\(arguments.joined(separator: " ")) ended with \(run.exitCode): \(run.errors)")
        }
    }
}
