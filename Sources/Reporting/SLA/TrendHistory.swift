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

/// Which months of a trend are taken as they were recorded, and which are counted.
///
/// Final months that were recorded as they would be counted now are taken; all others are counted. Where months are to
/// be recorded, or judged anew, the reported one is counted with them.
struct TrendPlan {
    private let scope: SLAScope
    /// Those before the reported one, and that one where it is counted with them.
    private let months: [SLAScope.JudgedMonth]
    private let bases: [RecordedMonth.Basis]
    private let recorded: RecordedMonths
    /// By the place of a month.
    private let taken: [Int: (month: RecordedMonth, figures: MonthFigures)]

    /// The months that it is about.
    static func months(_ scope: SLAScope) -> [SLAScope.JudgedMonth] {
        let request = scope.request
        let isOwnCounted = scope.isFinal && request.cutoff == nil && (request.records || request.recounts)
        return scope.earlier + (isOwnCounted ? [scope.current] : [])
    }

    /// Throws ``ReportRefusal/forgedMonth(_:of:)`` for a recording that is not what was recorded.
    init(_ scope: SLAScope, sqlSHA256: String, recorded: RecordedMonths) throws {
        let months = Self.months(scope)
        let bases = months.map { scope.basis(of: $0, sqlSHA256: sqlSHA256) }
        var taken: [Int: (RecordedMonth, MonthFigures)] = [:]
        for index in months.indices where !scope.request.recounts && scope.isFinal(months[index]) {
            guard let month = recorded.inForce(bases[index]) else { continue }
            guard let figures = month.figures else {
                throw ReportRefusal.forgedMonth(month.basis.month, of: scope.request)
            }
            taken[index] = (month, figures)
        }
        (self.scope, self.months, self.bases, self.recorded, self.taken) = (scope, months, bases, recorded, taken)
    }

    /// The months that are to be counted, in the order of time.
    var anew: [SLAScope.JudgedMonth] { months.indices.filter { taken[$0] == nil }.map { months[$0] } }

    /// What the months come to, given what those of ``anew`` do.
    func history(_ counted: [MonthFigures]) throws -> TrendHistory {
        var history = TrendHistory()
        var rest = counted[...]
        var earlier: [(month: Month, figures: MonthFigures)] = []
        for (index, month) in months.enumerated() {
            if let taken = taken[index] {
                guard index < scope.earlier.count else { continue }
                history.taken.append(taken.month)
                earlier.append((month.month, taken.figures))
            } else if let figures = rest.popFirst() {
                if index < scope.earlier.count { earlier.append((month.month, figures)) }
                guard scope.isFinal(month) else { continue }
                try add(TrendHistory.Counted(basis: bases[index], figures: figures), to: &history)
            }
        }
        history.points = TrendPoint.points(earlier, contract: scope.widestProfile)
        return history
    }

    private func add(_ counted: TrendHistory.Counted, to history: inout TrendHistory) throws {
        history.counted.append(counted)
        let recording = recorded.inForce(counted.basis) ?? recorded.newest(counted.basis)
        guard scope.request.recounts, let recording else { return }
        history.findings += try RecordedFinding.all(recording, counted)
    }
}

extension SLAReader {
    /// The twelve months before the reported one: availability, completion by model, refunds. What is not recorded is
    /// counted in one pass.
    func history() throws -> TrendHistory {
        let recorded = try RecordedMonths(
            session, catalog: catalog, userIDs: [scope.recordedUserID], months: TrendPlan.months(scope).map(\.month))
        let plan = try TrendPlan(scope, sqlSHA256: library.sha256(of: Self.monthQueries), recorded: recorded)
        return try plan.history(try monthFigures(plan.anew))
    }

    /// What the reported month comes to, where it is not recorded as it would be counted now.
    func unrecordedMonth() throws -> [TrendHistory.Counted] {
        let basis = scope.basis(of: scope.current, sqlSHA256: try library.sha256(of: Self.monthQueries))
        let recorded = try RecordedMonths(
            session, catalog: catalog, userIDs: [basis.userID], months: [basis.month])
        guard recorded.inForce(basis) == nil else { return [] }
        return try monthFigures([scope.current]).map { TrendHistory.Counted(basis: basis, figures: $0) }
    }
}
