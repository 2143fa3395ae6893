import Foundation
import Postgres
import TestSupport

/// A random history of one wallet's bonus, done to the database and to a model: lots of bonus, and the expiry told.
struct BonusHistory {
    private struct BonusLot: Hashable {
        let number: Int
        var left: Int
        /// Seconds after the beginning; nil never.
        var expiry: Int?
    }

    private var random: SeededRandom
    private let base: String
    private let user = UUID().uuidString.lowercased()
    private var now = 0
    private var lots: [BonusLot] = []
    private var told: Int?
    private var count = 0
    private var log: [String] = []
    private(set) var differences: [String] = []

    init(seed: UInt64, base: String) {
        random = SeededRandom(seed: seed)
        self.base = base
    }

    private var latest: Int? {
        let open = lots.filter { $0.left > 0 }
        return open.contains { $0.expiry == nil } ? nil : open.compactMap(\.expiry).max()
    }
    private var total: Int { lots.reduce(0) { $0 + $1.left } }

    mutating func begin(_ session: Session) throws {
        try session.executeScript(
            """
            UPDATE daybook.test_clock SET origin = \(base);
            INSERT INTO public.users (id, google_id, email) VALUES ('\(user)', '\(user)', '\(user)');
            INSERT INTO public.credit_wallet (user_id, permanent_credits) VALUES ('\(user)', 100000)
            """)
    }

    mutating func step(_ session: Session) throws {
        now += Int.random(in: 0...30, using: &random)
        try session.executeScript("UPDATE daybook.test_clock SET origin = \(instant(now))")
        let credits = Int.random(in: 1...50, using: &random)
        let expiry = Int.random(in: 0..<5, using: &random) == 0 ? nil : now + Int.random(in: 1...120, using: &random)
        switch Int.random(in: 0..<6, using: &random) {
        case 0: try grantByApplication(credits, expiry, session)
        case 1: try setExpiry(expiry, session)
        case 2: try takeByApplication(min(credits, total), session)
        case 3:
            try session.executeScript(
                """
                SELECT daybook.open_lot('\(user)', 'bonus', \(credits), 0, \(instant(expiry)), 'grant', 'test',
                    '\(count)', 'a test', 'a test')
                """)
            expire()
            open(credits, expiry)
            told = latest
            log.append("engine grants \(credits) until \(expiry.map(String.init) ?? "ever")")
        case 4:
            try session.executeScript("SELECT daybook.take_out('\(user)', \(credits), 'take \(log.count)', 'a', 'b')")
            expire()
            take(credits)
            told = latest
            log.append("engine takes \(credits)")
        default:
            while try session.query("SELECT daybook.expire_credit() AS more")[0].bool("more") {}
            if lots.contains(where: isDead) {
                expire()
                told = latest
            }
            log.append("expiry at \(now)")
        }
        try compare(session)
    }

    private mutating func grantByApplication(_ credits: Int, _ expiry: Int?, _ session: Session) throws {
        try session.executeScript(
            "SELECT public.add_credits_to_wallet('\(user)', 0, \(credits), \(instant(expiry)))")
        follow([told, expiry].compactMap { $0 }.max(), total: total + credits)
        open(credits, told)
        log.append("application grants \(credits) until \(expiry.map(String.init) ?? "ever")")
    }

    private mutating func setExpiry(_ expiry: Int?, _ session: Session) throws {
        try session.executeScript(
            "UPDATE public.credit_wallet SET bonus_expires_at = \(instant(expiry)) WHERE user_id = '\(user)'")
        follow(expiry, total: total)
        log.append("application sets \(expiry.map(String.init) ?? "ever")")
    }

    private mutating func takeByApplication(_ credits: Int, _ session: Session) throws {
        try session.executeScript(
            "UPDATE public.credit_wallet SET bonus_credits = bonus_credits - \(credits) WHERE user_id = '\(user)'")
        take(credits)
        log.append("application takes \(credits)")
    }

    /// What another hand told the wallet moves every lot of bonus, unless it is what the wallet said before.
    private mutating func follow(_ expiry: Int?, total: Int) {
        if expiry != told, total > 0, expiry != latest {
            for index in lots.indices where lots[index].left > 0 { lots[index].expiry = expiry }
        }
        told = expiry
    }

    private mutating func open(_ credits: Int, _ expiry: Int?) {
        count += 1
        lots.append(BonusLot(number: count, left: credits, expiry: expiry))
    }

    private mutating func take(_ credits: Int) {
        var left = credits
        let order = lots.indices.sorted {
            (lots[$0].expiry ?? .max, lots[$0].number) < (lots[$1].expiry ?? .max, lots[$1].number)
        }
        for index in order {
            let part = min(left, lots[index].left)
            lots[index].left -= part
            left -= part
        }
    }

    private func isDead(_ lot: BonusLot) -> Bool { lot.left > 0 && (lot.expiry ?? .max) <= now }

    private mutating func expire() {
        for index in lots.indices where isDead(lots[index]) { lots[index].left = 0 }
    }

    private func instant(_ seconds: Int?) -> String {
        seconds.map { "\(base) + interval '\($0) seconds'" } ?? "NULL::timestamptz"
    }

    /// Every lot and the wallet as the database has them, against the model's.
    private mutating func compare(_ session: Session) throws {
        let since = "coalesce(extract(epoch FROM expiry - \(base))::bigint::text, 'ever')"
        let found = try session.query(
            """
            SELECT remaining || ' ' || \(since) AS line
            FROM (
                SELECT remaining, expires_at AS expiry, lot_id FROM daybook.lot
                WHERE user_id = $1 AND kind = 'bonus' AND remaining > 0
                UNION ALL
                SELECT bonus_credits, bonus_expires_at, NULL FROM public.credit_wallet WHERE user_id = $1
            ) AS l ORDER BY lot_id NULLS LAST
            """, [.uuid(user)]
        ).map { try $0.text("line") }
        let expected =
            lots.filter { $0.left > 0 }.map { "\($0.left) \($0.expiry.map(String.init) ?? "ever")" }
            + ["\(total) \(told.map(String.init) ?? "ever")"]
        if found != expected, differences.isEmpty {
            differences = log.suffix(6) + ["is \(found)", "should be \(expected)"]
        }
    }
}
