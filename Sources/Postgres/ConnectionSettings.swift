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

    /// Settings from a connection string and keywords that override it.
    public init(
        conninfo: String = "",
        options: [String: String] = [:],
        connectTimeoutSeconds: Int = 10,
        applicationName: String = "daybook"
    ) {
        self.conninfo = conninfo
        self.options = options
        self.connectTimeoutSeconds = connectTimeoutSeconds
        self.applicationName = applicationName
    }
}
