public import Codecs
import Documents
import Domain
public import Ledger
public import Postgres
public import Reporting
import Schema

/// Approves a month that was run and looked at: signs and closes the statements, sends them and the SLA reports, and
/// writes the page anew.
///
/// What is closed and sent is what the last run wrote: where a figure has changed since, nothing is. What an approval
/// that was cut off had closed and sent stays so, and the next one goes on.
public struct MonthApproval: Sendable {
    /// The letters, and the way by which they go.
    public struct Mail: Sendable {
        let statements: StatementMail
        let sla: SLAMail
        let delivery: MailDelivery

        public init(statements: StatementMail, sla: SLAMail, delivery: MailDelivery) {
            self.statements = statements
            self.sla = sla
            self.delivery = delivery
        }
    }

    /// What an approval came to.
    public struct Outcome: Sendable {
        /// Nil where everybody had closed the month before.
        public let closing: MonthClosing.Outcome?
        public let statements: MailDelivery.Outcomes
        /// Nil where sending ended before their turn.
        public let sla: MailDelivery.Outcomes?
        /// The service credits that were offered, now or before; nil where sending ended before their turn.
        public let credits: [ServiceCreditBook.Offering]?
        /// Why the figures of the month are not recorded for later trends; nil where they are.
        public let recordingFailure: (any Error)?
        public let page: MonthRun.Outcome
    }

    /// What would become of everybody's messages and credits.
    public struct Preview: Sendable {
        public let statements: [(StatementReport.Outcome, MailDelivery.Outcome)]
        public let sla: [(SLAReport.Outcome, MailDelivery.Outcome)]
        public let credits: [ServiceCreditBook.Offering]
    }

    private let run: MonthRun
    private let key: SigningKey?
    private let mail: Mail

    private var month: Month { run.month }

    /// - Parameter key: Signs the statements; nil leaves them unsigned.
    public init(_ run: MonthRun, key: SigningKey?, mail: Mail) {
        self.run = run
        self.key = key
        self.mail = mail
    }

    /// What an approval stands on.
    private struct Ready: Sendable {
        let scope: MonthScope
        let missing: [MonthFinding]
        let place: MonthRecord.Place
        let record: MonthRecord
        /// The digests of the last run, by the owner's id.
        let statements: [String: String]
        let sla: [String: String]
    }

    /// Throws ``MonthRefusal`` for a month that is not final, that was not run since, or whose figures have changed;
    /// and what closing and writing throw.
    public func run(
        _ connection: Connection, beside: [DirectConnection] = [], progress: @escaping @Sendable (String) -> Void
    ) async throws -> Outcome {
        try await MonthRecord.require(connection)
        try await connection.run { try ServiceCreditBook($0).requireRecording() }
        let ready = try await ready(connection)
        let (broken, _) = try await run.verify(connection, progress)
        let everybody = try await run.writeReport(connection, progress)
        let reports = try await run.writeReports(connection, progress)
        try refuseOther(reports, than: ready)

        progress("closing the month")
        let closing = try await close(ready, connection, progress)
        let failure = await recordFigures(connection, progress)
        let statements = try await run.writeStatements(connection, beside, progress)

        progress("sending the statements")
        let stated = await mail.delivery.run(mail.statements.items(statements), connection)
        try await record(.sendStatements, stated, ready, connection)
        var judged: MailDelivery.Outcomes?
        var credits: [ServiceCreditBook.Offering]?
        if stated.failure == nil, !stated.wasInterrupted {
            // A letter offers nothing that is not recorded.
            progress("offering the service credits")
            credits = try await ServiceCreditOffering.record(
                reports.compactMap(ServiceCreditOffering.candidate), run, connection)
            progress("sending the SLA reports")
            let outcomes = await mail.delivery.run(mail.sla.items(reports), connection)
            try await record(.sendSLA, outcomes, ready, connection)
            judged = outcomes
        }
        let findings =
            ready.missing + broken + MonthRun.findings(of: everybody, reports) + MonthRun.findings(of: statements)
            + MonthRun.findings(of: credits ?? [])
        let page = try await run.writePage(
            ready.scope, findings, MonthCustomer.all(reports, statements, in: month), everybody, connection)
        return Outcome(
            closing: closing, statements: stated, sla: judged, credits: credits, recordingFailure: failure, page: page)
    }

