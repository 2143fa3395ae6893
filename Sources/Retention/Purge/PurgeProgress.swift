/// What a running purge tells.
public enum PurgeProgress: Sendable {
    /// A table's walk: pages done of all, rows taken so far in the run and rows that the plan had.
    case sweeping(relation: String, donePages: Int64, pages: Int64, takenRows: Int64, plannedRows: Int64)
    /// It waits, and why.
    case pausing(String)
    /// A step in words.
    case step(String)
}
