/// A search path as PostgreSQL writes it: identifiers between commas, those in double quotes that need them.
struct LoginPath {
    private let schemas: [String]

    init(_ text: String) {
        var schemas: [String] = []
        var current = ""
        var isQuoted = false
        for character in text {
            if character == "\"" { isQuoted.toggle() }
            if character == "," && !isQuoted {
                schemas.append(current)
                current = ""
            } else if isQuoted || !character.isWhitespace {
                current.append(character)
            }
        }
        self.schemas = (schemas + [current]).filter { !$0.isEmpty && $0 != "\"\"" }
    }

    /// The same schemas in the same order, for `SET`: PostgreSQL's own, unnamed, is searched before them, and what is
    /// temporary, which would be searched first of all, behind them.
    var guarded: String {
        let own = schemas.filter {
            let name = $0.lowercased().filter { $0 != "\"" }
            return name != "pg_catalog" && !name.hasPrefix("pg_temp")
        }
        return (own + ["pg_temp"]).joined(separator: ", ")
    }
}