    /// What would become of everybody's messages, without closing, sending or writing anything.
    ///
    /// Throws ``MonthRefusal`` for a month that could not be approved.
    public func preview(_ connection: Connection) async throws -> Preview {
        _ = try await ready(connection)
        let statements = try await StatementReport(
            StatementRequest(month: month, account: nil), settings: run.settings.statements()
        ).preview(connection)
        let reports = try await SLAReport(SLARequest(month: month), settings: run.settings.sla).preview(
            ofEach: true, connection)
        let credits = try await connection.transaction(TransactionOptions(readOnly: true)) { session in
            let book = ServiceCreditBook(session)
            try book.requirePlace()
            return try book.rehearse(reports.compactMap(ServiceCreditOffering.candidate))
        }
        return Preview(
            statements: Array(
                zip(statements, try await mail.delivery.preview(mail.statements.items(statements), connection))),
            sla: Array(zip(reports, try await mail.delivery.preview(mail.sla.items(reports), connection))),
            credits: credits)
    }

    private func ready(_ connection: Connection) async throws -> Ready {
        let (scope, missing) = try await run.look(connection, onlyFinal: true)
        return try await connection.transaction(run.settings.options) { session in
            try ReportSession.prepare(session)
            let record = try MonthRecord(month, session)
            guard let done = record.finishedRun, done.isFinal else { throw MonthRefusal.notRun(month) }
            return Ready(
                scope: scope, missing: missing,
                place: .init(month: month, run: done.run, author: run.settings.author, isFinal: true), record: record,
                statements: try MonthRecord.digests(.statement, month, run: done.run, session),
                sla: try MonthRecord.digests(.sla, month, run: done.run, session))
        }
    }

    private func refuseOther(_ reports: [SLAReport.Outcome], than ready: Ready) throws {
        let changed = reports.filter { report in
            guard let account = report.account else { return false }
            return ready.sla[account.userID] != MonthRun.digest(report)
        }
        guard !changed.isEmpty else { return }
        throw MonthRefusal.changed(month, report: "SLA report", accounts: changed.compactMap(\.account?.slug))
    }

    /// Closes the month for everybody who has not; nil where nobody is left.
    private func close(
        _ ready: Ready, _ connection: Connection, _ progress: @escaping @Sendable (String) -> Void
    ) async throws -> MonthClosing.Outcome? {
        let closing = MonthClosing(
            StatementRequest(month: month, account: nil), settings: run.settings.statements(key: key, closes: true))
        do {
            let outcome = try await closing.run(connection, expected: ready.statements, progress: progress)
            guard !outcome.closed.isEmpty else { return outcome }
            try await MonthRecord.add(
                .close, findings: outcome.leftOut.count, remark: "\(outcome.closed.count) statements", ready.place,
                connection)
            return outcome
        } catch LedgerRefusal.closedAlready {
            return nil
        }
    }

    /// Records the month of everybody together for the trends of later reports. The month is closed by then, and a
    /// trend that finds nothing recorded counts: so a failure is told, and fails nothing.
    private func recordFigures(
        _ connection: Connection, _ progress: @escaping @Sendable (String) -> Void
    ) async -> (any Error)? {
        do {
            _ = try await SLAReport(SLARequest(month: month, records: true), settings: run.settings.sla).recordMonth(
                connection, progress: progress)
            return nil
        } catch {
            return error
        }
    }

    /// Records a step that has sent something, or of which nobody has recorded that it did.
    private func record(
        _ step: MonthStep, _ sent: MailDelivery.Outcomes, _ ready: Ready, _ connection: Connection
    ) async throws {
        let now = sent.all.count { if case .handedOver = $0.standing { true } else { false } }
        let before = sent.all.count { if case .handedOverBefore = $0.standing { true } else { false } }
        guard now > 0 || (before > 0 && ready.record.newest(step) == nil) else { return }
        try await MonthRecord.add(
            step, findings: sent.all.count { !$0.isDone }, remark: "\(now) sent", ready.place, connection)
    }
}
