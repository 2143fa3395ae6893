public import Domain
internal import Postgres

/// When a purge steps aside for others, and for how long.
public struct PurgePauses: Sendable, Hashable {
    /// Seconds of a replica's replay lag that are too many.
    public var lagSeconds: Int64
    /// Seconds that somebody's transaction may be open.
    public var transactionSeconds: Int64
    /// Seconds of waiting in a row after which the purge stops, to be resumed.
    public var mostSeconds: Int64
    /// True lets the purge rest in the middle of its statements while others are at work.
    public var rests: Bool

    public init(
        lagSeconds: Int64 = Limits.purgeLagSeconds, transactionSeconds: Int64 = Limits.purgeSnapshotSeconds,
        mostSeconds: Int64 = Limits.purgePauseSeconds, rests: Bool = true
    ) {
        self.lagSeconds = lagSeconds
        self.transactionSeconds = transactionSeconds
        self.mostSeconds = mostSeconds
        self.rests = rests
    }
}

/// How many pages of a table the next transaction of a purge takes: as many as keep it near its target time.
struct BatchPace: Sendable, Hashable {
    /// Pages of the next transaction.
    private(set) var pages: Int64

    init(pages: Int64 = Limits.purgeFirstPages) {
        self.pages = pages
    }

    /// Learns from a transaction that was committed. At most doubles, so that one empty stretch of a table does not
    /// lead to a huge transaction on the next.
    ///
    /// - Parameter slow: Milliseconds that are too many. A transaction that takes less than half of it may grow.
    mutating func took(milliseconds: Int64, slow: Int64 = Limits.purgeSlowMilliseconds) {
        if milliseconds > slow {
            // In proportion: ten times too slow becomes a tenth, not a half.
            pages = max(1, min(pages * slow / milliseconds, pages / 2))
        } else if milliseconds < slow / 2 {
            pages = min(pages * 2, Limits.purgeMostPages)
        }
    }

    /// Learns from a transaction that ran into its time limit.
    mutating func ranOut() {
        pages = max(1, pages / 4)
    }
}

/// Rests: short sleeps in the middle of a purge's statements while others are at work, as VACUUM's cost delay.
///
/// A statement that computes for some milliseconds without a break keeps the others from a processor for as long; one
/// that rests all the time lets them in between.
enum Rests {
    case none
    case often

    /// A condition for a query's rows, always true, that rests for a millisecond after about so many of them.
    ///
    /// - Parameter column: A column, never null, of the table at whose rows the condition is looked at.
    func after(_ column: String, rows: Int64 = Limits.purgeRestRows) -> String {
        switch self {
        case .none: "true"
        case .often:
            """
            CASE WHEN random() * \(rows)::double precision < 1::double precision AND \(column) IS NOT NULL
                THEN pg_sleep(0.0005::double precision) IS NOT NULL ELSE true END
            """
        }
    }
}

/// Reasons to pause, as the server shows them to this role.
enum Throttle {
    /// Why a purge of a table should wait now, nil if it need not.
    static func reason(for relation: String, _ pauses: PurgePauses, _ session: Session) throws -> String? {
        let rows = try session.query(
            """
            SELECT
                (SELECT max(extract(epoch FROM replay_lag))::bigint FROM pg_stat_replication) AS lag,
                (SELECT count(*) FROM pg_stat_progress_vacuum AS v JOIN pg_stat_activity AS a ON a.pid = v.pid
                    WHERE v.relid = to_regclass($1) AND v.datname = current_database()
                        AND a.backend_type = 'autovacuum worker') AS vacuums,
                (SELECT max(extract(epoch FROM clock_timestamp() - xact_start))::bigint FROM pg_stat_activity
                    WHERE backend_xmin IS NOT NULL AND datname = current_database() AND pid <> pg_backend_pid()
                        AND backend_type = 'client backend') AS snapshot
            """, [.text(TableName.quoted(relation, session))])
        if let lag = try rows[0].optionalInt("lag"), lag > pauses.lagSeconds {
            return "a replica is \(lag) s behind"
        }
        if try rows[0].int("vacuums") > 0 { return "autovacuum works on \(relation)" }
        if let age = try rows[0].optionalInt("snapshot"), age > pauses.transactionSeconds {
            return "somebody's transaction is open for \(age) s"
        }
        return nil
    }

    /// True where another client of the database began or ended a statement within the last second, as far as the
    /// server shows that to this role, and that statement was work: not a pooler's or a monitor's sign of life.
    static func othersAreAtWork(_ session: Session) throws -> Bool {
        try session.query(
            """
            SELECT EXISTS (
                SELECT FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
                    AND state_change > clock_timestamp() - interval '1 second'
                    AND (backend_xid IS NOT NULL OR NOT \(isTrivial("query")))
            ) AS others
            """)[0].bool("others")
    }

    /// True for a text of nothing but statements that need no table: an empty one, a `SELECT` of constants and of what
    /// the server knows of itself, what changes the session alone. A transaction's begin or end stands for what is in
    /// it, and is work.
    static func isTrivial(_ query: String) -> String {
        """
        NOT EXISTS (
            SELECT FROM regexp_split_to_table(regexp_replace(\(query), '\(comment)', ' ', 'g'), ';') AS part
            WHERE part !~* '^\\s*(\(ofSession)|select(\\s+\(item)(\\s*,\\s*\(item))*)?)?\\s*$')
        """
    }

    private static let comment = #"--[^\n\r]*|/\*([^*]|\*+[^*/])*\*+/"#
    private static let ofSession = #"(set|show|reset|discard|deallocate|listen|unlisten|close)\y.*"#
    private static let item = #"(\d+|''[^'']*''|null|true|false|\#(ofServer)|\#(call))(\s+as\s+"?\w+"?)?"#
    private static let ofServer = "current_(date|time|timestamp|user|role|catalog|schema)|session_user"
    private static let call = #"(pg_catalog\.)?(\#(functions))\s*\(\s*(''[^'']*'')?\s*\)"#
    private static let functions =
        "now|version|clock_timestamp|current_database|current_setting|pg_backend_pid|pg_is_in_recovery"
}
