/// A known table or column that a database does not have.
public struct CatalogGap: Sendable {
    public let table: KnownTable
    /// Nil where the whole table is missing.
    public let column: String?
    /// True if no report can be made without it.
    public let isRequired: Bool

    /// `public.batch_jobs`, or `public.batch_jobs.request_id`.
    public var reference: String {
        table.fullName + (column.map { ".\($0)" } ?? "")
    }

    /// `table public.batch_jobs`, or `column public.batch_jobs.request_id`.
    public var subject: String { (column == nil ? "table " : "column ") + reference }
}
