extension SQLState {
    /// One sentence that says what happened by names alone.
    func sentence(constraint: String?, table: String?, column: String?) -> String {
        let subject = table.map { "of table \($0) " } ?? ""
        let rule = constraint.map { " (constraint \($0))" } ?? ""
        switch self {
        case .uniqueViolation:
            return "A row \(subject)with the same key exists already\(rule)."
        case .foreignKeyViolation:
            return "A row \(subject)refers to a row that does not exist, or is referred to\(rule)."
        case .checkViolation:
            return "A row \(subject)breaks a rule of its table\(rule)."
        case .exclusionViolation:
            return "A row \(subject)conflicts with another\(rule)."
        case .notNullViolation:
            return "A row \(subject)lacks a value that must be there\(column.map { " (column \($0))" } ?? "")."
        case .readOnlyTransaction:
            return "A statement would change data, and the transaction or the server is read-only."
        case .failedTransaction:
            return "An earlier statement of the transaction failed, so that only a rollback is possible."
        case .serializationFailure:
            return "Another transaction changed the same data at the same time; the transaction can be tried again."
        case .deadlock:
            return "Two transactions waited for each other and this one was stopped; it can be tried again."
        case .insufficientPrivilege:
            return "The database role lacks a privilege that a statement needs\(table.map { " (\($0))" } ?? "")."
        case .undefinedTable:
            return "A statement names a table that the database does not have."
        case .undefinedColumn:
            return "A statement names a column that the database does not have."
        case .undefinedFunction:
            return "A statement names a function or operator that the database does not have for these types."
        case .syntaxError:
            return "A statement is not valid SQL."
        case .diskFull:
            return "The server's disk is full."
        case .raisedException:
            return "A rule of the database refused a statement\(rule)."
        default:
            return categorySentence
        }
    }

    private var categorySentence: String {
        let suffix = "(SQLSTATE \(rawValue))."
        switch category {
        case "22": return "A value does not fit the type or the range that a statement needs \(suffix)"
        case "23": return "A change breaks a constraint of the database \(suffix)"
        case "42": return "A statement does not fit the database's tables, types or privileges \(suffix)"
        case "53": return "The server ran out of a resource \(suffix)"
        case "57": return "The server's operator stopped a statement \(suffix)"
        case "XX": return "The server reported an internal error \(suffix)"
        default: return "The server refused a statement \(suffix)"
        }
    }
}
