import Foundation
public import Postgres

/// Runs the body as a login of its own, which may read every table and nothing else, and removes it afterwards.
///
/// `rights` is a script of the superuser's, in the same database, in which `LOGIN` stands for the login's name.
@discardableResult
public nonisolated(nonsending) func withLogin<Result>(
    _ settings: ConnectionSettings, attributes: String = "BYPASSRLS",
    rights: String = "GRANT pg_read_all_data TO LOGIN",
    _ body: (ConnectionSettings) async throws -> Result
) async throws -> Result {
    let name = "login_" + UUID().uuidString.lowercased().filter { $0 != "-" }
    try await execute(
        "CREATE ROLE \(name) LOGIN \(attributes); " + rights.replacing("LOGIN", with: name), in: settings)
    var login = settings
    login.options["user"] = name
    let removal = "DROP OWNED BY \(name) CASCADE; DROP ROLE \(name)"
    do {
        let result = try await body(login)
        try await execute(removal, in: settings)
        return result
    } catch {
        try? await execute(removal, in: settings)
        throw error
    }
}
