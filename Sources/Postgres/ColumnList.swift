/// The columns of one result, shared by all its rows.
final class ColumnList: Sendable {
    let descriptions: [ColumnDescription]

    init(_ descriptions: [ColumnDescription]) {
        self.descriptions = descriptions
    }
}
