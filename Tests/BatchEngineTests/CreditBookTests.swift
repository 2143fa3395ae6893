import BatchEngine
import Domain
import Postgres
import TestSupport
import Testing

/// What a customer has, as `daybook credits balance` and the Batch API say it.
@Suite struct BalanceTests {
    @Test func `the application's batches are held, and expired bonus is not available`() async throws {
        try await withEngine { settings in
            let user = try await TestCustomer.create(in: settings, purchased: 500, bonus: 40)
            let connection = try await Connection.open(settings)
            let (balance, wire) = try await connection.transaction { session in
                try session.executeScript(
                    """
                    UPDATE daybook.lot SET expires_at = daybook.clock() - interval '1 second' WHERE kind = 'bonus';
                    INSERT INTO public.batch_jobs (id, user_id, status, total_count, cost_per_video, frozen_credits,
                        settlement_status)
                    VALUES (gen_random_uuid(), '\(user)', 'processing', 3, 10, 30, 'pending')
                    """)
                return (try CreditBook(session).balance(of: user), try CustomerLedger(session, of: user).balance())
            }
            await connection.close()
            #expect(balance.purchased == 500 && balance.bonus == 0 && balance.expired == 40)
            #expect(balance.available == 500 && balance.held == 30)
            #expect(wire.available == balance.available && wire.reserved == balance.held)
        }
    }

    @Test func `a refund of a single video says so, and one that names no charge does not`() async throws {
        try await withEngine { settings in
            let user = try await TestCustomer.create(in: settings, purchased: 500)
            let connection = try await Connection.open(settings)
            let lines = try await connection.transaction { session in
                try session.executeScript(
                    """
                    INSERT INTO public.credit_ledger (user_id, type, credits_delta, ref_type, ref_id) VALUES
                        ('\(user)', 'spend', -10, 'video_task', 'v'), ('\(user)', 'refund', 10, 'video_refund', 'v'),
                        ('\(user)', 'refund', 3, 'video_refund', 'w')
                    """)
                return try CustomerLedger(session, of: user).ledger(CustomerLedger.Filter(), limit: 10, offset: 0)
                    .elements
            }
            await connection.close()
            let words = lines.map { "\($0.kind.rawValue) \($0.reason?.rawValue ?? "") \($0.delta)" }
            #expect(words.contains("settle single_video -10"), "\(words)")
            #expect(words.contains("refund single_video 10") && words.contains("refund  3"), "\(words)")
            #expect(lines.contains { $0.description == "Credits returned from a single video" })
        }
    }
}

/// A reference stands for one booking: the same again is harmless, something else under it is refused.
@Suite struct ReferenceTests {
    private static func booking(_ kind: CreditBooking.Kind, _ reference: String) throws -> CreditBooking {
        try CreditBooking(kind: kind, reference: reference, author: "a test", reason: "a test")
    }

    private static let package = CreditBooking.Kind.purchase(credits: 95_000, price: Dollars(micros: 2_000_000_000))

    @Test func `the same booking under its reference changes nothing, blanks around it or not`() async throws {
        try await withEngine { settings in
            let user = try await TestCustomer.create(in: settings)
            let connection = try await Connection.open(settings)
            let expiry = Instant(microseconds: 4_102_444_800_000_000)
            for kind in [
                Self.package, .grant(credits: 20, expiresAt: nil), .grant(credits: 20, expiresAt: expiry),
                .adjustment(credits: 7), .adjustment(credits: -95_010),
            ] {
                let name = "INV \(kind)"
                let isNew = try await connection.transaction { session in
                    try ["\(name)", " \(name)", "\(name)\u{a0}\n"].map {
                        try CreditBook(session).book(Self.booking(kind, $0), for: user)
                    }
                }
                #expect(isNew == [true, false, false], "\(kind)")
            }
            let available = try await connection.transaction { try CreditBook($0).balance(of: user).available }
            #expect(available == 95_000 + 40 + 7 - 95_010)
            await connection.close()
        }
    }

    @Test func `another kind, amount, price or expiry under a reference is refused with what was booked`() async throws
    {
        try await withEngine { settings in
            let user = try await TestCustomer.create(in: settings)
            let connection = try await Connection.open(settings)
            try await connection.transaction {
                _ = try CreditBook($0).book(Self.booking(Self.package, "INV-1"), for: user)
                _ = try CreditBook($0).book(Self.booking(.grant(credits: 5, expiresAt: nil), "BONUS"), for: user)
            }
            let expiry = Instant(microseconds: 4_102_444_800_000_000)
            for (reference, kind) in [
                ("INV-1", CreditBooking.Kind.purchase(credits: 262_500, price: Dollars(micros: 5_000_000_000))),
                ("INV-1", .purchase(credits: 95_000, price: Dollars(micros: 1_999_990_000))),
                ("INV-1", .grant(credits: 95_000, expiresAt: nil)), ("INV-1", .adjustment(credits: 95_000)),
                ("INV-1", .adjustment(credits: -1)), ("BONUS", .grant(credits: 6, expiresAt: nil)),
                ("BONUS", .grant(credits: 5, expiresAt: expiry)),
            ] {
                let error = await #expect(throws: DaybookError.self, "\(kind)") {
                    try await connection.transaction {
                        _ = try CreditBook($0).book(Self.booking(kind, reference), for: user)
                    }
                }
                #expect(error?.kind == .badData && error?.sentence.contains("was booked at") == true)
            }
            let available = try await connection.transaction { try CreditBook($0).balance(of: user).available }
            #expect(available == 95_005)
            await connection.close()
        }
    }

    @Test func `a reference of blanks is refused`() {
        for blank in ["", " ", "\t\n", "\u{a0}\u{2003}"] {
            #expect(throws: EngineFault.incompleteBooking(.reference)) { try Self.booking(Self.package, blank) }
        }
    }
}
