import Domain
import Postgres

/// Turns values of any query into cells, by the column's format or else by PostgreSQL's type.
enum RowCells {
    /// The kind of a column that its report says nothing about.
    static func kind(of column: ColumnDescription) -> Column.Kind {
        switch column.type {
        case .int2, .int4, .int8: .integer
        case .numeric: .decimal
        case .timestamptz: .instant
        case .bool: .boolean
        case .uuid: .identifier
        default: .text
        }
    }

    /// A cell of a row. Throws `configuration` where the value does not have the column's format.
    static func cell(_ row: borrowing RowView, _ index: Int, _ column: Column) throws -> Cell {
        if row.isNull(index) { return .empty }
        switch (column.kind, row.type(index)) {
        case (.instant, .timestamptz): return .instant(try row.instant(index))
        case (.boolean, .bool): return .boolean(try row.bool(index))
        case (.integer, .int2), (.integer, .int4), (.integer, .int8): return .integer(try row.int(index))
        default: break
        }
        let text = try row.string(index) ?? ""
        switch column.kind {
        case .text, .identifier: return .text(text)
        case .decimal: return .decimal(text)
        case .integer: return try units(text, 0, column).map(Cell.integer) ?? refuse(text, column)
        case .percent:
            return try units(text, 4, column).map { .percent(Percent(tenThousandths: $0)) } ?? refuse(text, column)
        case .usd: return try units(text, 6, column).map { .dollars(Dollars(micros: $0)) } ?? refuse(text, column)
        case .seconds: return try units(text, 6, column).map { .duration(microseconds: $0) } ?? refuse(text, column)
        case .instant, .boolean: return try refuse(text, column)
        }
    }

    /// Whole units of 10^-places: a value with more decimals is not rounded in silence.
    private static func units(_ text: String, _ places: Int, _ column: Column) throws -> Int64? {
        guard text.contains("."), let point = text.firstIndex(of: ".") else {
            return FixedPoint.parse(text, places: places)
        }
        var trimmed = text
        while trimmed.hasSuffix("0") { trimmed.removeLast() }
        if trimmed.index(after: point) >= trimmed.endIndex { trimmed.removeLast() }
        return FixedPoint.parse(trimmed, places: places)
    }

    private static func refuse(_ text: String, _ column: Column) throws -> Cell {
        throw DaybookError.configuration(
            "The column \(column.id) has the value \"\(text.prefix(60))\", which its format "
                + "\(column.kind.rawValue) cannot show without rounding; round it in the SQL.")
    }
}
