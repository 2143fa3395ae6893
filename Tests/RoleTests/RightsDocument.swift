import Schema
import TestSupport
import Testing

/// The table of rights as the documents show it.
enum RightsDocument {
    private static let columns: [(title: String, role: DocumentedRole)] = [
        ("`daybook_report`, `daybook_auditor`", .report), ("`daybook_purge`", .purge), ("`daybook_sla`", .sla),
        ("`daybook_prober`", .prober), ("`daybook_importer`", .importer), ("`service_role`", .service),
    ]

    /// What a purge does to a deployment's tables depends on their columns.
    private static let purged = [
        "public.video_external_access_log": "SELECT, DELETE; its partitions too",
        "public.video_tasks": "SELECT, UPDATE of what a redaction clears",
        "public.enterprise_api_usage": "SELECT, UPDATE (ip, user_agent)",
    ]

    /// One row for all objects on which the same may be done.
    static var table: String {
        var rows: [(objects: [String], cells: [String])] = []
        for object in ObjectRights.all {
            let cells = columns.map { cell(object, $0.role) }
            if let index = rows.firstIndex(where: { $0.cells == cells }) {
                rows[index].objects.append(object.object)
            } else {
                rows.append(([object.object], cells))
            }
        }
        let header = ["on"] + columns.map(\.title)
        let lines =
            [header, header.map { _ in "---" }]
            + rows.map { row in
                [row.objects.map { "`\($0)`" }.joined(separator: ", ")] + row.cells
            }
        return lines.map { "| " + $0.joined(separator: " | ") + " |\n" }.joined()
    }

    private static func cell(_ object: ObjectRights, _ role: DocumentedRole) -> String {
        if role == .purge, let text = purged[object.object] { return text }
        if let given = object.given[role] { return oneLine(given) }
        return object.allowed[role].map { "(\(oneLine($0)))" } ?? ""
    }

    private static func oneLine(_ text: String) -> String {
        text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }

    /// The statements that make a role by hand.
    static func script(_ role: DocumentedRole) -> String {
        let given = ObjectRights.all.compactMap { object in
            object.given[role].map { (object.kind, object.object, oneLine($0)) }
        }
        var groups: [(kind: Right.Kind, rights: String, objects: [String])] = []
        for (kind, object, rights) in given {
            if let index = groups.firstIndex(where: { $0.kind == kind && $0.rights == rights }) {
                groups[index].objects.append(object)
            } else {
                groups.append((kind, rights, [object]))
            }
        }
        let grants = groups.map { group in
            wrapped(
                "GRANT \(group.rights) ON \(group.kind.rawValue) \(group.objects.joined(separator: ", ")) TO \(role.rawValue);"
            )
        }
        return (["CREATE ROLE \(role.rawValue) LOGIN;"] + grants).joined(separator: "\n")
    }

    /// Lines of at most 120 columns.
    private static func wrapped(_ text: String) -> String {
        var lines = [""]
        for word in text.split(separator: " ") {
            let line = lines[lines.count - 1]
            if line.isEmpty {
                lines[lines.count - 1] = String(word)
            } else if line.count + word.count + 1 <= 120 {
                lines[lines.count - 1] = line + " " + word
            } else {
                lines.append("    " + word)
            }
        }
        return lines.joined(separator: "\n")
    }
}

@Suite struct RightsDocumentTests {
    @Test func `the documents print the table of rights, and the statements that make each role by hand`() throws {
        #expect(try PrintedPart.difference("operations.md", "rights", RightsDocument.table) == nil)
        for role in DocumentedRole.byHand {
            #expect(
                try PrintedPart.difference(
                    "operations.md", role.rawValue, "```sql\n\(RightsDocument.script(role))\n```\n") == nil)
        }
        for object in ObjectRights.all {
            #expect(object.given[.report] == object.given[.auditor], "\(object.object): one column stands for both")
        }
    }
}
