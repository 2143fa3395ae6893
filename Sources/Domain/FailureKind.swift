/// The kinds of failure, with the exit codes that scripts rely on (BSD `sysexits.h` from 64 on).
public enum FailureKind: Int32, Sendable, CaseIterable {
    /// Something failed that has no code of its own.
    case failed = 1
    /// A wrong option or argument.
    case usage = 64
    /// Wrong data in a file or in the database.
    case badData = 65
    /// The database cannot be reached, or went away.
    case databaseUnavailable = 69
    /// An output cannot be written.
    case output = 73
    /// Try again: another run holds a lock, or a timeout struck.
    case tryAgain = 75
    /// A setting, a right or an installed file is not as it should be.
    case configuration = 78

    /// The exit code of a run that was done and found a promise breached (`--strict`).
    public static let breachExitCode: Int32 = 2
}
