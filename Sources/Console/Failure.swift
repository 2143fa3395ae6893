public import Domain
import Foundation
import Postgres

/// Turns an error into a sentence on standard error and an exit code.
public enum Failure {
    private static let interruptedExitCode: Int32 = 130

    /// Says on standard error that the program was interrupted and what stands of its work, and ends it.
    static func exitInterrupted(_ standing: String?, _ program: String) -> Never {
        Terminal.say("\(program): interrupted" + (standing.map { ". \($0)" } ?? "; nothing was published."))
        Foundation.exit(interruptedExitCode)
    }

    /// Says what failed, and ends the program.
    static func exit(_ failure: DaybookError, _ error: any Error, _ program: String) -> Never {
        Terminal.say("\(program): \(failure.sentence)")
        if Setting.debug.value() == "1" {
            Terminal.say(String(reflecting: error is DaybookError ? failure : error))
        }
        Foundation.exit(failure.kind.rawValue)
    }

    /// What failed in whole sentences, nil for errors of other modules and the argument parser's own.
    public static func failure(of error: any Error) -> DaybookError? {
        switch error {
        case let error as DaybookError: error.inWords
        case let error as PostgresError: DaybookError(kind(of: error), sentence(of: error))
        case let fault as EngineFault: engine(fault)
        case let stopped as StoppedRun: failure(of: stopped)
        default: nil
        }
    }

    /// An error in its own words, for a line among others: in a list, or in a log.
    public static func words(of error: any Error) -> String {
        switch error {
        case let error as DaybookError: error.inWords.sentence
        case let error as PostgresError: words(of: error)
        default: "\(error)"
        }
    }

    private static func words(of error: PostgresError) -> String { error.sentence + (error.advice?.words ?? "") }

    /// The failure that stopped a run, with what stands of it. An interruption is none: see ``standing(of:)``.
    private static func failure(of stopped: StoppedRun) -> DaybookError? {
        guard case .failure(let error) = stopped.cause else { return nil }
        let cause = failure(of: error) ?? DaybookError(.failed, "The run failed.")
        return DaybookError(
            cause.kind, cause.sentence + " " + words(of: stopped), debugText: String(reflecting: error))
    }

    /// What stands of a run that was interrupted; nil for every other error.
    static func standing(of error: any Error) -> String? {
        guard let stopped = error as? StoppedRun, case .interruption = stopped.cause else { return nil }
        return words(of: stopped)
    }

    private static func words(of stopped: StoppedRun) -> String { stopped.standing + (stopped.advice?.words ?? "") }

    /// What the engine refuses, with the command that helps: both programs book, serve and keep keys.
    private static func engine(_ fault: EngineFault) -> DaybookError {
        switch fault {
        case .appendOnly: .badData("The books are only ever added to; correct a mistake with: daybook credits adjust")
        case .invalid(let why), .conflict(let why): .badData("\(why).")
        case .insufficientCredits(let why): .badData("\(why); nothing was booked.")
        case .notFound: .badData("There is no such batch of this customer.")
        case .fenced: DaybookError(.tryAgain, "This worker was declared dead by another one; start it again.")
        case .noEngine(let besideService):
            .configuration(
                "This database has no batch engine; run: daybook database migrate" + (besideService ? " --engine" : ""))
        case .missingRight(let role, let what):
            .configuration(
                "The role \(role) has no \(what): the engine works as the role that migrated the database, or as one "
                    + "with its rights (docs/operations.md).")
        case .unknownKey: .usage("No key has that id or beginning; see: daybookd keys list")
        case .ambiguousKey: .usage("Several keys begin like that; name one by its id, see: daybookd keys list")
        case .incompleteBooking(.reference):
            .usage(
                "A reference has 1 to \(Limits.remarkLength) characters, blanks around it apart: --reference TEXT")
        case .incompleteBooking(.author): .usage("Name who books it: --author NAME")
        case .incompleteBooking(.reason): .usage("An adjustment needs a reason: --reason TEXT")
        }
    }

    /// The database's own words name the table where a right is missing.
    private static func sentence(of error: PostgresError) -> String {
        guard error.sqlState == .insufficientPrivilege, let message = error.message else { return words(of: error) }
        return "The database role may not do all that this needs: \(message). A report needs SELECT, and BYPASSRLS "
            + "where there is row-level security; docs/operations.md says which role may run what."
    }

    private static func kind(of error: PostgresError) -> FailureKind {
        switch error.code {
        case .connectionFailed, .authenticationFailed, .databaseMissing, .tooManyConnections, .tlsFailed,
            .connectionLost,
            .commitUnknown, .closed:
            return .databaseUnavailable
        case .timeout, .lockNotAvailable, .cancelled, .poolExhausted, .replayConflict: return .tryAgain
        case .invalidSettings, .pooled, .distributed, .sessionLimit, .standby, .readOnlyDatabase: return .configuration
        case .server: break
        default: return .failed
        }
        switch error.sqlState {
        case .insufficientPrivilege: return .configuration
        case .undefinedTable, .undefinedColumn: return .badData
        default: break
        }
        let state = error.sqlState?.rawValue ?? ""
        if state.hasPrefix("22") || state.hasPrefix("23") { return .badData }
        if state.hasPrefix("40") { return .tryAgain }
        return state.hasPrefix("53") || state.hasPrefix("08") ? .databaseUnavailable : .failed
    }
}
