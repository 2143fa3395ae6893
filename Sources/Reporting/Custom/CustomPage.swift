import Domain

/// What the page of a custom report shows.
struct CustomPage: Sendable {
    struct Argument: Sendable {
        let term: String
        let value: String
    }

    let title: String
    let arguments: [Argument]
    let tables: [PageTable]
    let provenance: PageTable

    init(title: String, arguments: [(String, String)], samples: [(Table, rows: Int)], provenance: Table) {
        self.title = title
        self.arguments = arguments.filter { !$0.1.isEmpty }.map { Argument(term: Column.title(of: $0.0), value: $0.1) }
        tables = samples.map { PageTable($0.0, totalRows: $0.rows) }
        self.provenance = PageTable(provenance)
    }
}
