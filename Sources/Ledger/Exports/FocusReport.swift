import Documents
import Domain
public import Postgres
import Schema

/// A month as FOCUS 1.2, for whoever reads the costs of all providers alike: of one account or of everybody.
public struct FocusReport: Sendable {
    private let request: StatementRequest
    private let settings: ExportSettings
    private let issuer: String

    /// Throws `usage` where nobody says who issues it: three mandatory columns do.
    public init(_ request: StatementRequest, settings: ExportSettings, issuer: String) throws {
        guard !issuer.isEmpty else {
            throw DaybookError.usage("FOCUS names who provides the service, and nobody is named", .nameIssuer)
        }
        self.request = request
        self.settings = settings
        self.issuer = issuer
    }

    private static let fileName = "focus.csv"

    /// What the month of one account comes to; dollars with six decimals.
    private struct Totals: Encodable, Sendable {
        let subject: ExportSubject
        let rows: Int
        let billedCost: String
        let effectiveCost: String
        /// Of it, what corrects months that were stated before: it is in no line of this month's statement.
        let corrections: String
        /// What the statement says: its lines in cents, added up.
        let statement: String
        /// Paid in advance on pay as you go: no charge.
        let payments: String
        let openingBalance: Int64
        let closingBalance: Int64
        let heldOpening: Int64
        let heldClosing: Int64
        let unreconciled: Int64
    }

    /// Writes the file. It appears with its manifest or not at all.
    public func run(
        _ connection: Connection, progress: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws -> ExportOutcome {
        let run = ExportRun(report: "focus", request: request, settings: settings)
        return try await run.run(connection) { books, outputs in
            let sink = try outputs.sink(Self.fileName)
            try sink.write(CSVEncoder.byteOrderMark)
            try sink.append { CSVEncoder.appendHeader(FocusRow.columns, to: &$0) }
            var totals: [Totals] = []
            var lines: [ExportOutcome.Line] = []
            var remarks: [String] = []
            try books.forEach(progress: progress) { book in
                let rows = FocusCharges(book).rows
                for row in rows {
                    try sink.append { bytes in
                        CSVEncoder.append(row.cells(of: book.subject, issuer: issuer), to: &bytes)
                    }
                }
                let own = Self.totals(book, rows)
                totals.append(own)
                lines.append(
                    ExportOutcome.Line(
                        account: book.slug, isFinal: book.subject.scope.isFinal,
                        figures: [String(own.rows), own.billedCost, own.effectiveCost, own.statement]))
                remarks += book.remarks
            }
            outputs.add("\(outputs.baseName)/\(Self.fileName)", try sink.finish())
            let columns = ["rows", "billed", "effective", "statement"]
            return (totals, ExportOutcome(columns: columns, lines: lines, remarks: remarks))
        }
    }

    private static func totals(_ book: MonthBooks.Book, _ rows: [FocusRow]) -> Totals {
        func sum(_ value: (FocusRow) -> Dollars) -> String {
            Dollars(micros: rows.reduce(0) { $0 + value($1).micros }).exactText
        }
        let summary = book.statement.summary
        let payments = book.isPrepaid ? [] : book.lines.filter { $0.posted.standing == .none }
        return Totals(
            subject: ExportSubject(book), rows: rows.count, billedCost: sum(\.billed), effectiveCost: sum(\.effective),
            corrections: sum { $0.isCorrection && $0.consumed == nil ? $0.effective : .zero },
            statement: book.statedAmount.exactText,
            payments: Dollars(
                micros: payments.compactMap(\.posted.entry.pricePaid).reduce(0) { $0 + $1.micros }
            ).exactText,
            openingBalance: summary.openingBalance, closingBalance: summary.closingBalance,
            heldOpening: summary.heldOpening, heldClosing: summary.heldClosing, unreconciled: summary.unreconciled)
    }
}
