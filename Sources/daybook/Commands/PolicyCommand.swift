import ArgumentParser
import Domain
import Retention

/// `daybook retention policy …`
struct PolicyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy", abstract: "Longer retentions of one class of data, by contract.",
        subcommands: [Set.self, List.self])

    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Keep one class of an account's data longer than the rest.",
            discussion: "The account's own retention (30, 90 or 180 days) comes with: daybook accounts import")

        @Option(
            help: ArgumentHelp("The account's slug. Without it: the owners who have no account.", valueName: "slug"))
        var account: String?
        @Option(
            name: .customLong("class"),
            help: ArgumentHelp(
                "access_log, task_content, api_usage, webhook_payload or video_files.", valueName: "class"),
            transform: { text in
                guard let dataClass = DataClass(rawValue: text) else {
                    throw ValidationError(
                        "\"\(text)\" is none of access_log, task_content, api_usage, webhook_payload and video_files.")
                }
                return dataClass
            })
        var dataClass: DataClass
        @Option(
            parsing: .unconditional,
            help: ArgumentHelp(
                "Days, at least the account's own; the same takes the override away.", valueName: "days"),
            transform: WholeNumber.within(Limits.retentionDaysRange))
        var days: Int64
        @Option(help: ArgumentHelp("Why, the contract's clause for instance.", valueName: "text")) var reason: String
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            try await database.withConnection {
                try await Policies().set(dataClass, days: days, account: account, reason: reason, $0)
            }
            Terminal.show("\(dataClass.rawValue) of \(account ?? "owners without an account"): \(days) days")
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List how long what is kept, account by account.")
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            let nobody = "(no account)"
            let rows = try await Reading.texts(
                database,
                """
                SELECT coalesce(nullif(a.slug, ''), '\(nobody)'), c.data_class,
                    greatest(a.retention_days, coalesce(p.retention_days, 0))::text, a.time_zone, p.reason, p.set_by,
                    p.set_at
                FROM (
                    SELECT user_id, slug, retention_days, time_zone FROM daybook.account
                    UNION ALL
                    SELECT '\(Policies.everybodyElse)', '', \(Limits.defaultRetentionDays), 'UTC'
                ) AS a
                CROSS JOIN unnest(ARRAY[\(Policies.classes)]) AS c (data_class)
                LEFT JOIN daybook.retention_policy AS p ON p.user_id = a.user_id AND p.data_class = c.data_class
                ORDER BY a.slug = '', c.data_class COLLATE "C"
                """)
            var table = TextTable(columns: [
                "account", "class", .number("days"), "time zone", "reason", "set by", "set at",
            ])
            // Who has no account comes last, as the server has it.
            let accounts = rows.filter { $0[0] != nobody }.inNaturalOrder { $0[0] }
            for row in accounts + rows.filter({ $0[0] == nobody }) { table.add(row) }
            table.show()
            Terminal.show("\nProbes: \(Limits.probeRetentionDays) days.")
        }
    }
}
