import Foundation
import Glibc

/// PostgreSQL's own programs, run as a user that PostgreSQL accepts.
///
/// A server refuses to run as root. Where the tests do, everything of the
/// server runs as the user `postgres`; otherwise as whoever runs the tests.
struct ServerPrograms: Sendable {
    /// The folder of `initdb`, `pg_ctl` and `postgres`.
    let folder: String
    /// The user to run as, nil for the one of this process.
    let account: Account?

    /// A user and its group.
    struct Account: Sendable {
        let name: String
        let user: uid_t
        let group: gid_t
    }

    /// Finds the programs in the folder that `DAYBOOK_PG_BIN` names, or the newest of Debian's; of
    /// another version those of `scripts/test-postgres`, which installs them where they are missing.
    ///
    /// Throws where there are none: tests never skip.
    init(version: Int? = nil) throws {
        account = geteuid() == 0 ? try Self.unprivilegedAccount() : nil
        if let version {
            let script = Deployment.root + "/scripts/test-postgres"
            let printed = try Command.run([script, String(version)])
            folder = String(printed.split(separator: "\n").last ?? "")
            return
        }
        let named = ProcessInfo.processInfo.environment["DAYBOOK_PG_BIN"].map { [$0] }
        let root = "/usr/lib/postgresql"
        let versions = ((try? FileManager.default.contentsOfDirectory(atPath: root)) ?? [])
            .compactMap { Int($0) }
            .sorted(by: >)
        let candidates = named ?? versions.map { "\(root)/\($0)/bin" }
        guard let folder = candidates.first(where: { FileManager.default.isExecutableFile(atPath: $0 + "/initdb") })
        else {
            throw TestSupportError("No PostgreSQL server programs in \(candidates): install postgresql-15.")
        }
        self.folder = folder
    }

    private static func unprivilegedAccount() throws -> Account {
        guard let entry = getpwnam("postgres") else {
            throw TestSupportError("Root cannot run PostgreSQL, and there is no user postgres to run it as.")
        }
        return Account(name: "postgres", user: entry.pointee.pw_uid, group: entry.pointee.pw_gid)
    }

    /// Runs one of the programs from `/`, waits for it and returns its output.
    ///
    /// Throws ``TestSupportError`` with the output if it fails.
    @discardableResult
    func run(_ program: String, _ arguments: [String]) throws -> String {
        let command = [folder + "/" + program] + arguments
        guard let account else { return try Command.run(command) }
        return try Command.run(
            ["/usr/bin/setpriv", "--reuid", account.name, "--regid", account.name, "--init-groups", "--"] + command
        )
    }

    /// Hands a file or folder to the server's user.
    func handOver(_ path: String) throws {
        guard let account else { return }
        guard chown(path, account.user, account.group) == 0 else {
            throw TestSupportError("\(path) cannot be given to \(account.name).")
        }
    }
}
