/// How to reach a server, in libpq's own terms.
///
/// Everything that libpq understands works: URLs (`postgresql://…`), keyword
/// strings, several hosts, `service`, TLS by `sslmode` and `sslrootcert`. What
/// is named nowhere comes from the `PG*` environment, the service file,
/// `~/.pgpass` and libpq's defaults, in libpq's order of precedence:
/// ``options``, then ``conninfo``, then the service, then the environment.
///
/// Only these defaults differ from libpq's, and only where nothing above
/// sets them: a limit on the time to connect, TCP keepalives that notice a
/// dead peer within 60 s, and the application's name.
public struct ConnectionSettings: Sendable {
    /// A URL, a keyword string such as `host=db dbname=books`, a plain
    /// database name, or nothing.
    public var conninfo: String
    /// Single keywords, such as `host`, `dbname`, `user` or `sslmode`, that win over ``conninfo``.
    public var options: [String: String]
    /// How long one host may take to accept a connection, in seconds; 0 waits for ever.
    ///
    /// A `connect_timeout` in the settings, the service or the environment wins.
    public var connectTimeoutSeconds: Int
    /// The name that the server shows in `pg_stat_activity`, unless the settings have another.
    public var applicationName: String
    /// Where statements look names up that have no schema.
    public var nameLookup: NameLookup

    /// Where functions, operators, types and tables are looked up that are named without a schema.
    public enum NameLookup: Sendable, Hashable {
        /// In PostgreSQL's own catalogue, nowhere that anybody could have put something: for SQL of our own.
        ///
        /// Every transaction says so for itself, and a statement outside of one gets a transaction of its own, so that
        /// nothing stays behind in a session that a pooler hands on.
        case system
        /// As login and database have it: for SQL of somebody else's.
        case login
    }

    /// Settings from a connection string and keywords that override it.
    public init(
        conninfo: String = "",
        options: [String: String] = [:],
        connectTimeoutSeconds: Int = 10,
        applicationName: String = "daybook",
        nameLookup: NameLookup = .system
    ) {
        self.conninfo = conninfo
        self.options = options
        self.connectTimeoutSeconds = connectTimeoutSeconds
        self.applicationName = applicationName
        self.nameLookup = nameLookup
    }
}
