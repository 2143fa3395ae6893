public import Domain
import Postgres
import Schema

/// The months of a trend: which were taken as they were recorded, and what the others come to.
struct TrendHistory: Sendable {
    /// A final month that was counted.
    struct Counted: Sendable {
        let basis: RecordedMonth.Basis
        let figures: MonthFigures
    }

    /// The points of the months before the reported one.
    var points: [TrendPoint] = []
    /// Recorded months whose figures the trend took.
    var taken: [RecordedMonth] = []
    /// The final months that were counted, the reported one among them where it is recorded or judged anew.
    var counted: [Counted] = []
    /// What was found where recorded months were judged anew.
    var findings: [RecordedFinding] = []
}

/// What judging a recorded month anew has found.
public struct RecordedFinding: Sendable, Hashable {
    public enum Kind: Sendable, Hashable {
        /// A figure is another than was recorded.
        case figure(promise: String, subject: String, recorded: String, counted: String)
        /// What stands there is not what was recorded.
        case altered
        /// The figures are the same, and were counted by something else than now, which is said: no trend takes them.
        case outdated(String)
    }

    public let month: Month
    public let version: Int64
    public let kind: Kind

    /// False for what is no more than good to know.
    public var isDifference: Bool {
        if case .outdated = kind { false } else { true }
    }

    /// What is to be said of a recording, given what its month comes to now.
    static func all(_ recorded: RecordedMonth, _ counted: TrendHistory.Counted) throws -> [RecordedFinding] {
        func finding(_ kind: Kind) -> RecordedFinding {
            RecordedFinding(month: recorded.basis.month, version: recorded.version, kind: kind)
        }
        guard let before = recorded.figures else { return [finding(.altered)] }
        guard try before.document() != counted.figures.document() else {
            return counted.basis.difference(from: recorded.basis).map { [finding(.outdated($0))] } ?? []
        }
        // By bytes: names that are equal as text are not the same.
        func key(_ figure: MonthFigures.Figure) -> [[UInt8]] {
            [Array(figure.promise.rawValue.utf8), Array(figure.subject.utf8)]
        }
        let (was, now) = (before.figures, counted.figures.figures)
        let words = (was: was.map { (key($0), $0.words) }, now: now.map { (key($0), $0.words) })
        let (wasByKey, nowByKey) = (
            Dictionary(words.was) { first, _ in first }, Dictionary(words.now) { first, _ in first }
        )
        let all = was + now.filter { wasByKey[key($0)] == nil }
        return all.filter { wasByKey[key($0)] != nowByKey[key($0)] }.map { figure in
            finding(
                .figure(
                    promise: figure.promise.rawValue, subject: figure.subject,
                    recorded: wasByKey[key(figure)] ?? "nothing", counted: nowByKey[key(figure)] ?? "nothing"))
        }
    }
}

extension SLAReader {
    /// What the reported month comes to, where it is not recorded as it would be counted now.
    func unrecordedMonth() throws -> [TrendHistory.Counted] {
        let basis = try basis(of: scope.current)
        let recorded = try RecordedMonths(session, catalog: catalog, userID: basis.userID, months: [basis.month])
        guard recorded.inForce(basis) == nil else { return [] }
        return try monthFigures([scope.current]).map { TrendHistory.Counted(basis: basis, figures: $0) }
    }

    /// The twelve months before the reported one: availability, completion by model, refunds.
    ///
    /// Final months that were recorded as they would be counted now are taken as they were recorded; all others are
    /// counted in one pass. Where months are to be recorded, or judged anew, the reported one is counted with them.
    ///
    /// Throws ``ReportRefusal/forgedMonth(_:of:)`` for a recording that is not what was recorded.
    func history() throws -> TrendHistory {
        let request = scope.request
        let isOwnCounted = scope.isFinal && request.cutoff == nil && (request.records || request.recounts)
        let months = scope.earlier + (isOwnCounted ? [scope.current] : [])
        guard !months.isEmpty else { return TrendHistory() }
        let bases = try months.map(basis)
        let recorded = try RecordedMonths(
            session, catalog: catalog, userID: bases[0].userID, months: months.map(\.month))
        var history = TrendHistory()
        var figures = [MonthFigures?](repeating: nil, count: months.count)
        for index in months.indices where !request.recounts && scope.isFinal(months[index]) {
            guard let month = recorded.inForce(bases[index]) else { continue }
            guard let known = month.figures else {
                throw ReportRefusal.forgedMonth(month.basis.month, of: request)
            }
            figures[index] = known
            if index < scope.earlier.count { history.taken.append(month) }
        }
        let anew = months.indices.filter { figures[$0] == nil }
        for (index, counted) in zip(anew, try monthFigures(anew.map { months[$0] })) {
            figures[index] = counted
            guard scope.isFinal(months[index]) else { continue }
            let final = TrendHistory.Counted(basis: bases[index], figures: counted)
            history.counted.append(final)
            guard request.recounts, let recording = recorded.inForce(bases[index]) ?? recorded.newest(final.basis.month)
            else { continue }
            history.findings += try RecordedFinding.all(recording, final)
        }
        let earlier = zip(scope.earlier, figures).compactMap { month, figures in
            figures.map { (month: month.month, figures: $0) }
        }
        history.points = TrendPoint.points(earlier, contract: scope.widestProfile)
        return history
    }
}
