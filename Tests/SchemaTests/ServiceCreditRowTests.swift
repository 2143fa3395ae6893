import Postgres
import TestSupport
import Testing

/// What the database itself refuses of service credits, whoever writes.
@Suite struct ServiceCreditRowTests {
    private static let books = """
        INSERT INTO public.users (id) VALUES ('00000000-0000-0000-0000-00000000000a');
        INSERT INTO daybook.account (user_id, slug, name, plan, currency, time_zone, retention_days, monthly_fee_usd,
            contract_profile)
        VALUES ('00000000-0000-0000-0000-00000000000a', 'one', 'One', 'payg', 'USD', 'UTC', 30, 900, 'standard')
        """

    private static func offer(_ changes: [String: String] = [:]) -> String {
        let values = [
            "user_id": "'00000000-0000-0000-0000-00000000000a'", "month": "'2026-10-01'",
            "period_start": "'2026-10-01Z'", "period_end": "'2026-11-01Z'", "monthly_fee_usd": "900",
            "attained": "99.5", "tier_percent": "5", "is_least": "false", "credit_usd": "45",
            "request_until": "'2026-12-01Z'", "report_sha256": "repeat('a', 64)", "author": "'Ada'",
        ].merging(changes) { $1 }.sorted { $0.key < $1.key }
        return """
            INSERT INTO daybook.service_credit (\(values.map(\.key).joined(separator: ", ")))
            VALUES (\(values.map(\.value).joined(separator: ", ")))
            """
    }

    private static func event(_ sequence: Int, _ event: String, _ columns: String = "", _ values: String = "") -> String
    {
        """
        INSERT INTO daybook.service_credit_event (user_id, month, sequence, event, author\(columns))
        VALUES ('00000000-0000-0000-0000-00000000000a', '2026-10-01', \(sequence), '\(event)', 'Ada'\(values))
        """
    }

    private static let request = event(1, "requested", ", asked_at, reference", ", '2026-11-05Z', 'mail'")

    /// The constraint that refuses the last of some statements; empty where none does.
    private func refused(_ statements: [String], _ settings: ConnectionSettings) async throws -> String {
        struct TakenBack: Error {}
        let connection = try await Connection.open(settings)
        var constraint = ""
        do {
            try await connection.transaction { session in
                for statement in statements { try session.execute(statement) }
                throw TakenBack()
            }
        } catch is TakenBack {
        } catch let error as PostgresError {
            constraint = error.constraint ?? "\(error)"
        }
        await connection.close()
        return constraint
    }

    private static let wrongOffers = [
        ("month", "'2026-10-02'", "service_credit_is_first_day"),
        ("period_end", "'2026-09-01Z'", "service_credit_in_time"),
        ("request_until", "'2026-11-01Z'", "service_credit_in_time"),
        ("attained", "100.1", "service_credit_percentages"), ("tier_percent", "0", "service_credit_percentages"),
        ("credit_usd", "0", "service_credit_of_the_fee"), ("credit_usd", "900.01", "service_credit_of_the_fee"),
        ("credit_usd", "45.001", "service_credit_of_the_fee"),
        ("monthly_fee_usd", "'NaN'", "service_credit_of_the_fee"),
        ("report_sha256", "'x'", "service_credit_of_a_report"), ("author", "' '", "service_credit_has_author"),
        ("user_id", "'00000000-0000-0000-0000-00000000000b'", "service_credit_account_exists"),
    ]

    @Test func `an offer is of a month, a report and a share of the fee`() async throws {
        try await withEngine { settings in
            try await execute(Self.books, in: settings)
            #expect(try await refused([Self.offer()], settings).isEmpty)
            for (column, value, constraint) in Self.wrongOffers {
                #expect(try await refused([Self.offer([column: value])], settings) == constraint)
            }
        }
    }

    @Test func `steps follow each other, once, and keep to the offer`() async throws {
        try await withEngine { settings in
            try await execute(Self.books, in: settings)
            let offer = Self.offer()
            func refusal(_ statements: String...) async throws -> String {
                try await refused([offer] + statements, settings)
            }
            let granted = Self.event(2, "granted", ", form, amount_usd", ", 'fee', 45")
            #expect(try await refusal(Self.request, granted).isEmpty)
            #expect(try await refusal(granted) == "service_credit_event_follows")
            #expect(try await refusal(Self.request, Self.request) == "service_credit_event_pkey")
            let declined = Self.event(2, "declined", ", reason", ", 'no'")
            #expect(try await refusal(Self.request, declined).isEmpty)
            #expect(try await refusal(Self.request, granted, declined) == "service_credit_event_pkey")
            #expect(
                try await refusal(Self.request, Self.event(3, "declined", ", reason", ", 'no'"))
                    == "service_credit_event_known")
            #expect(
                try await refusal(Self.request, Self.event(2, "declined")) == "service_credit_event_declined")
            #expect(
                try await refusal(Self.request, Self.event(2, "granted", ", form, amount_usd", ", 'fee', 45.01"))
                    == "service_credit_event_within_offer")
            #expect(
                try await refusal(Self.request, Self.event(2, "granted", ", form, amount_usd", ", 'fee', 0"))
                    == "service_credit_event_amount_positive")
            #expect(
                try await refusal(Self.request, Self.event(2, "granted", ", form, amount_usd", ", 'credits', 45"))
                    == "service_credit_event_booked")
            let late = ", asked_at, reference"
            #expect(
                try await refusal(Self.event(1, "requested", late, ", '2026-12-02Z', 'mail'"))
                    == "service_credit_event_late_has_reason")
            #expect(
                try await refusal(
                    Self.event(1, "requested", late + ", reason", ", '2026-12-02Z', 'mail', 'it was ill'")
                ).isEmpty)
        }
    }
}
