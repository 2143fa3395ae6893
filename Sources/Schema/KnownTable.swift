internal import Postgres

/// A table that the reports read: what they expect of it, and what they say when it is not there.
public struct KnownTable: Sendable {
    /// One expected column.
    public struct Column: Sendable {
        public let name: String
        /// The type as PostgreSQL spells it.
        public let type: String
        /// A report cannot be made without a required column.
        public let isRequired: Bool
        /// The engine adds it to a deployment's table: nothing is missing without it, and a column of that name that an
        /// application made by itself says something else and is never read.
        public let isOurs: Bool

        /// True if a type is the expected one: by its number, because how the server spells it depends on settings.
        public func accepts(_ actual: Catalog.ColumnType) -> Bool { actual.id == KnownTable.types[type] }
    }

    /// The types that are expected anywhere, by the names of them here.
    private static let types: [String: TypeOID] = [
        "bigint": .int8, "bit(1440)": .bit, "boolean": .bool, "date": .date, "integer": .int4,
        "integer[]": TypeOID(rawValue: 1007), "jsonb": .jsonb, "numeric": .numeric, "text": .text,
        "timestamptz": .timestamptz, "uuid": .uuid,
    ]

    public let schema: String
    public let name: String
    /// A report cannot be made without a required table.
    public let isRequired: Bool
    public let columns: [Column]
    /// What a report lacks where the table does not exist.
    public let consequence: String

    /// `schema.name`.
    public var fullName: String { "\(schema).\(name)" }

    /// `columns` lists `name type` pairs separated by commas, a required one with a `!` at its end, one of ours with a
    /// `?`.
    init(_ schema: String, _ name: String, required: Bool = false, without consequence: String, _ columns: String) {
        self.schema = schema
        self.name = name
        self.isRequired = required
        self.consequence = consequence
        self.columns = columns.split(separator: ",").map { definition in
            let words = definition.split(whereSeparator: \.isWhitespace).map(String.init)
            let type = words[1...].filter { $0 != "!" && $0 != "?" }.joined(separator: " ")
            precondition(Self.types[type] != nil, "\(type) is a type with a number")
            return Column(name: words[0], type: type, isRequired: words.last == "!", isOurs: words.last == "?")
        }
    }
}

extension KnownTable {
    /// The tables of a deployment (schema `public`).
    public static let deployment: [KnownTable] = [
        KnownTable(
            "public", "users", without: "customers have no name but that of their account",
            "id uuid, email text, name text, created_at timestamptz, status text"),
        KnownTable(
            "public", "credit_wallet", without: "balances cannot be compared with the ledger",
            """
            user_id uuid, permanent_credits integer, bonus_credits integer, bonus_expires_at timestamptz,
            created_at timestamptz, updated_at timestamptz
            """),
        KnownTable(
            "public", "credit_ledger", required: true, without: "no refund can be proved",
            """
            id bigint !, user_id uuid !, type text, model text, credits_delta integer !, ref_type text !, ref_id text !,
            meta jsonb, created_at timestamptz !
            """),
        KnownTable(
            "public", "batch_jobs", required: true, without: "there is nothing to report",
            """
            id uuid !, user_id uuid !, status text, total_count integer, success_count integer, failed_count integer,
            cost_per_video integer !, frozen_credits integer !, credits_spent integer, settlement_status text,
            webhook_url text, webhook_status text, request_id text, created_at timestamptz !, updated_at timestamptz,
            completed_at timestamptz
            """),
        KnownTable(
            "public", "video_tasks", required: true, without: "there is nothing to report",
            """
            id uuid !, user_id uuid !, model text !, status text !, failure_reason text, failure_type text,
            created_at timestamptz !, updated_at timestamptz, completed_at timestamptz, batch_job_id uuid !,
            batch_index integer, attempts integer
            """),
        KnownTable(
            "public", "enterprise_api_keys", without: "replayed keys cannot be counted",
            "id uuid, user_id uuid, is_active boolean"),
        KnownTable(
            "public", "enterprise_api_usage", without: "replayed keys cannot be counted",
            "id bigint, api_key_id uuid, created_at timestamptz, request_id text, batch_job_id uuid"),
        KnownTable(
            "public", "video_external_access_log", without: "access to videos cannot be reported",
            """
            id uuid, video_id uuid, user_id uuid, owner_id uuid ?, action text, source text, created_at timestamptz
            """),
    ]

