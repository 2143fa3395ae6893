import Domain

/// Where every figure comes from: its queries, its number of rows, and the digest of its CSV file.
struct Provenance {
    private var rows: [[Cell]] = []

    /// A table that is written as `name.csv`, byte for byte what `file` holds: a row for each query that it is made of.
    mutating func add(_ table: Table, file: [UInt8], queries: [QueryLibrary.File]) {
        let digest = FileDigest.of(file)
        for query in queries { add(name: table.name, rows: Int64(table.rows.count), sha256: digest, query: query) }
    }

    mutating func add(name: String, rows count: Int64, sha256: String, query: QueryLibrary.File) {
        rows.append([.text(name), .text(query.sha256), .integer(count), .text(sha256)])
    }

    /// A SQL file that was used.
    mutating func add(_ file: QueryLibrary.File) {
        rows.append([.text("sql/" + file.path), .text(file.sha256), .empty, .empty])
    }

    func table() -> Table {
        var table = Table(
            name: "provenance", title: "Provenance",
            note:
                "The SHA-256 of each figure's query and of its CSV file (sha256sum gives the same), a row for each "
                + "query that it was counted by, and of every SQL file used.",
            columns: [
                Column("figure", .text, width: 34), Column("sql_sha256", .identifier, title: "SQL SHA-256", width: 66),
                Column("rows", .integer), Column("digest", .identifier, width: 66),
            ],
            rows: rows)
        table.sortRows()
        return table
    }
}
