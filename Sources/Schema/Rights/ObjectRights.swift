/// What the documented roles may do with one object of ours, or with one of the application's tables that we read.
public struct ObjectRights: Sendable {
    public let kind: Right.Kind
    public let object: String
    /// What `daybook database roles` gives, as `GRANT` lists it.
    public let given: [DocumentedRole: String]
    /// What an operator may give beyond it.
    public let allowed: [DocumentedRole: String]

    init(
        _ kind: Right.Kind, _ object: String, _ given: [DocumentedRole: String] = [:],
        allowed: [DocumentedRole: String] = [:]
    ) {
        self.kind = kind
        self.object = object
        self.given = given
        self.allowed = allowed
    }

    /// The rights of a list such as `SELECT, UPDATE (a, b)`.
    public static func rights(_ role: String, _ kind: Right.Kind, _ object: String, _ list: String) -> [Right] {
        var rights: [Right] = []
        // A comma between two privileges stands outside of parentheses.
        var depth = 0
        let parts = list.split { character in
            depth += character == "(" ? 1 : character == ")" ? -1 : 0
            return character == "," && depth == 0
        }
        for part in parts {
            let words = part.split(separator: "(", maxSplits: 1)
            let privilege = words[0].split(whereSeparator: \.isWhitespace).joined(separator: " ")
            guard words.count == 2 else {
                rights.append(Right(role, kind, object, privilege))
                continue
            }
            for column in words[1].dropLast(words[1].hasSuffix(")") ? 1 : 0).split(separator: ",") {
                let name = column.split(whereSeparator: \.isWhitespace).joined()
                rights.append(Right(role, kind, object, privilege, column: name))
            }
        }
        return rights
    }

    func rights(_ given: [DocumentedRole: String]) -> [Right] {
        given.flatMap { Self.rights($0.rawValue, kind, object, $1) }
    }

    /// What a login may have that reads for reports by itself: the same as who reads for somebody else.
    var ofReader: [Right] {
        given[.auditor].map { Self.rights(DocumentedRole.reader.rawValue, kind, object, $0) } ?? []
    }
}

extension ObjectRights {
    /// Every object on which a documented role has a right: who is not named here has none, and an object that is not
    /// named here is its owner's alone.
    ///
    /// What a purge may redact depends on the columns of the deployment's tables and comes with ``PurgedTables``.
    public static let all = schemas + accounts + books + evidence + engine + work + functions + deployment

    private static let schemas = [
        ObjectRights(
            .schema, "daybook",
            [
                .report: "USAGE", .purge: "USAGE", .auditor: "USAGE", .sla: "USAGE", .prober: "USAGE",
                .importer: "USAGE",
            ]),
        ObjectRights(.schema, "public", [.report: "USAGE", .purge: "USAGE", .auditor: "USAGE", .sla: "USAGE"]),
    ]

    /// An import never writes a hold: those go through functions that record who and why.
    private static let terms =
        "slug, name, plan, currency, time_zone, retention_days, monthly_fee_usd, contract_profile, "
        + ImportKind.billingColumns.joined(separator: ", ")

    private static let accounts = [
        ObjectRights(
            .table, "daybook.account",
            reading(.sla).merging([.importer: "SELECT, INSERT (user_id, \(terms)), UPDATE (\(terms))"]) { $1 }),
        ObjectRights(.table, "daybook.account_terms", reading(.sla, .importer)),
        ObjectRights(.table, "daybook.account_slug", reading()),
        ObjectRights(.table, "daybook.legal_hold", reading()),
        ObjectRights(.table, "daybook.retention_policy", reading()),
        ObjectRights(.table, "daybook.held_owner", reading()),
        ObjectRights(.table, "daybook.held_batch", reading()),
        ObjectRights(.table, "daybook.held_video", reading()),
    ]

