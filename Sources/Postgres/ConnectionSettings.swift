internal import CLibPQ

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

extension ConnectionSettings: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The settings as keywords, with `****` for every secret, and nothing of
    /// a connection string that libpq cannot read.
    public var description: String {
        var shown: [String: String] = [:]
        if Self.isConnectionString(conninfo) {
            guard let parsed = Self.parse(conninfo) else { return "(unreadable connection string)" }
            shown = parsed
        } else if !conninfo.isEmpty {
            shown["dbname"] = conninfo
        }
        shown.merge(options) { _, option in option }
        return shown.sorted { $0.key < $1.key }
            .map { key, value in "\(key)=\(Self.isSecret(key) ? "****" : value)" }
            .joined(separator: " ")
    }

    /// ``description``.
    public var debugDescription: String { description }

    /// One child, ``description``: no secret is reached by reflection.
    public var customMirror: Mirror {
        Mirror(self, children: ["settings": description])
    }

    /// True where libpq reads a database name as a whole connection string.
    static func isConnectionString(_ text: String) -> Bool {
        text.hasPrefix("postgresql://") || text.hasPrefix("postgres://") || text.contains("=")
    }

    /// True where the connection string itself holds a password, or the phrase that opens a key.
    public var holdsPassword: Bool {
        guard Self.isConnectionString(conninfo), let parsed = Self.parse(conninfo) else { return false }
        return parsed.contains { $0.key.lowercased().contains("password") && !$0.value.isEmpty }
    }

    private static func isSecret(_ keyword: String) -> Bool {
        keyword.lowercased().contains("password") || keyword == "options"
    }

    /// The keywords that a connection string sets, nil where libpq cannot read it.
    static func parse(_ conninfo: String) -> [String: String]? {
        // The message of a failure quotes the string, password and all, so it is not asked for.
        guard let list = PQconninfoParse(conninfo, nil) else { return nil }
        defer { PQconninfoFree(list) }
        return keywords(in: list)
    }

    /// The keywords of a list that have a value.
    static func keywords(in list: UnsafeMutablePointer<PQconninfoOption>) -> [String: String] {
        var values: [String: String] = [:]
        var next = list
        while let keyword = next.pointee.keyword {
            if let value = next.pointee.val { values[String(cString: keyword)] = String(cString: value) }
            next += 1
        }
        return values
    }
}
