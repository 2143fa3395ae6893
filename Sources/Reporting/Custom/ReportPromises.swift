import Domain
import Postgres
import Schema

/// What the queries of a report are told of the contracts, where its manifest asks for the promises: the values that
/// the SLA report counts by.
struct ReportPromises {
    /// The folder of the report whose relations judge tasks and batches.
    static let judgingReport = "sla"

    /// The month that is judged; nil where the report is not of one month.
    let scope: SLAScope?
    /// By the names that the SQL uses.
    let values: [String: Value]

    /// Throws what the SLA report of the month throws: `usage` for one that has not begun, `badData` for an account
    /// whose contract profile is not there.
    init(
        _ arguments: ReportArguments, definitionFolder: String, session: Session, catalog: Catalog
    ) throws {
        let books = Books(session: session, catalog: catalog)
        let contracts = try Contracts(books, definitionFolder: definitionFolder)
        var values = try contracts.modelParameters(
            of: books.accounts(), now: session.snapshotInstant(), session: session)
        scope = try arguments.judged.map { judged in
            try SLAScope(
                SLARequest(month: judged.month, account: judged.account), contracts: contracts, session: session,
                catalog: catalog)
        }
        if let scope, let judged = arguments.judged {
            let counted = scope.parameters(
                months: [scope.current], clocks: try SLAReader.clocks(session, catalog),
                noticeHours: scope.widestProfile.maintenanceNoticeHours)
            values.merge(counted) { model, _ in model }
            // Everybody's month lies in the zone of the standard profile.
            values[judged.parameter + "_start"] = .instant(scope.current.period.start)
            values[judged.parameter + "_end"] = .instant(scope.current.period.end)
        }
        self.values = values
    }

    /// What is shown of it beside the arguments.
    var shown: [(String, String)] {
        guard let scope else { return [] }
        let contracts = scope.contracts.map { contract in
            "\(contract.profile.name), version \(contract.profile.version) (\(contract.sha256))"
        }
        return [("cutoff", scope.current.cutoff.description), ("profiles", contracts.joined(separator: "; "))]
    }
}
