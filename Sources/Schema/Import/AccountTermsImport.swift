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
    static func record(from: Month?, _ session: Session) throws -> [TermsChange] {
        do {
            return try session.query(
                """
                SELECT i.slug, t.held_from, t.next_change,
                    (a.slug, a.name, a.retention_days, a.legal_hold)
                        IS DISTINCT FROM (i.slug, i.name, i.retention_days, i.legal_hold)
                    OR ($1::date IS NULL AND (a.plan, a.currency, a.time_zone, a.monthly_fee_usd, a.contract_profile)
                        IS DISTINCT FROM (i.plan, i.currency, i.time_zone, i.monthly_fee_usd, i.contract_profile))
                        AS is_changed
                FROM pg_temp.incoming AS i
                JOIN daybook.account AS a ON a.user_id = i.user_id
                CROSS JOIN LATERAL daybook.set_terms(
                    i.user_id, $1::date, i.plan, i.currency, i.time_zone, i.monthly_fee_usd, i.contract_profile) AS t
                WHERE t.held_from IS NOT NULL
                ORDER BY i.slug COLLATE "C"
                """, [from.map { .date($0.firstDay) } ?? .null]
            ).map { row in
                TermsChange(
                    slug: try row.text("slug"), from: try month(row.date("held_from")),
                    until: try row.optionalDate("next_change").map(month),
                    isChangedOtherwise: try row.bool("is_changed"))
            }
        } catch let error as PostgresError where error.sqlState?.rawValue == "DB409" {
            throw DaybookError.badData(
                "The terms cannot change from \(from?.description ?? "") on: that month is over for an account of the "
                    + "file, and keeps the terms that it was over under. Name a later month, or leave --from out.")
        }
    }

    private static func month(_ day: CalendarDate) throws -> Month {
        guard let month = Month(year: day.components.year, number: day.components.month) else {
            throw DaybookError.badData("daybook.account_terms names the month \(day), which no report has.")
        }
        return month
    }
}
