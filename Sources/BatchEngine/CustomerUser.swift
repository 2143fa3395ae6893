import Domain
import Postgres
import Schema

/// A customer's row in the service's table of users: keys, wallets and batches refer to it.
enum CustomerUser {
    /// Makes the row of an account's owner on a database that Daybook made, where nobody else does.
    ///
    /// Throws `badData` on a deployment, whose application makes its users itself.
    static func require(_ userID: String, _ session: Session) throws {
        if try isThere(userID, session) { return }
        if try Migrator.madeService(session) {
            try session.execute(
                """
                INSERT INTO public.users (id, name)
                SELECT a.user_id, a.name FROM daybook.account AS a WHERE a.user_id = $1
                ON CONFLICT (id) DO NOTHING
                """, [.uuid(userID)])
            if try isThere(userID, session) { return }
        }
        throw DaybookError.badData(
            "The user \(userID) is not in this database's table of users, so nothing can be booked for him; let the "
                + "application make the user first, or import the account with the user_id that it gave to him.")
    }

    private static func isThere(_ userID: String, _ session: Session) throws -> Bool {
        try !session.query("SELECT FROM public.users WHERE id = $1", [.uuid(userID)]).isEmpty
    }
}