    private static let books = [
        ObjectRights(
            .table, "daybook.contract_profile", reading(.sla).merging([.importer: "SELECT, INSERT"]) { $1 }),
        ObjectRights(
            .table, "daybook.maintenance_window", reading(.sla).merging([.importer: "SELECT, INSERT"]) { $1 }),
        ObjectRights(
            .table, "daybook.maintenance_correction",
            reading(.sla).merging([
                .importer: "SELECT, INSERT (starts_at, ends_at, announced_at, reason, target, because)"
            ]) { $1 }),
        ObjectRights(.table, "daybook.provider_outage", reading(.sla).merging([.importer: "SELECT, INSERT"]) { $1 }),
        ObjectRights(
            .table, "daybook.probe",
            reading(.sla).merging([.importer: "SELECT, INSERT", .prober: "INSERT", .purge: "SELECT, DELETE"]) { $1 }),
        ObjectRights(.table, "daybook.migration", reading()),
        ObjectRights(.table, "daybook.month_close", reading(.sla)),
        ObjectRights(.table, "daybook.month_close_file", reading()),
        ObjectRights(.table, "daybook.month_reopen", reading(.sla)),
        ObjectRights(.table, "daybook.recorded_month", reading(.sla)),
        ObjectRights(.table, "daybook.statement_delivery", reading()),
        ObjectRights(.table, "daybook.statement_delivery_outcome", reading()),
        ObjectRights(.table, "daybook.statement_acceptance", reading()),
        ObjectRights(.table, "daybook.sent_letter", reading()),
        ObjectRights(.table, "daybook.month_step", reading()),
        ObjectRights(.table, "daybook.month_report", reading()),
        ObjectRights(.table, "daybook.service_credit", reading()),
        ObjectRights(.table, "daybook.service_credit_event", reading()),
        ObjectRights(.table, "daybook.ledger_carry", reading(.sla)),
        ObjectRights(
            .table, "daybook.settlement_fact",
            reading(.sla).merging([.purge: "SELECT, INSERT (user_id, batch_id, settled_at)"]) { $1 }),
        ObjectRights(.table, "daybook.ledger_price", reading(.sla)),
        ObjectRights(.table, "daybook.carried_lot", reading()),
        ObjectRights(.table, "daybook.carried_draw", reading()),
        ObjectRights(.table, "daybook.carried_shortfall", reading()),
        ObjectRights(.table, "daybook.carried_batch", reading()),
    ]

    /// What a purge writes down: added to, and changed only where a run goes on. Triggers hold the rest.
    private static let evidence = [
        ObjectRights(
            .table, "daybook.task_fact",
            reading(.sla).merging([
                .purge: "SELECT, INSERT (user_id, task_id, terminal_at, terminal_estimated), "
                    + "UPDATE (terminal_at, terminal_estimated)"
            ]) { $1 }),
        // What earlier versions counted; nothing is added to it any more.
        ObjectRights(.table, "daybook.access_day", reading()),
        ObjectRights(
            .table, "daybook.access_total", reading().merging([.purge: "SELECT, INSERT, UPDATE (accesses)"]) { $1 }),
        ObjectRights(
            .table, "daybook.probe_day",
            reading(.sla).merging([
                .purge: "SELECT, INSERT, UPDATE (up_minutes, down_minutes, first_probe_at)"
            ]) { $1 }),
        ObjectRights(
            .table, "daybook.purge_run",
            reading().merging([
                .purge: """
                SELECT, INSERT (run_id, as_of, account, plan, plan_sha256, policy_sha256, hold_sha256, forced,
                    program_version, host, archive_folder, archive_cipher, archive_days, archive_state, holds,
                    redacted_columns),
                UPDATE (state, finished_at, manifest_sha256, archive_expires_at, archive_state)
                """
            ]) { $1 }),
        ObjectRights(.table, "daybook.purge_cutoff", reading().merging([.purge: "SELECT, INSERT"]) { $1 }),
        ObjectRights(
            .table, "daybook.purge_sweep",
            reading().merging([.purge: "SELECT, INSERT, UPDATE (state, next_page, pages, bounds)"]) { $1 }),
        ObjectRights(
            .table, "daybook.purge_segment",
            reading().merging([
                .purge: """
                SELECT, INSERT (run_id, segment, data_class, relation, file_name, column_names, row_count, size_bytes,
                    sha256, csv_sha256)
                """
            ]) { $1 }),
        ObjectRights(
            .table, "daybook.purge_total",
            reading().merging([.purge: "SELECT, INSERT, UPDATE (row_count, oldest, newest)"]) { $1 }),
        ObjectRights(
            .table, "daybook.task_redaction",
            reading().merging([.purge: "SELECT, INSERT (user_id, task_id, run_id), UPDATE (run_id, redacted_at)"]) {
                $1
            }),
        ObjectRights(
            .table, "daybook.erasure",
            reading().merging([
                .purge: """
                SELECT, INSERT (run_id, scope, user_id, video_id, reference, reason, requested_by, erased_before),
                UPDATE (settled_run)
                """
            ]) { $1 }),
        ObjectRights(
            .table, "daybook.retention_certificate",
            reading().merging([
                .purge: "SELECT, INSERT (sequence, kind, run_id, document, sha256, previous_sha256, folder, face)"
            ]) { $1 }),
        ObjectRights(.table, "daybook.retention_look", reading()),
    ]

