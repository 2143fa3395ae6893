import Domain
import Postgres

extension SLAReader {
    /// Every query of the report as one psql script with the values written out.
    ///
    /// For auditors, who want to see with their own tool what was counted.
    func script(includesTasks: Bool) throws -> String {
        var script = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\n\(ReportSession.settings);\n"
        let current = [
            "availability", "completion", "batches", "idempotency", "refund_exceptions", "refund_rates", "exceptions",
        ]
        for name in current { script += try statement(name, months: [scope.current]) }
        for name in ["availability", "trend_completion", "batches"] where !scope.earlier.isEmpty {
            script += try statement(name, months: scope.earlier)
        }
        if includesTasks { script += try statement("tasks", months: [scope.current]) }
        return script + "COMMIT;\n"
    }

    private func statement(_ name: String, months: [SLAScope.JudgedMonth]) throws -> String {
        let sql = try bound(name, months: months).script(session, literal: Self.literal)
        return "\\echo \(name)\n\(sql);\n"
    }

    private static func literal(_ value: Value) -> String {
        func quoted(_ text: String) -> String { "'" + text.replacing("'", with: "''") + "'" }
        func array(_ elements: [String], _ type: String) -> String {
            "ARRAY[\(elements.map(quoted).joined(separator: ", "))]::\(type)[]"
        }
        return switch value {
        case .int(let number): String(number)
        case .text(let text): quoted(text)
        case .ints(let numbers): array(numbers.map(String.init), "bigint")
        case .texts(let texts): array(texts, "text")
        case .instants(let instants): array(instants.map(\.description), "timestamptz")
        default: "NULL"
        }
    }
}
