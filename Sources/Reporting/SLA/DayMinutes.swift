import Domain

/// Minutes of one component that were not up, day by day of the report's month.
struct DayMinutes {
    private var minutes: [[Int64]]
    private static let kinds: [MonthDetail.Downtime.Kind] = [.down, .announced, .unmonitored]

    init(_ downtime: [MonthDetail.Downtime], _ scope: SLAScope) {
        let starts = scope.dayStarts
        minutes = starts.map { _ in [0, 0, 0] }
        let minute: Int64 = 60_000_000
        for stretch in downtime {
            guard let kind = Self.kinds.firstIndex(of: stretch.kind) else { continue }
            var at = stretch.startsAt.microseconds
            let end = at + stretch.minutes * minute
            var day = max((starts.lastIndex { $0.microseconds <= at } ?? 0), 0)
            while at < end {
                let until = day + 1 < starts.count ? min(starts[day + 1].microseconds, end) : end
                minutes[day][kind] += max(until - at, 0) / minute
                at = max(until, at)
                day = min(day + 1, starts.count - 1)
            }
        }
    }

    /// Of a day, from 1.
    subscript(_ day: Int, _ kind: MonthDetail.Downtime.Kind) -> Int64 {
        guard day <= minutes.count, let number = Self.kinds.firstIndex(of: kind) else { return 0 }
        return minutes[day - 1][number]
    }

    func total(_ kind: MonthDetail.Downtime.Kind) -> Int64 {
        (0..<minutes.count).reduce(0) { $0 + self[$1 + 1, kind] }
    }
}
