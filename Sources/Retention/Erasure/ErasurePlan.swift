internal import Postgres

/// What an erasure would leave, and what else there is of its customer or video.
public struct ErasurePlan: Sendable {
    /// Whose or which it is: `customer3`, `video 0e7b…`.
    public let name: String
    /// Rows that something keeps.
    public let owed: [OwedRows]
    /// The holds that keep them, as sentences.
    public let holds: [String]
    /// Copies that earlier purges made, as sentences.
    public let copies: [String]
    /// True if something would be owed that no earlier erasure of the same is owed.
    let isNewDebt: Bool

    init(_ erasure: Erasure, _ shape: DeploymentShape, _ session: Session) throws {
        name = erasure.name
        owed = try OwedRows.count([erasure], shape, session)[erasure.run, default: []].filter { $0.reason != .due }
        let surroundings = try ErasureSurroundings(erasure, shape, session)
        holds = surroundings.holds.map { "\($0.name), \($0.matter), asked for by \($0.requestedBy)" }
        copies = surroundings.copies
        let isOwed = try Erasure.inForce(isOwed: true, session).contains { $0.subject == erasure.subject }
        isNewDebt = !isOwed && owed.contains { $0.reason != .undated }
    }
}
