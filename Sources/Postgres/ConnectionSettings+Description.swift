internal import CLibPQ

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
