import Foundation

/// The document `report.json`, key by key.
struct ReportDocument: Decodable {
    struct Parameter: Decodable {
        let name: String
        let type: ReportDefinition.Parameter.Kind
        let description: String?
        let optional: Bool?
        let `default`: String?
    }

    struct Column: Decodable {
        let format: String?
        let title: String?
        let width: Double?
    }

    struct Sheet: Decodable {
        let title: String
        let note: String?
        let query: String
        let columns: [String: Column]?
    }

    let title: String
    let parameters: [Parameter]?
    let statementTimeoutSeconds: Int?
    let promises: Bool?
    let sheets: [Sheet]

    /// The first key that no report has: a misspelt one would otherwise be ignored.
    static func unknownKey(_ json: Data) throws -> String? {
        guard let top = try JSONSerialization.jsonObject(with: json) as? [String: Any] else { return nil }
        func unknown(_ objects: [Any], _ known: Set<String>) -> String? {
            objects.compactMap { $0 as? [String: Any] }.flatMap(\.keys).sorted().first { !known.contains($0) }
        }
        let sheets = top["sheets"] as? [Any] ?? []
        let columns = sheets.compactMap { ($0 as? [String: Any])?["columns"] as? [String: Any] }.flatMap(\.values)
        return unknown([top], ["title", "parameters", "statement_timeout_seconds", "promises", "sheets"])
            ?? unknown(top["parameters"] as? [Any] ?? [], ["name", "type", "description", "optional", "default"])
            ?? unknown(sheets, ["title", "note", "query", "columns"]) ?? unknown(columns, ["format", "title", "width"])
    }

    /// What is wrong with a document, in a few words.
    static func sentence(_ error: any Error) -> String {
        switch error {
        case DecodingError.keyNotFound(let key, _): "\"\(key.stringValue)\" is missing"
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
            "\"\(context.codingPath.map(\.stringValue).joined(separator: "."))\" has the wrong kind of value"
        case DecodingError.dataCorrupted(let context): context.debugDescription
        default: "it cannot be read"
        }
    }
}
