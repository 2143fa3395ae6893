/// What the batch engine refuses: facts alone. The sentence, with the command that helps, is made where commands are
/// known.
public enum EngineFault: Error, Sendable, Hashable {
    /// Somebody tried to alter what may only be added to.
    case appendOnly
    /// A value that makes no sense.
    case invalid(String)
    /// The wallet does not hold so much.
    case insufficientCredits(String)
    /// No such batch of this customer.
    case notFound
    /// It contradicts what happened before.
    case conflict(String)
    /// The worker was declared dead, and cannot commit.
    case fenced

    /// The database has no engine; where it has the tables of the service, they are there for whoever else runs it.
    case noEngine(besideService: Bool)
    /// The session's role may not do what the engine does: a privilege and what it is on.
    case missingRight(role: String, what: String)

    /// No key of the API has the id or the beginning that was named.
    case unknownKey
    /// Several keys of the API begin as was named.
    case ambiguousKey

    /// Something that a booking of credit needs is missing, or too long.
    case incompleteBooking(BookingPart)

    /// What a booking of credit needs beside its numbers.
    public enum BookingPart: Sendable, Hashable {
        case reference, author, reason
    }
}
