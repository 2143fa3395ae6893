import Documents
import Domain
public import Ledger
public import Postgres
import Reporting
import Schema

/// Offers the service credits of a final month: what each customer's SLA report says that it is eligible for, recorded
/// with the digest of that report's figures.
public struct ServiceCreditOffering: Sendable {
    private let run: MonthRun

    public init(_ run: MonthRun) {
        self.run = run
    }

    /// What a report offers; nil where it offers nothing.
    static func candidate(_ report: SLAReport.Outcome) -> ServiceCreditBook.Candidate? {
        guard let account = report.account, let offer = report.serviceCredit else { return nil }
        return ServiceCreditBook.Candidate(account: account, offer: offer, reportSHA256: MonthRun.digest(report))
    }

    /// Works the reports out and records what they offer, or says only what would be recorded.
    ///
    /// Throws ``MonthRefusal`` for a month that is not final for everybody.
    public func offer(_ connection: Connection, isTrial: Bool) async throws -> [ServiceCreditBook.Offering] {
        let (month, settings) = (run.month, run.settings)
        try await connection.run { session in
            let book = ServiceCreditBook(session)
            try isTrial ? book.requirePlace() : book.requireRecording()
        }
        // Before anything of the month is read.
        let scope = try await connection.transaction(settings.options) { session in
            try ReportSession.prepare(session)
            let catalog = try Catalog(session)
            try catalog.requireEssentials()
            return try MonthScope(
                month, definitionFolder: settings.definitionFolder, session: session, catalog: catalog)
        }
        guard scope.isFinal else { throw MonthRefusal.offersPreliminary(month, finalityAt: scope.finalityAt) }
        let reports = try await PreviewFolder.with { folder in
            try await SLAReport(SLARequest(month: month), settings: settings.figures(in: folder)).runEach(connection)
        }
        if let early = reports.first(where: { !$0.isFinal }) {
            throw MonthRefusal.offersPreliminary(month, finalityAt: early.finalityAt)
        }
        let candidates = reports.compactMap(Self.candidate)
        guard isTrial else { return try await Self.record(candidates, run, connection) }
        return try await connection.transaction(TransactionOptions(readOnly: true)) { session in
            try ServiceCreditBook(session).rehearse(candidates)
        }
    }

    /// Records offers, and that it was done where the month was ever run.
    static func record(
        _ candidates: [ServiceCreditBook.Candidate], _ run: MonthRun, _ connection: Connection
    ) async throws -> [ServiceCreditBook.Offering] {
        let (month, author) = (run.month, run.settings.author)
        let (offerings, place) = try await connection.transaction(ServiceCreditBook.options) { session in
            let offerings = try ServiceCreditBook(session).offer(candidates, author: author)
            let record = try MonthRecord(month, session)
            let isDone = record.newest(.credits) != nil && !offerings.contains { $0.standing == .new }
            let place = record.steps.last.map {
                MonthRecord.Place(month: month, run: $0.run, author: author, isFinal: true)
            }
            return (offerings, isDone ? nil : place)
        }
        guard let place else { return offerings }
        let new = offerings.count { $0.standing == .new }
        try await MonthRecord.add(
            .credits, findings: offerings.count(where: \.differs), remark: "\(new) offered", place, connection)
        return offerings
    }
}

extension MonthRun {
    /// Credits whose report says something else now than what was offered.
    static func findings(of offerings: [ServiceCreditBook.Offering]) -> [MonthFinding] {
        offerings.compactMap { offering in
            guard case .otherBefore(let before) = offering.standing else { return nil }
            return MonthFinding(
                .credits, "other_offer", account: offering.slug,
                "\(offering.slug) was offered \(before.amount) USD (\(before.tier) %, until "
                    + "\(before.requestUntil)); its report says \(offering.offer.amount) USD "
                    + "(\(offering.offer.tier) %, until \(offering.offer.requestUntil))",
                advice: "What was offered stands: find out what changed in the month since.")
        }
    }
}
