import Documents
public import Domain
public import Postgres
import Schema

/// How far a month's end is: which step is done, by whom and when, and what is open.
public struct MonthStatus: Sendable {
    /// How it stands with a step.
    public enum State: String, Sendable {
        case done
        case open
        /// It could have been done days ago.
        case late
        /// Its time has not come.
        case waiting
    }

    /// A step of the month's end.
    public struct Line: Sendable {
        public let step: MonthStep
        public let state: State
        /// Who did it last; empty where nobody did, or nobody knows.
        public let who: String
        public let at: Instant?
        /// How far it is, or what it waits for, in a few words.
        public let remark: String
    }

    public let month: Month
    public let lines: [Line]
    public let isFinal: Bool
    /// From when on the month is final for everybody.
    public let finalityAt: Instant

    /// True where nothing is open or late.
    public var isDone: Bool { !lines.contains { $0.state == .open || $0.state == .late } }

    /// Reads how it stands with a month.
    public static func read(_ month: Month, definitionFolder: String, _ connection: Connection) async throws -> Self {
        let options = ReportSession.options(statementTimeoutMilliseconds: 0)
        return try await connection.transaction(options) { session in
            try ReportSession.prepare(session)
            let catalog = try Catalog(session)
            let scope = try MonthScope(month, definitionFolder: definitionFolder, session: session, catalog: catalog)
            return try MonthStatus(
                month, scope, record: MonthRecord(month, session), facts: Facts(month, scope, session, catalog))
        }
    }

    /// What the database says of closes and messages, whoever did them.
    struct Facts: Sendable {
        let accounts: Int
        let closed: Int
        let closedAt: Instant?
        let closedBy: String
        let statementsSent: Int
        let slaSent: Int
        /// Messages of which nobody knows whether they were taken.
        let uncertain: Int
        let credits: MonthCredits

        init(_ month: Month, _ scope: MonthScope, _ session: Session, _ catalog: Catalog) throws {
            let ids = Set(scope.accounts.map(\.userID))
            let closes = try MonthFacts.closed(month, session, catalog).filter { ids.contains($0.key) }
            let sent = try MonthFacts.sent(month, session, catalog)
            func count(_ report: MailItem.Report) -> Int {
                (sent[report] ?? [:]).count { if case .at = $0.value { ids.contains($0.key) } else { false } }
            }
            accounts = ids.count
            closed = closes.count
            let last = closes.values.max { $0.at < $1.at }
            (closedAt, closedBy) = (last?.at, last?.by ?? "")
            (statementsSent, slaSent) = (count(.statement), count(.sla))
            credits = try MonthCredits(month, MonthRecord(month, session), at: scope.snapshotAt, session)
            uncertain = sent.values.flatMap(\.values).count { if case .perhaps = $0 { true } else { false } }
        }
    }

    init(_ month: Month, _ scope: MonthScope, record: MonthRecord, facts: Facts) {
        self.month = month
        (isFinal, finalityAt) = (scope.isFinal, scope.finalityAt)
        let dueAt = scope.finalityAt.adding(seconds: Limits.monthDueDays * 86_400)
        let undone: State = !scope.isOver ? .waiting : dueAt < scope.snapshotAt ? .late : .open
        lines =
            MonthStep.ofRun.map { Self.line($0, record, undone: undone, isFinal: scope.isFinal) }
            + Self.approval(record, facts, undone: scope.isFinal ? undone : .waiting, scope)
    }

    /// A step of the last run. One that was done while the month was preliminary is to be done again once it is final.
    private static func line(_ step: MonthStep, _ record: MonthRecord, undone: State, isFinal: Bool) -> Line {
        guard let done = record.ofLastRun.last(where: { $0.step == step }) else {
            let begun = record.ofLastRun.last { $0.step == .begin }
            return Line(
                step: step, state: undone, who: "", at: nil,
                remark: begun.map { "the run that \($0.who) began at \($0.recordedAt) was cut off before it" } ?? "")
        }
        let found = done.findings == 0 ? done.remark : "\(done.findings) to look at"
        let isOutdated = isFinal && !done.isFinal
        return Line(
            step: step, state: isOutdated ? undone : .done, who: done.who, at: done.recordedAt,
            remark: isOutdated ? "done while the month was preliminary" : found)
    }

    private static func approval(
        _ record: MonthRecord, _ facts: Facts, undone: State, _ scope: MonthScope
    ) -> [Line] {
        let waiting = undone == .waiting ? "final from \(scope.finalityAt) on" : nil
        func line(_ step: MonthStep, _ count: Int, who: String, at: Instant?, more: String = "") -> Line {
            let isDone = count == facts.accounts && count > 0
            return Line(
                step: step, state: isDone ? .done : undone, who: who, at: at,
                remark: isDone || waiting == nil || count > 0
                    ? "\(count) of \(facts.accounts)\(more)" : waiting ?? "")
        }
        let close = record.newest(.close)
        let unknown = facts.uncertain > 0 ? ", \(facts.uncertain) may have gone out" : ""
        return [
            line(
                .close, facts.closed, who: facts.closed == 0 ? "" : close?.who ?? facts.closedBy, at: facts.closedAt),
            line(
                .sendStatements, facts.statementsSent, who: record.newest(.sendStatements)?.who ?? "",
                at: record.newest(.sendStatements)?.recordedAt, more: unknown),
            line(
                .sendSLA, facts.slaSent, who: record.newest(.sendSLA)?.who ?? "",
                at: record.newest(.sendSLA)?.recordedAt),
            Line(
                step: .credits, state: facts.credits.isDone ? .done : undone, who: record.newest(.credits)?.who ?? "",
                at: record.newest(.credits)?.recordedAt,
                remark: facts.credits.isDone ? facts.credits.text : waiting ?? facts.credits.text),
        ]
    }
}
