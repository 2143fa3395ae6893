public import Domain
public import Postgres
import Schema

/// Where the credit is that left the wallets and is neither spent nor returned, and what was given back though the
/// provider rendered it.
///
/// Every frozen credit has a live task with a deadline, waits for its refund or its settlement, is of an application's
/// own batch, or is a finding. The ledger says how much there is; the engine's own records say where it is.
public struct CreditExposure: Sendable {
    private let definitionFolder: String
    private let account: String?
    private let lateDays: Int64

    /// - Parameters:
    ///   - definitionFolder: the folder of the installed report definitions.
    ///   - account: the slug of one account; nil for everybody, owners without an account included.
    ///   - lateDays: days for which late successes are listed.
    public init(definitionFolder: String, account: String?, lateDays: Int64 = Limits.lateSuccessDays) {
        self.definitionFolder = definitionFolder
        self.account = account
        self.lateDays = lateDays
    }

    /// Reads only, in one snapshot. Throws `usage` for an unknown account.
    public func run(_ connection: Connection) async throws -> ExposureReport {
        try await connection.transaction(ReportSession.options(statementTimeoutMilliseconds: 0)) { session in
            try ReportSession.prepare(session)
            return try read(session)
        }
    }

    /// The same in the session's transaction, as its role.
    package func read(_ session: Session) throws -> ExposureReport {
        let library = try QueryLibrary(folder: definitionFolder + "/ledger")
        let catalog = try Catalog(session)
        try catalog.requireEssentials()
        let snapshotAt = try session.snapshotInstant()
        let accounts = try Books(session: session, catalog: catalog).accounts()
        let only = try account.map { try Account.named($0, among: accounts) }
        let values: [String: Value] = [
            "only_user": only.map { .text($0.userID) } ?? .null, "snapshot_at": .instant(snapshotAt),
            "unknown_margin": .int(Limits.unknownMarginSeconds),
            "late_since": .instant(snapshotAt.adding(seconds: -lateDays * 86_400)),
        ]
        func rows(_ name: String) throws -> [Row] {
            try library.bind(name, catalog: catalog, parameters: values).rows(session)
        }
        var report = ExposureReport(
            snapshotAt: snapshotAt, slugs: Dictionary(accounts.map { ($0.userID, $0.slug) }) { first, _ in first })
        let hasEngine = catalog.has(.lot)
        for row in try hasEngine ? rows("exposure_engine") : [] { try report.add(engine: row) }
        for row in try rows("exposure_ledger") { try report.add(ledger: row) }
        report.compare()
        for row in try hasEngine ? rows("exposure_late") : [] { try report.add(late: row) }
        for row in try hasEngine ? rows("exposure_hint") : [] { try report.add(hint: row) }
        return report
    }
}