    /// Daybook's own tables (schema `daybook`).
    public static let own: [KnownTable] = [
        KnownTable(
            "daybook", "account", without: "every owner is reported under (none)",
            """
            user_id uuid, slug text, name text, plan text, currency text, time_zone text, retention_days integer,
            monthly_fee_usd numeric, legal_hold text, contract_profile text, billing_name text, billing_address text,
            vat_id text, billing_email text, cc text, reference text
            """),
        KnownTable(
            "daybook", "account_terms", without: "the terms of today hold for every month",
            """
            user_id uuid, from_month date, plan text, currency text, time_zone text, monthly_fee_usd numeric,
            contract_profile text
            """),
        KnownTable(
            "daybook", "contract_profile", without: "the standard profile judges every account",
            "name text, version bigint, document text, sha256 text, imported_at timestamptz"),
        KnownTable(
            "daybook", "probe", without: "availability is not known",
            "target text, probed_at timestamptz, ok boolean, latency_ms integer"),
        KnownTable(
            "daybook", "served_minute", without: "the API has no minutes of its own",
            """
            minute timestamptz, server_id uuid, requests bigint, server_errors bigint, milliseconds integer[],
            answers integer[]
            """),
        KnownTable(
            "daybook", "maintenance_window", without: "no maintenance is excluded",
            "starts_at timestamptz, ends_at timestamptz, announced_at timestamptz, reason text, target text"),
        KnownTable(
            "daybook", "maintenance_correction", without: "no window of maintenance was corrected",
            "starts_at timestamptz, ends_at timestamptz, announced_at timestamptz, reason text, target text"),
        KnownTable(
            "daybook", "provider_outage", without: "no provider outage is excluded",
            "model text, starts_at timestamptz, ends_at timestamptz, evidence text"),
        KnownTable(
            "daybook", "access_day", without: "accesses that earlier versions purged are not counted",
            "user_id uuid, day date, action text, accesses bigint"),
        KnownTable(
            "daybook", "access_total", without: "accesses that were purged are not counted",
            "user_id uuid, run_id bigint, begins_at timestamptz, action text, accesses bigint"),
        KnownTable(
            "daybook", "probe_day", without: "probes that were purged are not counted",
            "target text, day date, up_minutes bit(1440), down_minutes bit(1440), first_probe_at timestamptz"),
        KnownTable(
            "daybook", "task_fact", without: "every instant is the deployment's own",
            """
            user_id uuid, task_id uuid, dispatched_at timestamptz, terminal_at timestamptz, terminal_estimated boolean,
            cancelled_at timestamptz, cost_credits bigint
            """),
        KnownTable(
            "daybook", "settlement_fact", without: "no instant of a settlement was captured",
            "user_id uuid, batch_id uuid, settled_at timestamptz"),
        KnownTable(
            "daybook", "ledger_price", without: "no price was told",
            "user_id uuid, entry_id bigint, usd numeric"),
        KnownTable(
            "daybook", "lot", without: "the wallet says what has expired",
            "user_id uuid, lot_id bigint, kind text, remaining bigint, expires_at timestamptz"),
        KnownTable(
            "daybook", "ledger_carry", without: "no ledger row was carried forward",
            "run_id bigint, state text, cutoff timestamptz"),
        KnownTable(
            "daybook", "carried_batch", without: "no ledger row was carried forward",
            """
            user_id uuid, batch_id text, role text, model text, entries bigint, credits bigint, first_entry_id bigint,
            last_posted_at timestamptz
            """),
        KnownTable(
            "daybook", "month_close", without: "no month is closed",
            """
            user_id uuid, month date, revision integer, period_start timestamptz, period_end timestamptz,
            opening_balance bigint, closing_balance bigint, statement_sha256 text, previous_hash text, hash text,
            closed_by text, closed_at timestamptz
            """),
        KnownTable(
            "daybook", "month_reopen", without: "no month is closed",
            "user_id uuid, month date, revision integer, reason text, reopened_by text, reopened_at timestamptz"),
        KnownTable(
            "daybook", "recorded_month", without: "a trend counts each of its months anew",
            """
            user_id uuid, month date, version integer, period_start timestamptz, period_end timestamptz,
            cutoff timestamptz, sql_sha256 text, terms_sha256 text, figures text, sha256 text, recorded_by text,
            recorded_at timestamptz
            """),
        KnownTable(
            "daybook", "statement_delivery", without: "no delivery is recorded",
            "user_id uuid, month date, sequence integer, sent_at timestamptz, recipient text, channel text"),
        KnownTable(
            "daybook", "statement_delivery_outcome", without: "no outcome of a delivery is recorded",
            "user_id uuid, month date, sequence integer, outcome text, remark text, recorded_at timestamptz"),
        KnownTable(
            "daybook", "statement_acceptance", without: "no difference of a statement is accepted",
            """
            user_id uuid, sequence integer, month date, line text, credits bigint, reason text, accepted_by text,
            accepted_at timestamptz
            """),
        KnownTable(
            "daybook", "service_credit_event", without: "no service credit was granted",
            """
            user_id uuid, month date, sequence bigint, event text, reference text, form text, amount_usd numeric,
            credits bigint, recorded_at timestamptz
            """),
    ]

    /// All of them.
    public static let all = deployment + own

    /// `daybook.task_fact`.
    public static let taskFact = named("task_fact")
    /// `public.enterprise_api_usage`, the request log.
    public static let apiUsage = named("enterprise_api_usage")

    /// `public.enterprise_api_keys`.
    public static let apiKeys = named("enterprise_api_keys")
    /// `public.video_external_access_log`.
    public static let accessLog = named("video_external_access_log")
    /// `public.batch_jobs`.
    public static let batchJobs = named("batch_jobs")
    /// `public.video_tasks`.
    public static let videoTasks = named("video_tasks")
    /// `daybook.webhook_event`, which no report reads.
    public static let webhookEvent = KnownTable(
        "daybook", "webhook_event", without: "nobody is told of batches",
        "user_id uuid, event_id uuid, batch_id uuid, body text, told_at timestamptz")
    /// `daybook.video_copy`, which no report reads.
    public static let videoCopy = KnownTable(
        "daybook", "video_copy", without: "no video is kept",
        "user_id uuid, task_id uuid, state text, found_at timestamptz, size_bytes bigint, gone_at timestamptz")
    /// `daybook.ledger_carry`.
    public static let ledgerCarry = named("ledger_carry")
    /// What the engine keeps of credits bought or granted together.
    public static let lot = named("lot")
    /// `daybook.recorded_month`.
    public static let recordedMonth = named("recorded_month")
    /// `daybook.provider_outage`.
    public static let providerOutage = named("provider_outage")
    /// `daybook.probe`.
    public static let probe = named("probe")
    /// `daybook.served_minute`, which a database without the engine does not have.
    public static let servedMinute = named("served_minute")

    private static func named(_ name: String) -> KnownTable {
        guard let table = all.first(where: { $0.name == name }) else { preconditionFailure("\(name) is known") }
        return table
    }
}
