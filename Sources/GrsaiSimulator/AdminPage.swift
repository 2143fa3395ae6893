/// A page of taken tasks.
struct AdminPage: Encodable, Sendable {
    /// All that match, on this page or not.
    let total: Int
    let tasks: [AdminTask]
}
