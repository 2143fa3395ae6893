internal import Domain
internal import Postgres

extension Certificate.Erased {
    /// What a run erased as it was recorded; nil for a purge.
    init?(run: Int64, owed: [OwedRows], _ session: Session) throws {
        guard let erasure = try Erasure.of(run: run, session) else { return nil }
        self.init(
            scope: erasure.scope, reference: erasure.reference, reason: erasure.reason,
            requestedBy: erasure.requestedBy, before: erasure.before.description,
            owed: owed.map { Owed(dataClass: $0.dataClass.rawValue, reason: $0.reason.rawValue, rows: $0.rows) })
    }

    /// True if it is about the same as another, whatever is left of either.
    func isSameRequest(as other: Self) -> Bool {
        (scope, reference, reason, requestedBy, before)
            == (other.scope, other.reference, other.reason, other.requestedBy, other.before)
    }
}
