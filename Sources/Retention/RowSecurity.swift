internal import Domain
internal import Postgres
internal import Schema

/// Row-level security: a role sees every row of what it works on, or it does nothing.
enum RowSecurity {
    /// The deployment's tables that a plan or a purge reads or changes.
    private static let tables = [KnownTable.accessLog, .videoTasks, .apiUsage, .apiKeys]

    /// Refuses to work as a role from which policies would hide rows, naming the tables and the ways out.
    ///
    /// `row_security` is off everywhere, so that nothing could go unseen anyway; this says it before the first row, and
    /// in words. Throws `configuration`.
    static func refuse(_ session: Session) throws {
        let rows = try session.query(
            """
            SELECT n.nspname || '.' || c.relname AS name, current_user::text AS role
            FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
            WHERE c.relrowsecurity AND row_security_active(c.oid)
                AND (n.nspname = 'daybook' OR n.nspname || '.' || c.relname = ANY ($1))
            ORDER BY 1
            """, [.texts(Self.tables.map(\.fullName))])
        guard let role = try rows.first?.text("role") else { return }
        let tables = try rows.map { try $0.text("name") }.joined(separator: ", ")
        throw DaybookError.configuration(
            "Row-level security would hide rows of \(tables) from the role \(role), so nothing is purged or planned: a "
                + "purge sees every row or none. Connect as a role that has BYPASSRLS, or let a superuser run: "
                + "daybook database roles")
    }
}
