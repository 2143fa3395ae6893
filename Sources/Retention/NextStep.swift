/// What somebody is told to do next, with the facts of it.
///
/// The commands to type stand here and nowhere else in the retention: a message names the step.
enum NextStep: CustomStringConvertible, Sendable {
    // What makes a database ready for the retention.
    case migrate, grantRoles, check, makePartitions
    // What goes on with a run that ended before its end.
    case resume, expireArchives
    /// Nobody finds the archive of this purge.
    case writeOffArchive(of: Int64)
    /// The tables of this look are to go.
    case endLook(Int64)
    // What shows more.
    case verify, listRecord, listHolds, extract
    case closeMonth

    /// One of each, for who checks that they are there.
    static let all: [NextStep] = [
        .migrate, .grantRoles, .check, .makePartitions, .resume, .expireArchives, .writeOffArchive(of: 1), .endLook(1),
        .verify, .listRecord, .listHolds, .extract, .closeMonth,
    ]

    /// The command as it is typed.
    var description: String {
        switch self {
        case .migrate: "daybook database migrate"
        case .grantRoles: "daybook database roles"
        case .check: "daybook database check"
        case .makePartitions: "daybook database partitions"
        case .resume: "daybook retention purge --resume"
        case .expireArchives: "daybook retention expire-archives"
        case .writeOffArchive(let run): "daybook retention expire-archives --lost \(run)"
        case .endLook(let look): "daybook retention forget-look \(look)"
        case .verify: "daybook retention verify"
        case .listRecord: "daybook retention list"
        case .listHolds: "daybook retention hold list"
        case .extract: "daybook retention certificate"
        case .closeMonth: "daybook close month MONTH"
        }
    }
}
