import Foundation

/// What the programs read from the environment. An option of the command line wins over each of them.
///
/// An empty value is none. libpq's own variables (`PGHOST`, `PGSERVICE`, …) count besides, and are libpq's to read.
public enum Setting: String, CaseIterable, Sendable {
    case database = "DATABASE_URL"
    case reportDatabase = "DAYBOOK_REPORT_DATABASE_URL"
    case home = "DAYBOOK_HOME"
    case dataHome = "XDG_DATA_HOME"
    case serverPrograms = "DAYBOOK_PG_BIN"
    case issuer = "DAYBOOK_ISSUER"
    case issuerVATID = "DAYBOOK_ISSUER_VAT_ID"
    case paper = "DAYBOOK_PAPER"
    case mailFrom = "DAYBOOK_MAIL_FROM"
    case providerKey = "GRSAI_API_KEY"
    case bucketKey = "AWS_ACCESS_KEY_ID"
    case bucketSecret = "AWS_SECRET_ACCESS_KEY"
    case debug = "DAYBOOK_DEBUG"

    /// Names that begin so are Daybook's: one that no setting has is a mistake.
    private static let prefix = "DAYBOOK_"
    /// Those of them that its tests use.
    private static let testPrefix = "DAYBOOK_TEST_"
    /// Letters by which a name may differ from the setting that was meant.
    private static let misspelledLetters = 3
    /// Letters of a name that are looked at, and shown.
    private static let longest = 80

    /// What it says, with what holds where it says nothing.
    public var meaning: String {
        switch self {
        case .database:
            "The database: a PostgreSQL URL or connection string. Default: libpq's variables, else the private server."
        case .reportDatabase:
            "The database for `report run`, as a login that only reads. Default: the one of every command."
        case .home:
            "Where the private server, archives, certificates and keys lie. Default: `/var/lib/daybook` for root, else "
                + "`daybook` in `XDG_DATA_HOME`."
        case .dataHome: "Where an ordinary user's data lie. Default: `~/.local/share`."
        case .serverPrograms:
            "The folder of PostgreSQL's server programs, for the private server. Default: the newest that is installed."
        case .issuer: "Who issues statements and exports, in one line: name and address. Default: nobody is named."
        case .issuerVATID: "The issuer's number for value added tax. Default: none is printed."
        case .paper: "The paper that pages are printed on: `a4` or `letter`. Default: `a4`."
        case .mailFrom: "The address that messages come from. Default: none; sending needs one."
        case .providerKey: "The key of the provider's account, for `daybookd`. Default: none; a worker needs one."
        case .bucketKey: "The access key of the bucket of videos, for `daybookd`. Default: none; a bucket needs one."
        case .bucketSecret: "The secret of that access key. Default: none; a bucket needs one."
        case .debug: "`1` shows an error's details, with the server's message and the SQL. Default: one sentence."
        }
    }

    /// What the environment says, this process's own where none is given; nil where it says nothing.
    public func value(in environment: [String: String]? = nil) -> String? {
        (environment ?? ProcessInfo.processInfo.environment)[rawValue].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// True for a name that has Daybook's prefix, and that neither a setting nor its tests have, nor a cluster gives.
    public static func isMistaken(_ name: String) -> Bool {
        name.hasPrefix(prefix) && !name.hasPrefix(testPrefix) && Setting(rawValue: name) == nil && !isOfCluster(name)
    }

    /// True for what Kubernetes tells every container of a service that is called after Daybook, such as
    /// `DAYBOOK_API_SERVICE_HOST` and `DAYBOOK_API_PORT_8080_TCP`.
    private static func isOfCluster(_ name: String) -> Bool {
        name.hasSuffix("_PORT") || ["_SERVICE_HOST", "_SERVICE_PORT", "_PORT_"].contains { name.contains($0) }
    }

    /// Throws `configuration` for a variable that has Daybook's prefix and is no setting: what somebody meant by it
    /// would not happen.
    public static func requireKnown(in environment: [String: String]? = nil) throws {
        guard let unknown = (environment ?? ProcessInfo.processInfo.environment).keys.filter(isMistaken).min() else {
            return
        }
        let typed = Array(unknown.prefix(longest))
        let nearest = allCases.filter { $0.rawValue.hasPrefix(prefix) }.compactMap { setting in
            Misspelling.edits(typed, Array(setting.rawValue), most: misspelledLetters).map { ($0, setting) }
        }.min { $0.0 < $1.0 }
        let advice =
            nearest.map { "\($0.1.rawValue) is the one that is spelled most like it." }
            ?? "The settings are \(allCases.map(\.rawValue).joined(separator: ", "))."
        throw DaybookError.configuration(
            "The environment has \(unknown.prefix(longest)), which is no setting of Daybook. \(advice) Unset it, or "
                + "rename it.")
    }
}
