import Documents
import Domain
import Postgres
import Schema
import TestSupport

@testable import Reporting

/// The month as the program counts it from one reading of its tasks, beside the queries that count the same in SQL.
///
/// The queries are those that `--sql` prints for auditors.
struct Recount {
    /// Every difference between the two, in words.
    static func differences(_ settings: ConnectionSettings, arguments: [String]) async throws -> [String] {
        try await reading(settings, arguments) { try compare($0, $1) }
    }

    /// How the server runs a query of the report, with the rows that each step gave.
    static func plan(of name: String, _ settings: ConnectionSettings, arguments: [String]) async throws -> [String] {
        try await reading(settings, arguments) { request, session in
            let sql = try reader(request, session).bound(name).script(session, literal: SLAReader.literal)
            return try session.query("EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF) " + sql).map { try $0.text(0) }
        }
    }

    private static func reading<Result: Sendable>(
        _ settings: ConnectionSettings, _ arguments: [String],
        _ body: @escaping @Sendable (SLARequest, Session) throws -> Result
    ) async throws -> Result {
        func value(_ name: String) -> String? {
            arguments.firstIndex(of: name).map { arguments[$0 + 1] }
        }
        guard let month = value("--month").flatMap({ Month($0) }) else { throw TestSupportError("no month") }
        let request = SLARequest(
            month: month, account: value("--account"), cutoff: value("--cutoff").flatMap { Instant($0) })
        let connection = try await Connection.open(settings)
        let found = try await connection.transaction(ReportSession.options(statementTimeoutMilliseconds: 0)) {
            try body(request, $0)
        }
        await connection.close()
        return found
    }

    private static func reader(_ request: SLARequest, _ session: Session) throws -> SLAReader {
        let folder = Deployment.root + "/reports/sla"
        try ReportSession.prepare(session)
        let catalog = try Catalog(session)
        let contracts = try Contracts(
            Books(session: session, catalog: catalog), definitionFolder: Deployment.root + "/reports")
        let scope = try SLAScope(request, contracts: contracts, session: session, catalog: catalog)
        return try SLAReader(
            scope: scope, session: session, library: QueryLibrary(folder: folder), catalog: catalog
        ) { _ in }
    }

    private static func compare(_ request: SLARequest, _ session: Session) throws -> [String] {
        let reader = try reader(request, session)
        let scope = reader.scope
        let month = try reader.countMonth()
        let counted = try month.parameters()
        return try [
            differences(
                "completion", completions(reader.rows("completion"), areBoth: reader.clocks.count > 1).sorted(),
                // Which contract judges how many is counted by the program alone.
                month.completions().map { counted in
                    var figure = counted.figure
                    figure.validByContract = [:]
                    return "\(SLAFigures.Of(account: counted.account, figure: figure))"
                }.sorted()),
            differences("refund_rates", refundRates(reader.rows("refund_rates")), month.refundRates()),
            differences(
                "task_exceptions", reader.rows("task_exceptions").map { try SLAFigures.Exception($0) },
                month.exceptions().sorted()),
            differences("batches", reader.batches([scope.current]), reader.batches([scope.current], counted: counted)),
            differences("refund_exceptions", reader.refundExceptions(nil), reader.refundExceptions(counted)),
            differences(
                "exceptions", reader.rows("exceptions").map { try SLAFigures.Exception($0) },
                reader.rows("exceptions", counted: counted).map { try SLAFigures.Exception($0) }),
        ].flatMap(\.self)
    }

    /// Those of `completion.sql`, in words: without two clocks each counts on both, and with them a pair that has tasks
    /// on one of them has an empty figure on the other.
    private static func completions(_ rows: [Row], areBoth: Bool) throws -> [String] {
        var listed: [[[UInt8]]: String] = [:]
        for row in rows {
            let account = try row.optionalInt("account")
            let own = ContractProfile.Clock(rawValue: try row.text("clock")) ?? .dispatch
            for clock in ContractProfile.Clock.allCases {
                let key = [account.map(String.init) ?? "everybody", try row.text("model"), clock.rawValue].map {
                    Array($0.utf8)
                }
                let isCounted = clock == own || !areBoth
                guard isCounted || listed[key] == nil else { continue }
                let figure = isCounted ? try figure(row, clock) : CompletionFigure(empty: try row.text("model"), clock)
                listed[key] = "\(SLAFigures.Of(account: account, figure: figure))"
            }
        }
        return Array(listed.values)
    }

    private static func figure(_ row: Row, _ clock: ContractProfile.Clock) throws -> CompletionFigure {
        CompletionFigure(
            model: try row.text("model"), clock: clock, good: try row.int("good"), late: try row.int("late"),
            failed: try row.int("failed"), timedOut: try row.int("timed_out"),
            cancelledLate: try row.int("cancelled_late"), inFlightOver: try row.int("in_flight_over"),
            excluded: try row.int("excluded"), undetermined: try row.int("undetermined"),
            percentiles: try (row.optionalInts("percentiles") ?? []).map {
                $0 == .max ? .infinite : .microseconds($0)
            })
    }

    private static func refundRates(_ rows: [Row]) throws -> [SLAFigures.RefundRate] {
        try rows.map { row in
            SLAFigures.RefundRate(
                account: try row.optionalInt("account"), model: try row.text("model"), items: try row.int("items"),
                refundedItems: try row.int("refunded_items"), frozenCredits: try row.int("frozen_credits"),
                refundedCredits: try row.int("refunded_credits"))
        }
    }

    private static func differences<Figure>(_ name: String, _ queried: [Figure], _ counted: [Figure]) -> [String] {
        let (queried, counted) = (queried.map { "\($0)" }, counted.map { "\($0)" })
        if queried == counted { return [] }
        let first = zip(queried, counted).first { $0 != $1 }
        return ["\(name): \(queried.count) by SQL, \(counted.count) counted; \(first?.0 ?? ""), \(first?.1 ?? "")"]
    }
}