    /// The hashes of keys, the allowances, and the nonce that a callback's address holds are nobody's.
    private static let engine = [
        ObjectRights(.table, "daybook.api_key"),
        ObjectRights(.table, "daybook.key_allowance"),
        // Counts alone, without addresses.
        ObjectRights(.table, "daybook.key_usage", reading()),
        ObjectRights(.table, "daybook.served_minute", reading(.sla)),
        ObjectRights(
            .table, "daybook.submission",
            reading(
                columns: """
                    user_id, task_id, attempt, worker_id, outcome, intent_at, answered_at, provider_task_id, remark,
                    late_success_at, is_hinted
                    """)),
        // Without the nonce, which lets in callbacks.
        ObjectRights(
            .table, "daybook.provider_hint",
            reading(
                columns: """
                    user_id, task_id, provider_task_id, heard_at, next_ask_at, times_asked, times_missing, outcome,
                    provider_status, status_at
                    """)),
        // Without the secrets, which sign.
        ObjectRights(
            .table, "daybook.webhook_endpoint",
            reading(
                columns: """
                    user_id, endpoint_id, url, earlier_until, consecutive_misses, created_at, disabled_at,
                    disabled_because
                    """)),
        // Without the provider's address, which is as good as a key while it lives.
        ObjectRights(
            .table, "daybook.video_copy",
            reading(
                columns: """
                    user_id, task_id, provider_task_id, state, found_at, give_up_at, attempts, remark, sha256,
                    size_bytes, content_type, ended_at, removed_at, removed_run, gone_at, was_there
                    """
            ).merging([.purge: "SELECT, UPDATE (state, removed_at, removed_run, gone_at, was_there)"]) { $1 }),
        // Without the digests of the tokens, which let in.
        ObjectRights(
            .table, "daybook.video_share", reading(columns: "user_id, task_id, created_at, expires_at, revoked_at")),
        ObjectRights(.table, "daybook.video_store", reading()),
        ObjectRights(
            .table, "daybook.purge_video",
            reading().merging([.purge: "SELECT, INSERT, UPDATE (missing, video_bytes)"]) { $1 }),
        ObjectRights(.table, "daybook.webhook_event", reading().merging([.purge: "SELECT, DELETE"]) { $1 }),
        ObjectRights(.table, "daybook.webhook_delivery", reading()),
        ObjectRights(.table, "daybook.webhook_attempt", reading()),
        // Its one row would move the engine's clock.
        ObjectRights(.table, "daybook.test_clock"),
    ]

    private static let work = [
        "withdrawal", "foreign_freeze", "earlier_freeze", "lot", "batch", "draw", "entry", "worker", "model_gate",
        "task", "ready_customer", "work_count",
    ].map { ObjectRights(.table, "daybook.\($0)", reading()) }

    private static let functions = [
        ObjectRights(.function, "daybook.place_account_hold(uuid, text)", [.importer: "EXECUTE"]),
        ObjectRights(
            .function, "daybook.set_terms(uuid, date, text, text, text, numeric, text)", [.importer: "EXECUTE"]),
        ObjectRights(
            .function, "daybook.release_account_hold(uuid, text)", allowed: [.importer: "EXECUTE"]),
        ObjectRights(
            .function, "public.freeze_credits_for_batch(uuid, uuid, integer)", allowed: [.service: "EXECUTE"]),
        ObjectRights(
            .function, "public.finalize_batch_credits(uuid, uuid, integer)", allowed: [.service: "EXECUTE"]),
    ]

    private static let deployment = [
        ObjectRights(.table, "public.users", reading()),
        ObjectRights(.table, "public.credit_wallet", reading()),
        ObjectRights(
            .table, "public.credit_ledger",
            reading().merging([
                .sla: "SELECT (id, user_id, type, model, credits_delta, ref_type, ref_id, meta, created_at)"
            ]) { $1 }),
        ObjectRights(
            .table, "public.batch_jobs",
            reading().merging([
                .sla: """
                SELECT (id, user_id, status, total_count, success_count, failed_count, cost_per_video, frozen_credits,
                    credits_spent, settlement_status, webhook_url, webhook_status, request_id, created_at, updated_at,
                    completed_at)
                """
            ]) { $1 }),
        ObjectRights(
            .table, "public.video_tasks",
            reading().merging([
                .sla: """
                SELECT (id, user_id, model, status, failure_reason, failure_type, created_at, updated_at, completed_at,
                    batch_job_id, batch_index, attempts)
                """
            ]) { $1 }),
        ObjectRights(
            .table, "public.enterprise_api_keys",
            reading(columns: "id, user_id, is_active").merging([.sla: "SELECT (id, user_id, is_active)"]) { $1 }),
        ObjectRights(
            .table, "public.enterprise_api_usage",
            reading().merging([.sla: "SELECT (id, api_key_id, created_at, request_id, batch_job_id)"]) { $1 }),
        ObjectRights(.table, "public.video_external_access_log", reading()),
    ]

    /// What every role has that reads all of the books, and others beside it.
    private static func reading(_ more: DocumentedRole..., columns: String? = nil) -> [DocumentedRole: String] {
        let roles = [.report, .purge, .auditor] + more
        return Dictionary(uniqueKeysWithValues: roles.map { ($0, columns.map { "SELECT (\($0))" } ?? "SELECT") })
    }
}
