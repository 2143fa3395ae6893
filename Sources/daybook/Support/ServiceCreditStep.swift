import ArgumentParser
import BatchEngine
import Documents
import Domain
import Ledger
import Postgres
import Schema

/// One step about a service credit, as it is typed: taken in one transaction, or tried and taken back.
struct ServiceCreditStep {
    let subject: ServiceCreditSubject
    let author: ServiceCreditAuthor
    let trial: TrialOption

    /// What was tried, on its way out of a transaction that is taken back.
    private struct Tried: Error {
        let outcome: ServiceCreditBook.Outcome
    }

    func take(
        _ database: DatabaseOptions,
        _ action: @escaping @Sendable (ServiceCreditBook.Record, Instant) -> ServiceCreditLife.Action
    ) async throws {
        let source = try await database.settings()
        let month = try await subject.month.month { source }
        let (slug, author, isTrial) = (subject.account, author.name, trial.dryRun)
        let outcome = try await DatabaseOptions.withConnection(source) { connection in
            do {
                return try await connection.transaction(ServiceCreditBook.options) { session in
                    let outcome = try ServiceCreditBook(session).take(
                        of: slug, in: month, author: author,
                        booking: { try Self.book($1, of: $0, author: author, session) }, action)
                    if isTrial { throw Tried(outcome: outcome) }
                    return outcome
                }
            } catch let tried as Tried {
                return tried.outcome
            }
        }
        show(outcome)
    }

    /// Books credits that were granted, as the engine books what is given away.
    private static func book(
        _ grant: ServiceCreditLife.Grant, of record: ServiceCreditBook.Record, author: String, _ session: Session
    ) throws {
        try EngineSchema.require(session)
        let booking = try CreditBooking(
            kind: .grant(credits: grant.credits ?? 0, expiresAt: nil),
            reference: ServiceCreditBook.bookingReference(record.month), author: author,
            reason: "service credit for \(record.month)")
        guard try CreditBook(session).book(booking, for: record.userID) else {
            throw DaybookError.badData(
                "\"\(booking.reference)\" was booked for \(record.slug) before, by somebody else than this command; "
                    + "nothing was granted. Look at it: daybook credits history --account \(record.slug)")
        }
    }

    private func show(_ outcome: ServiceCreditBook.Outcome) {
        let record = outcome.record
        let what = "the service credit of \(record.slug) for \(record.month)"
        let state = ServiceCreditListing.sentence(record)
        let standing =
            !outcome.isNew
            ? "Nothing changed, it was so before" : trial.dryRun ? "Nothing was recorded; it would be so" : "Recorded"
        Terminal.show("\(standing): \(what) \(state).")
    }
}

/// How service credits are listed.
enum ServiceCreditListing {
    /// Everything that is recorded, for files.
    static func table(_ records: [ServiceCreditBook.Record], at now: Instant) -> Table {
        Table(
            name: "service_credits", title: "Service credits", note: "What was offered, and what became of it.",
            columns: [
                Column("account", .text), Column("month", .text), Column("state", .text),
                Column("credit_usd", .usd), Column("tier_percent", .percent), Column("is_least", .boolean),
                Column("attained", .percent), Column("request_until", .instant), Column("offered_at", .instant),
                Column("asked_at", .instant), Column("reference", .text), Column("late_because", .text),
                Column("decided_at", .instant), Column("form", .text), Column("granted_usd", .usd),
                Column("credits", .integer), Column("declined_because", .text), Column("author", .text),
                Column("next", .text), Column("report_sha256", .identifier),
            ],
            rows: records.map { cells($0, at: now) })
    }

    private static func cells(_ record: ServiceCreditBook.Record, at now: Instant) -> [Cell] {
        let (offer, request) = (record.offer, record.life.request)
        var (grant, declined): (ServiceCreditLife.Grant?, String?)
        switch record.life.decision {
        case .granted(let granted): grant = granted
        case .declined(let reason): declined = reason
        case nil: break
        }
        func instant(_ instant: Instant?) -> Cell { instant.map(Cell.instant) ?? .empty }
        func text(_ text: String?) -> Cell { text.map(Cell.text) ?? .empty }
        return [
            .text(record.slug), .text(record.month.description), .text(record.life.state(at: now).rawValue),
            .dollars(offer.amount), .percent(offer.tier), .boolean(offer.isLeast), .percent(offer.attained),
            .instant(offer.requestUntil), .instant(record.offeredAt), instant(request?.askedAt),
            text(request?.reference), text(request?.lateBecause), instant(record.decidedAt), text(grant?.form.rawValue),
            grant.map { .dollars($0.amount) } ?? .empty, grant?.credits.map { .integer($0) } ?? .empty, text(declined),
            .text(record.author.isEmpty ? record.offeredBy : record.author), .text(next(record, at: now)),
            .text(record.reportSHA256),
        ]
    }

    /// What somebody has to know at a glance.
    static func show(_ records: [ServiceCreditBook.Record], at now: Instant) {
        guard !records.isEmpty else { return Terminal.show("No service credit was offered.") }
        var table = TextTable(columns: [
            "account", "month", .number("credit USD"), "state", "request until", "next",
        ])
        for record in records {
            table.add([
                record.slug, record.month.description,
                (record.offer.isLeast ? "at least " : "")
                    + record.offer.amount.description, record.life.state(at: now).title,
                record.offer.requestUntil.description, next(record, at: now),
            ])
        }
        table.show()
    }

    static func show(
        _ offerings: [ServiceCreditBook.Offering], of month: Month, isTrial: Bool
    ) throws {
        guard !offerings.isEmpty else { return Terminal.show("Nobody is eligible for a service credit for \(month).") }
        var table = TextTable(columns: [
            "account", .number("credit USD"), .number("tier %"), "request until", "standing",
        ])
        for offering in offerings {
            let standing =
                switch offering.standing {
                case .new: isTrial ? "would be offered" : "offered"
                case .before: "offered before"
                case .otherBefore(let before): "stays as it was offered: \(before.amount) USD, \(before.tier) %"
                }
            table.add([
                offering.slug, offering.offer.amount.description, offering.offer.tier.description,
                offering.offer.requestUntil.description, standing,
            ])
        }
        table.show()
        if isTrial { Terminal.show("Nothing was recorded.") }
        guard !offerings.contains(where: \.differs) else { throw ExitCode(FailureKind.breachExitCode) }
    }

    /// What is due next, and by when.
    private static func next(_ record: ServiceCreditBook.Record, at now: Instant) -> String {
        switch record.life.state(at: now) {
        case .offered: "the customer may ask for it"
        case .lapsed: "nothing; a late request needs a reason"
        case .requested: "grant or decline it"
        case .granted: "nothing; it is in the statement"
        case .declined: "nothing"
        }
    }

    /// What became of it last, after its name.
    static func sentence(_ record: ServiceCreditBook.Record) -> String {
        switch record.life.decision {
        case .granted(let grant):
            switch grant.form {
            case .fee: "was granted: \(grant.amount) USD come off the monthly fee"
            case .credits:
                "was granted: \(grant.credits ?? 0) credits are booked, worth \(grant.amount) USD at list price"
            }
        case .declined(let reason): "was declined: \(reason)"
        case nil: "was asked for as \"\(record.life.request?.reference ?? "")\""
        }
    }
}
