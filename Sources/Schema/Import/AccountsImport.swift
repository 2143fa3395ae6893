public import Domain
import Postgres

/// New terms of an account, from a month on.
public struct TermsChange: Hashable, Sendable {
    public let slug: String
    /// The first month under them.
    public let from: Month
    /// The next recorded change, which stays; nil where there is none.
    public let until: Month?
    /// True where the account's row changes as well.
    let isChangedOtherwise: Bool
}

/// The terms of a file of accounts, month by month.
enum AccountTermsImport {
    /// Records the incoming terms of the accounts that are there already, before their rows are updated.
    ///
    /// Throws `badData` naming the account where `from` is over.
    ///
    /// - Parameter others: The columns that the file says and that are no terms.
    static func record(from: Month?, others: [String], _ session: Session) throws -> [TermsChange] {
        let (current, incoming) = (
            others.map { "a.\($0)" }.joined(separator: ", "), others.map { "i.\($0)" }.joined(separator: ", ")
        )
        do {
            return try session.query(
                """
                SELECT i.slug, t.held_from, t.next_change,
                    (\(current)) IS DISTINCT FROM (\(incoming))
                    OR ($1::date IS NULL AND (a.plan, a.currency, a.time_zone, a.monthly_fee_usd, a.contract_profile)
                        IS DISTINCT FROM (i.plan, i.currency, i.time_zone, i.monthly_fee_usd, i.contract_profile))
                        AS is_changed
                FROM pg_temp.incoming AS i
                JOIN daybook.account AS a ON a.user_id = i.user_id
                CROSS JOIN LATERAL daybook.set_terms(
                    i.user_id, $1::date, i.plan, i.currency, i.time_zone, i.monthly_fee_usd, i.contract_profile) AS t
                WHERE t.held_from IS NOT NULL
                """, [from.map { .date($0.firstDay) } ?? .null]
            ).map { row in
                TermsChange(
                    slug: try row.text("slug"), from: try month(row.date("held_from")),
                    until: try row.optionalDate("next_change").map(month),
                    isChangedOtherwise: try row.bool("is_changed"))
            }.inNaturalOrder(of: \.slug)
        } catch let error as PostgresError where error.sqlState?.rawValue == "DB409" {
            throw DaybookError.badData(
                "The terms cannot change from \(from?.description ?? "") on: that month is over for an account of the "
                    + "file, and keeps the terms that it was over under.", .nameLaterMonth)
        }
    }

    private static func month(_ day: CalendarDate) throws -> Month {
        guard let month = Month(year: day.components.year, number: day.components.month) else {
            throw DaybookError.badData("daybook.account_terms names the month \(day), which no report has.")
        }
        return month
    }
}

/// The slugs of a file of accounts: one a customer, and none that something was kept under for somebody else.
enum AccountSlugs {
    /// Refuses slugs that other accounts have and keep, before anything is written: naming each, and whose it is.
    static func requireFree(_ session: Session) throws {
        let taken = try session.query(
            """
            SELECT i.slug, a.user_id::text AS owner, i.user_id::text AS wanted_by
            FROM pg_temp.incoming AS i JOIN daybook.account AS a ON a.slug = i.slug AND a.user_id <> i.user_id
            WHERE NOT EXISTS (SELECT FROM pg_temp.incoming AS o WHERE o.user_id = a.user_id AND o.slug <> a.slug)
            """
        ).map { (slug: try $0.text("slug"), owner: try $0.text("owner"), wantedBy: try $0.text("wanted_by")) }
            .inNaturalOrder(of: \.slug)
        guard let first = taken.first else { return }
        let others = taken.dropFirst().prefix(Limits.importErrorsShown - 1).map(\.slug)
        throw DaybookError.badData(
            "The file was not imported: the slug \(first.slug) is that of the account of \(first.owner), and cannot "
                + "be that of \(first.wantedBy) as well"
                + (others.isEmpty ? "" : " (so it is with \(others.joined(separator: ", ")))")
                + "; give each account a slug of its own, or rename the other one in the same file.")
    }

    /// What the database refuses about slugs, as sentences.
    static func refusing<Result>(_ write: () throws -> Result) throws -> Result {
        do {
            return try write()
        } catch let error as PostgresError where error.sqlState?.rawValue == "DB409" {
            throw DaybookError.badData(
                "The file was not imported: \(error.message ?? error.sentence). Choose a slug that nobody has had.")
        } catch let error as PostgresError where error.constraint == "account_slug_unique" {
            // Whoever writes accounts without the import does not wait for it.
            throw DaybookError.badData(
                "The file was not imported: another account was just given a slug of the file", .giveOwnSlugs)
        }
    }
}

/// The legal holds that accounts name themselves, and what becomes of them when a file is imported: they move through
/// functions that write down who and why, never by an update.
enum AccountHolds {
    private static let releasing = """
        daybook.account AS a JOIN pg_temp.incoming AS i ON i.user_id = a.user_id
        WHERE a.legal_hold <> '' AND coalesce(i.legal_hold, '') = ''
        """

    /// Writes down which holds the incoming accounts release, and why. Throws `usage` naming them where there is no
    /// reason: what is released can be purged the next night.
    static func release(because reason: String?, _ session: Session) throws {
        let slugs = try session.query("SELECT a.slug FROM \(releasing)").map { try $0.text("slug") }
            .inNaturalOrder { $0 }
        guard !slugs.isEmpty else { return }
        guard let reason, !reason.isEmpty else {
            throw DaybookError.usage(
                "The file would release the legal hold of \(slugs.joined(separator: ", ")), and a release needs a "
                    + "reason; nothing was imported.", .sayWhyHoldsEnd)
        }
        _ = try session.query(
            "SELECT daybook.release_account_hold(a.user_id, $1) FROM \(releasing)", [.text(reason)])
    }

    /// Holds the accounts for the matters that the file names, once they are there.
    static func place(_ session: Session) throws {
        _ = try session.query(
            """
            SELECT daybook.place_account_hold(i.user_id, i.legal_hold)::text
            FROM pg_temp.incoming AS i JOIN daybook.account AS a ON a.user_id = i.user_id
            WHERE i.legal_hold <> '' AND i.legal_hold IS DISTINCT FROM a.legal_hold
            """)
    }
}
