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
    }

    /// Plays all months.
    mutating func play() async throws {
        for month in Self.months {
            if month != Self.months[0] { try await changeSomething(from: month) }
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
