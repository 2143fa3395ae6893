import Postgres

/// The IANA names of the time zones that the database knows: the same rules decide about months later.
struct TimeZoneNames {
    private let names: Set<String>

    init(_ session: Session) throws {
        let rows = try session.query("SELECT name FROM pg_timezone_names WHERE name NOT LIKE 'posix/%'")
        names = try Set(rows.map { try $0.text("name") })
    }

    func contains(_ name: String) -> Bool { names.contains(name) }
}
