public import Domain
public import Postgres

/// What behaves differently for an application once the engine is there: a remark each, by what its database has.
public struct EngineChanges: Sendable, Hashable {
    /// Empty where no application but Daybook made the tables.
    public let remarks: [Remark]

    private static let ledger = TableName("public.credit_ledger")
    private static let wallet = TableName("public.credit_wallet")
    /// The functions that the engine replaces, with the types of their arguments.
    private static let replaced = ["freeze_credits_for_batch", "finalize_batch_credits"]
    private static let arguments = "(uuid, uuid, integer)"

    /// Looks at the session's database, before the engine is there and afterwards.
    public init(_ session: Session) throws {
        let known = try session.query("SELECT to_regclass('public.credit_ledger') IS NOT NULL AS exists")
        guard try known[0].bool("exists"), !(try Migrator.madeService(session)) else {
            remarks = []
            return
        }
        let migrated = try session.query("SELECT to_regclass('daybook.migration') IS NOT NULL AS exists")
        let isThere = try migrated[0].bool("exists") && Migrator.has(.engine, Migration.all, session)
        let paths = try CreditPaths(session)
        let keys = try Self.keys(session)
        let own = paths.routines.filter { $0.schema != "daybook" && !Self.replaced.contains($0.name) }
        let changing = paths.writers(of: Self.ledger, by: [.update, .delete, .truncate])
        let deleting = keys.flatMap { paths.writers(of: TableName($0.parent), by: $0.commands.intersection([.delete])) }
        func signatures(_ routines: [CreditPaths.Routine]) -> String {
            let found = Set(routines.map(\.oid))
            return own.filter { found.contains($0.oid) }.map(\.signature).joined(separator: ", ")
        }
        var remarks = [Remark(Self.settling), Self.appendOnly, Remark(Self.fenced)] + keys.map { Remark($0.sentence) }
        let failing = signatures(changing + deleting)
        if !failing.isEmpty {
            remarks.append(
                Remark(
                    "\(failing): changes or deletes rows of public.credit_ledger, itself or by what it deletes, and "
                        + "fails (DB001) for a user who has any; a user's books keep the id that they were booked "
                        + "under"))
        }
        let booking = signatures(paths.writers(of: Self.wallet, by: [.insert, .update]))
        if !booking.isEmpty {
            remarks.append(
                Remark(
                    "\(booking): writes public.credit_wallet, and each change is mirrored into lots: more is a new "
                        + "lot, less is drawn in the engine's order, another bonus_expires_at is that of all open "
                        + "bonus; where the wallet stops at 0 and the ledger row says more", .verifyLedger))
        }
        remarks += Self.beside(paths.routines)
        self.remarks = remarks.map {
            Remark((isThere ? "since it is here, " : "once it is here, ") + $0.sentence, $0.advice)
        }
    }

    private static let settling =
        "public.freeze_credits_for_batch and public.finalize_batch_credits are its own: bonus does not pay for "
        + "veo-pro; a freeze without enough credit (DB402), of another user's batch (DB404) or of another "
        + "amount than before (DB409) raises and does not answer ok: false; p_spent counts within 0 and what was "
        + "frozen; EXECUTE is the service role's alone"

    private static let appendOnly = Remark(
        "public.credit_ledger is only added to: UPDATE, DELETE and TRUNCATE are refused (DB001)", .correctByAdjusting)

    private static let fenced =
        "a batch that comes over the API, or is taken over, is the engine's: whoever updates its state, provider or "
        + "settlement columns in public.batch_jobs or public.video_tasks changes nothing, without an error, and an "
        + "update of public.batch_jobs of which nothing is left takes no row"

    /// A foreign key by which the ledger's rows go or change with others.
    private struct Key {
        let parent: String
        let constraint: String
        let commands: Set<RoutineText.Command>

        var sentence: String {
            let what = commands.contains(.delete) ? "deleted" : "given another key"
            return "rows of \(parent) that have ledger rows cannot be \(what): \(constraint) hands it on to "
                + "public.credit_ledger, which refuses it (DB001); clear what is personal in the row, and keep the row"
        }
    }

    private static func keys(_ session: Session) throws -> [Key] {
        try session.query(
            """
            SELECT format('%I.%I', n.nspname, p.relname) AS parent, k.conname::text AS constraint,
                k.confdeltype IN ('c', 'n', 'd') AS on_delete, k.confupdtype IN ('c', 'n', 'd') AS on_update
            FROM pg_constraint AS k
            JOIN pg_class AS p ON p.oid = k.confrelid JOIN pg_namespace AS n ON n.oid = p.relnamespace
            WHERE k.contype = 'f' AND k.conrelid = to_regclass('public.credit_ledger')
                AND (k.confdeltype IN ('c', 'n', 'd') OR k.confupdtype IN ('c', 'n', 'd'))
            ORDER BY 1, 2
            """
        ).map { row in
            var commands: Set<RoutineText.Command> = []
            if try row.bool("on_delete") { commands.insert(.delete) }
            if try row.bool("on_update") { commands.insert(.update) }
            return Key(parent: try row.text("parent"), constraint: try row.text("constraint"), commands: commands)
        }
    }

    /// Functions of the replaced names with other arguments stay as they are.
    private static func beside(_ routines: [CreditPaths.Routine]) -> [Remark] {
        let others = routines.filter {
            $0.schema == "public" && replaced.contains($0.name) && !$0.signature.hasSuffix(arguments)
        }
        guard !others.isEmpty else { return [] }
        return [
            Remark(
                "\(others.map(\.signature).joined(separator: ", ")): has other arguments than the engine's, stays as "
                    + "it is, and must not be called any more")
        ]
    }
}
