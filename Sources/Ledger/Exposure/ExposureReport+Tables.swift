public import Documents
import Domain
import Formats

/// The forms of the exposure.
extension ExposureReport {
    private static let frozenStates = State.allCases.filter(\.isFrozen)

    /// Every line, for a file.
    public var table: Table { table("exposure", "Exposure", of: lines) }

    /// What each customer has frozen: the states add up to it.
    public var accountTable: Table {
        let states = Self.frozenStates
        return Table(
            name: "accounts", title: "Frozen credit by customer", note: "",
            columns: [Column("account", .text), Column("frozen", .integer)]
                + states.map { Column($0.rawValue, .integer) },
            rows: totals.map { total in
                [.text(total.account), .integer(total.frozen)]
                    + states.map { Cell.integer(total.byState[$0] ?? 0) }
            })
    }

    /// Frozen credits by state and by how long they have been there.
    public var ageTable: Table {
        let rows = Self.frozenStates.compactMap { state -> [Cell]? in
            let own = lines.filter { $0.state == state }
            guard !own.isEmpty else { return nil }
            return [.text(state.rawValue)]
                + Age.allCases.map { age in
                    .integer(
                        own.filter { Age(seconds: ageSeconds($0) ?? 0) == age }.reduce(0) { $0 + ($1.credits ?? 0) })
                }
        }
        return Table(
            name: "ages", title: "Frozen credit by state and age", note: "",
            columns: [Column("state", .text)] + Age.allCases.map { Column($0.rawValue, .integer) }, rows: rows)
    }

    /// The lines of one state.
    public func table(of state: State, title: String) -> Table {
        table(state.rawValue, title, of: lines.filter { $0.state == state })
    }

    /// What is not as it should be.
    public var findingTable: Table { table("findings", "What is not as it should be", of: findings) }

    private func table(_ name: String, _ title: String, of lines: [Line]) -> Table {
        Table(
            name: name, title: title, note: "",
            columns: [
                Column("account", .text), Column("state", .text), Column("batch", .identifier),
                Column("task", .identifier), Column("tasks", .integer), Column("credits", .integer),
                Column("refunded", .integer), Column("since", .instant), Column("ends_by", .instant),
                Column("age_seconds", .integer), Column("age", .text), Column("finding", .text),
                Column("detail", .text), Column("user_id", .identifier),
            ],
            rows: lines.map { line in
                let age = ageSeconds(line)
                return [
                    .text(line.account), .text(line.state.rawValue), .text(line.batch), .optional(line.task),
                    .optional(line.tasks), .optional(line.credits), .optional(line.refunded),
                    line.since.map(Cell.instant) ?? .empty, line.endsBy.map(Cell.instant) ?? .empty, .optional(age),
                    .optional(age.map { Age(seconds: $0).rawValue }), .optional(line.finding?.rawValue),
                    .text(line.detail), .text(line.userID),
                ]
            })
    }

    /// All of it as one document, with the snapshot that it is of.
    public func json() throws -> [UInt8] {
        struct Customer: Encodable {
            let account: String
            let userId: String
            let frozen: Int64
            let states: [String: Int64]
        }
        struct Item: Encodable {
            let account: String
            let userId: String
            let state: String
            let batch: String
            let task: String?
            let tasks: Int64?
            let credits: Int64?
            let refunded: Int64?
            let since: String?
            let endsBy: String?
            let ageSeconds: Int64?
            let finding: String?
            let detail: String
        }
        struct Document: Encodable {
            let snapshotAt: String
            let frozen: Int64
            let findings: Int
            let customers: [Customer]
            let lines: [Item]
        }
        let customers = totals.map { total in
            Customer(
                account: total.account, userId: total.userID, frozen: total.frozen,
                states: Dictionary(uniqueKeysWithValues: total.byState.map { ($0.key.rawValue, $0.value) }))
        }
        let items = lines.map { line in
            Item(
                account: line.account, userId: line.userID, state: line.state.rawValue, batch: line.batch,
                task: line.task, tasks: line.tasks, credits: line.credits, refunded: line.refunded,
                since: line.since?.description, endsBy: line.endsBy?.description, ageSeconds: ageSeconds(line),
                finding: line.finding?.rawValue, detail: line.detail)
        }
        return try CanonicalJSON.encode(
            Document(
                snapshotAt: snapshotAt.description, frozen: customers.reduce(0) { $0 + $1.frozen },
                findings: findings.count, customers: customers, lines: items))
    }
}
