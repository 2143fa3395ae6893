import ArgumentParser
import BatchEngine
import Domain
import Foundation
import Postgres
import Spreadsheet

/// Turns an error into a sentence on standard error and an exit code.
enum Failure {
    private static let interruptedExitCode: Int32 = 130

    static func exit(_ error: any Error, wasInterrupted: Bool) -> Never {
        // A command that stopped in good order has said so itself.
        if error is ExitCode { Daybook.exit(withError: error) }
        if wasInterrupted {
            Terminal.say("daybook: interrupted; nothing was published.")
            Foundation.exit(interruptedExitCode)
        }
        guard let failure = failure(of: error) else { Daybook.exit(withError: error) }
        Terminal.say("daybook: \(failure.sentence)")
        if ProcessInfo.processInfo.environment["DAYBOOK_DEBUG"] == "1" { Terminal.say(String(reflecting: error)) }
        Foundation.exit(failure.kind.rawValue)
    }

    /// What failed, nil for the argument parser's own errors.
    static func failure(of error: any Error) -> DaybookError? {
        switch error {
        case let error as DaybookError: error
        case let error as SpreadsheetError: DaybookError(.output, error.sentence)
        case let error as PostgresError: DaybookError(kind(of: error), sentence(of: error))
        case let fault as EngineFault: engine(fault)
        default: nil
        }
    }

    private static func engine(_ fault: EngineFault) -> DaybookError {
        switch fault {
        case .appendOnly: .badData("The books are only ever added to; correct a mistake with: daybook credits adjust")
        case .invalid(let why), .conflict(let why): .badData("\(why).")
        case .insufficientCredits(let why): .badData("\(why); nothing was booked.")
        case .notFound: .badData("There is no such batch of this customer.")
        case .fenced: DaybookError(.tryAgain, "This worker was declared dead by another one; start it again.")
        }
    }

    /// The database's own words name the table where a right is missing.
    private static func sentence(of error: PostgresError) -> String {
        guard error.sqlState == .insufficientPrivilege, let message = error.message else { return error.sentence }
        return "The database role may not read all that a report needs: \(message). Grant it SELECT; where there is "
            + "row-level security it also needs BYPASSRLS, or must own the table."
    }

    private static func kind(of error: PostgresError) -> FailureKind {
        switch error.code {
        case .connectionFailed, .authenticationFailed, .databaseMissing, .tooManyConnections, .tlsFailed,
            .connectionLost,
            .commitUnknown, .closed:
            return .databaseUnavailable
        case .timeout, .lockNotAvailable, .cancelled: return .tryAgain
        case .invalidSettings: return .configuration
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
        return state.hasPrefix("53") ? .databaseUnavailable : .failed
    }
}
